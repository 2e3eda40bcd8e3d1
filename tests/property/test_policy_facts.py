"""The decision program and Python's second look agree on identities, certificates, statements and models, too.

As in `test_policy_agreement`: what is drawn is near to what counts, and each part of it may be the wrong one.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from secmount.policy import attestations, glob, recheck
from secmount.policy.credit.count import Credit, credit
from secmount.policy.credit.question import Question
from secmount.policy.decision import Approved, decide
from secmount.policy.input import Request, data, document
from secmount.policy.rules import AttestationRule, Condition, Deny, Group, Policy, Rule, match
from secmount.trust.evidence import Attestation, Evidence, Signature, SignatureTime
from secmount.trust.root import TrustRoot
from secmount.trust.signer import KeylessSigner, KeySigner, Signer, X509Signer
from tests.support.examples import examples
from tests.support.facts import principal as principal_of
from tests.support.policies import DECISION, KEYS, NAME, NOW, artifact, digest, engine, index

HOUR = 3_600_000
ISSUER = "https://issuer.example"
TIMES = st.sampled_from([None, NOW - HOUR - 1, NOW - HOUR, NOW - HOUR + 1, NOW, NOW + 300_000, NOW + 300_001])
IDENTITIES = ["https://x.example/a/b.yml@refs/tags/v1", "https://x.example/a/b.yml@refs/tags/v2@3"]
IDENTITIES += ["https://x.example/a/b.yml@refs/heads/c@refs/tags/v1", "https://x.example/a/b.yml", "ann@x.example"]
IDENTITIES += ["https://x.example/a/b.yml@refs/tags/@", "https://x.example/a@b/b.yml@0123abcd", "https://x.example/a@"]
PATTERNS = ["https://x.example/a/b.yml@refs/tags/**", "https://x.example/**@refs/tags/v1", "https://x.example/**"]
PATTERNS += ["**", "*@x.example", "https://x.example/*/b.yml@refs/**", "ann@x.example"]
CLAIMS: list[dict[str, str]] = [{}, {"source-repository": "r"}, {"source-repository": "r", "build-trigger": "push"}]
ROOTS = ["sha256:" + mark * 64 for mark in "ab"]
SUBJECTS = ["CN=release,O=Acme", "CN=release", "CN=other,O=Acme"]
NAMES = ("key", "other-key", "flow", "person", "corp")
PREDICATES: list[Any] = [
    {"ok": True},
    {"ok": 1},
    {"ok": "true"},
    {"a": [{"b": 1.0}]},
    {"a": {"0": {"b": 2}}},
    [],
    None,
    7,
]
PREDICATES += [
    {"a": {"01": {"b": 1}}},
    {"big": 1 << 60, "ok": True},
    {"ok": 1.5},
    {"a/b": {"~": "x"}},
    {"a": [[], [3]]},
]
POINTERS = ["/ok", "/a/0/b", "/a/01/b", "/a~1b/~0", "/a/1/0", "/0", "/", "/ok/ok"]
VALUES = st.sampled_from([True, 1, 2, 3, "true", "x", 0, False])


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


@st.composite
def signers(draw: st.DrawFn) -> dict[str, Signer]:
    def bounds() -> dict[str, Any]:
        rare = st.sampled_from([None] * 12 + [NOW - HOUR, NOW])
        revoked = draw(st.sampled_from([False] * 15 + [True]))
        window = {"valid_from": draw(rare), "valid_until": draw(rare)}
        return {"revoked": revoked, "revoked_since": draw(rare), **window}

    def flow(name: str) -> KeylessSigner:
        root = TrustRoot("r", draw(st.sampled_from([ROOTS[0]] * 5 + ROOTS)), b"")
        pattern = glob.identity(draw(st.sampled_from(PATTERNS)))
        return KeylessSigner(name, 1, ISSUER, pattern, root, draw(st.sampled_from(CLAIMS)), **bounds())

    keyed = {
        name: KeySigner(name, 1, KEYS[key].spki, KEYS[key].principal, **bounds())
        for name, key in (("key", "release"), ("other-key", "ci"))
    }
    corp = X509Signer(
        "corp", 1, (), ROOTS[0], draw(st.sampled_from([{"CN": "release"}, {"CN": "release", "O": "Acme"}])), **bounds()
    )
    return {**keyed, "flow": flow("flow"), "person": flow("person"), "corp": corp}


@st.composite
def who(draw: st.DrawFn) -> dict[str, Any]:
    """Draw whom a fact is by: nearly always coherent, and named by one or two signers, rightly or not."""
    kind = draw(st.sampled_from(["key", "keyless", "keyless", "x509"]))
    some = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)
    names = tuple(draw(st.one_of(st.just(NAMES), st.just(NAMES), some)))
    usual = st.one_of(st.just(NOW - 1), st.just(NOW - 1), TIMES)
    time = SignatureTime(draw(usual), None, draw(usual), None)
    common: dict[str, Any] = {"signers": names, "time": time}
    common["expires_ms"] = draw(st.sampled_from([None] * 6 + [NOW + 1, NOW]))
    if kind == "key":
        return common | {"principal": KEYS[draw(st.sampled_from(["release", "release", "ci", "qa"]))].principal}
    root = draw(st.sampled_from([ROOTS[0]] * 6 + [ROOTS[1], None]))
    if kind == "x509":
        subject = draw(st.sampled_from(SUBJECTS))
        said = dict(part.split("=") for part in subject.split(","))
        principal = draw(st.sampled_from([f"x509 {root} {subject}"] * 4 + [f"x509 {ROOTS[1]} {subject}"]))
        return common | {"principal": principal, "identity": subject, "claims": said, "root": root}
    issuer = draw(st.sampled_from([ISSUER] * 8 + [f"{ISSUER}/"]))
    identity = draw(st.sampled_from(IDENTITIES[:2] + IDENTITIES))
    principal = draw(st.sampled_from([principal_of(issuer, identity)] * 6 + [f"{issuer} {identity}", issuer]))
    more = {"root_updated_ms": draw(usual), "claims": draw(st.sampled_from([CLAIMS[2], *CLAIMS]))}
    return common | {"principal": principal, "issuer": issuer, "identity": identity, "root": root, **more}


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    by = draw(who())
    shared = [KEYS["release"].principal, KEYS["ci"].principal, "sha256:" + "c" * 64]
    if by["principal"].startswith("x509 "):
        by["key"] = draw(st.sampled_from([None, *shared, *shared]))
    files = draw(st.sampled_from([None] * 4 + [{"a": digest("1")}, {"a": digest("2")}]))
    bound = draw(st.sampled_from([None, NAME, NAME, NAME, "ghcr.io/acme/other"]))
    about = digest(draw(st.sampled_from(["manifest", "manifest", "index"])))
    return Signature("test", about, bound_to=bound, files=files, **by)


@st.composite
def statements(draw: st.DrawFn) -> Attestation:
    form, predicate = draw(st.sampled_from(["t", "t", "u"])), draw(st.sampled_from(PREDICATES))
    bound = draw(st.sampled_from([None, None, NAME, "ghcr.io/acme/other"]))
    about = digest(draw(st.sampled_from(["manifest", "manifest", "index"])))
    return Attestation("test", about, form, predicate, bound_to=bound, **draw(who()))


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    pointer = draw(st.sampled_from(POINTERS))
    values: list[Any] = draw(st.lists(VALUES, min_size=1, max_size=3, unique_by=lambda value: (type(value), value)))
    return Condition(pointer, attestations.parse(pointer), tuple(values))


@st.composite
def wanted(draw: st.DrawFn) -> AttestationRule:
    names = tuple(draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=True)))
    where = tuple(draw(st.lists(conditions(), max_size=1)))
    return AttestationRule(1, draw(st.sampled_from(["t", "t", "u"])), names, where)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    names = draw(st.permutations(NAMES))
    sizes = draw(st.sampled_from([(5,), (5,), (4,), (1, 4), (2, 3)]))
    groups: list[Group] = []
    at = 0
    for size in sizes:
        members = tuple(names[at : at + size])
        groups.append(Group(members, draw(st.sampled_from([1, 1, min(2, size)]))))
        at += size
    return Rule(
        name="r",
        line=1,
        match=match("ghcr.io/acme/**"),
        require=tuple(groups),
        artifact_types=draw(st.sampled_from([None, None, (glob.media_type("**"),)])),
        annotations=draw(st.sampled_from([{}, {}, {"a": ("b",)}])),
        exclude=draw(st.sampled_from([(), (), (glob.path("*.pkl"),)])),
        max_age=draw(st.sampled_from([None, None, HOUR])),
        bind=draw(st.sampled_from(["named", "named", "any", "repository"])),
        attestations=tuple(draw(st.lists(wanted(), max_size=1))) if draw(st.booleans()) else (),
        no_rollback=draw(st.sampled_from([None, "tag", "repository"])),
        model_signing_partial=draw(st.booleans()),
    )


def compare(proof: Evidence, policy: Policy, newest: int | None) -> Credit:
    [rule] = policy.rules
    resolution = artifact(index=index(), annotations={"a": "b"})
    given = document(resolution, proof, request=Request(), now_ms=NOW, newest_ms=newest)
    answer = engine().evaluate(given, policy)
    asked = Question(resolution, proof, policy, rule, NOW, newest)
    found = credit(asked)
    against = list(recheck.disagreements(asked, found, answer.approved))
    assert answer.allow is (not against), (against, answer.deny)
    more: dict[str, Any] = {"now_ms": NOW, "exec_asked": False, "newest_ms": newest}
    verdict = decide(resolution, proof, policy, rule, answer, decision_id=DECISION, **more)
    assert isinstance(verdict, Approved) is answer.allow
    assert answer.valid_until is None or answer.valid_until > NOW
    if isinstance(verdict, Approved):
        assert verdict.obligations.files == found.files
        least = sum(group.threshold for group in rule.require)
        assert len({row.principal for row in found.signatures}) >= least
        assert len({row.key or row.principal for row in found.signatures}) >= least
    return found


@examples(250)
@given(
    rule=rules(),
    trusted=signers(),
    proofs=st.lists(signatures(), min_size=1, max_size=5),
    said=st.lists(statements(), max_size=3),
    age=st.sampled_from([None, None, HOUR]),
    newest=maybe(TIMES),
)
def test_the_program_and_python_agree_on_facts(
    rule: Rule,
    trusted: dict[str, Signer],
    proofs: list[Signature],
    said: list[Attestation],
    age: int | None,
    newest: int | None,
) -> None:
    policy = Policy("/p", trusted, (rule,), Deny(), "sha256:r", (), data(trusted, (rule,), Deny(), age), (), age)
    compare(Evidence(digest("manifest"), tuple(proofs), tuple(said)), policy, newest)


@examples(150)
@given(wanted=wanted(), predicate=st.sampled_from(PREDICATES))
def test_they_agree_on_predicates(wanted: AttestationRule, predicate: Any) -> None:
    key: Signer = KeySigner("key", 1, KEYS["release"].spki, KEYS["release"].principal)
    trusted = {name: key for name in NAMES}
    rule = Rule("r", 1, match("**"), (), unsigned=True, attestations=(wanted,))
    policy = Policy("/p", trusted, (rule,), Deny(), "sha256:r", (), data(trusted, (rule,), Deny()))
    said = Attestation("test", digest("manifest"), "t", predicate, NAMES, KEYS["release"].principal)
    compare(Evidence(digest("manifest"), (), (said,)), policy, None)
