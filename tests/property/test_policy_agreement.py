"""The decision program and Python's second look agree on every policy, artifact and evidence: on what and on whether.

Two implementations that share nothing but values are each other's oracle: `regex.match` of OPA's RE2 against Python's
matcher, credit and thresholds, windows and their edges, floors. An answer that allows must pass `decide`; a denial must
be one that the second look would not have allowed.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from secmount.policy import engine as answers
from secmount.policy import glob, recheck
from secmount.policy.credit.count import credit
from secmount.policy.credit.question import Question
from secmount.policy.decision import Approved, decide
from secmount.policy.input import Request, data, document
from secmount.policy.rules import Deny, Group, Policy, Rule, match
from secmount.registry.resolution import Resolution
from secmount.trust.evidence import Evidence, Signature, SignatureTime
from secmount.trust.signer import KeySigner
from tests.support.examples import examples
from tests.support.policies import DECISION, KEYS, NAME, NOW, RAW, TAR, artifact, digest, engine, index, layer

HOUR = 3_600_000
TIMES = st.sampled_from([None, 0, NOW - HOUR - 1, NOW - HOUR, NOW - HOUR + 1, NOW, NOW + 300_000, NOW + 300_001])
PATHS = st.sampled_from(
    ["a.pkl", "A.PKL", "x/a.pkl", "\u017f/b", "S/b", "x/y/z.bin", "stra\u00dfe", "STRASSE", "a b", "a.pklx"]
)
GLOBS = st.sampled_from(
    ["**/*.pkl", "*.pkl", "x/**", "s/*", "**/strasse", "*", "**", "a*b*", "x/**/*.bin", "**/y/**"]
).map(glob.path)
TYPES = st.sampled_from([RAW, RAW.upper(), TAR, "application/octet-stream", "text/Plain; a=b", "text/x;c=d"])
TYPE_GLOBS = st.sampled_from(["application/vnd.cncf.**", "application/*", "text/*", "APPLICATION/octet-stream"]).map(
    glob.media_type
)
NAMES = tuple(KEYS)


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=2, unique=True).map(tuple)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


@st.composite
def signers(draw: st.DrawFn) -> dict[str, KeySigner]:
    return {
        name: KeySigner(
            name,
            1,
            key.spki,
            key.principal,
            valid_from=draw(maybe(TIMES)),
            valid_until=draw(maybe(TIMES)),
            revoked=draw(st.sampled_from([False, False, True])),
            revoked_since=draw(maybe(TIMES)),
        )
        for name, key in KEYS.items()
    }


@st.composite
def groups(draw: st.DrawFn) -> tuple[Group, ...]:
    names = draw(st.permutations(NAMES))
    cut = draw(st.integers(0, len(names)))
    parts = [part for part in (tuple(names[:cut]), tuple(names[cut:])) if part]
    return tuple(Group(part, draw(st.integers(1, len(part)))) for part in parts[: draw(st.integers(1, 2))])


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    unsigned = draw(st.sampled_from([False, False, False, True]))
    return Rule(
        name="r",
        line=1,
        match=match(draw(st.sampled_from(["**", "ghcr.io/acme/**", NAME]))),
        require=() if unsigned else draw(groups()),
        unsigned=unsigned,
        artifact_types=draw(maybe(some(TYPE_GLOBS))),
        media_types=draw(maybe(some(TYPE_GLOBS))),
        exclude=draw(some(GLOBS)),
        annotations=draw(st.sampled_from([{}, {}, {"a": ("b", "c")}])),
        max_size=draw(st.sampled_from([None, None, 19, 20, 30])),
        max_age=None if unsigned else draw(st.sampled_from([None, None, HOUR])),
        bind="named" if unsigned else draw(st.sampled_from(["named", "repository", "any"])),
        exec=draw(st.booleans()),
    )


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True))
    return Signature(
        "test",
        digest(draw(st.sampled_from(["manifest", "manifest", "index"]))),
        tuple(names),
        KEYS[draw(st.sampled_from([names[0], *NAMES]))].principal,
        bound_to=draw(st.sampled_from([None, NAME, "ghcr.io/acme/other"])),
        time=SignatureTime(draw(TIMES), None, draw(TIMES), None),
    )


DENY = st.builds(
    Deny,
    digests=some(st.sampled_from(["config", "index", "x", "manifest"]).map(digest)),
    media_types=some(
        st.sampled_from(["text/*", "application/vnd.oci.image.index.**", "*/octet-stream", "**"]).map(
            glob.denied_media_type
        )
    ),
    paths=some(st.sampled_from(["x/**", "s/b", "**/y/*"]).map(glob.path)),
)
LAYERS = st.lists(st.builds(layer, st.one_of(PATHS, st.none()), media_type=TYPES), min_size=1, max_size=4)
ANNOTATIONS = st.sampled_from([{}, {"a": "b"}, {"a": "B"}])


def the_policy(rule: Rule, trusted: dict[str, KeySigner], deny: Deny) -> Policy:
    return Policy("/p", trusted, (rule,), deny, "sha256:r", (), data(trusted, (rule,), deny))


def compare(resolution: Resolution, proof: Evidence, policy: Policy) -> None:
    [rule] = policy.rules
    given = document(resolution, proof, request=Request(), now_ms=NOW, newest_ms=None)
    answer = engine().evaluate(given, policy)
    asked = Question(resolution, proof, policy, rule, NOW)
    against = list(recheck.disagreements(asked, credit(asked), answer.approved))
    assert answer.allow is (not against and bool(answer.approved)), (against, answer.deny)
    verdict = decide(resolution, proof, policy, rule, answer, decision_id=DECISION, now_ms=NOW, exec_asked=True)
    assert isinstance(verdict, Approved) is answer.allow
    assert answers.parse(answer.document()) == answer
    assert answer.valid_until is None or answer.valid_until > NOW
    assert verdict.decision.exec is (answer.allow and rule.exec)


@examples(120)
@given(
    rule=rules(),
    trusted=signers(),
    deny=DENY,
    proofs=st.lists(signatures(), max_size=4),
    layers=LAYERS,
    notes=ANNOTATIONS,
)
def test_the_program_and_python_agree(
    rule: Rule,
    trusted: dict[str, KeySigner],
    deny: Deny,
    proofs: list[Signature],
    layers: list[Any],
    notes: dict[str, str],
) -> None:
    resolution = artifact(*layers, index=index(), annotations=notes)
    compare(resolution, Evidence(digest("manifest"), tuple(proofs)), the_policy(rule, trusted, deny))


@examples(60)
@given(rule=rules(), layers=LAYERS, deny=DENY)
def test_they_agree_where_the_signatures_are_good(rule: Rule, layers: list[Any], deny: Deny) -> None:
    trusted = {name: KeySigner(name, 1, key.spki, key.principal) for name, key in KEYS.items()}
    proofs = tuple(
        Signature(
            "test", digest("manifest"), (name,), key.principal, bound_to=NAME, time=SignatureTime(NOW, None, NOW, None)
        )
        for name, key in KEYS.items()
    )
    resolution = artifact(*layers, index=index(), annotations={"a": "b"})
    compare(resolution, Evidence(digest("manifest"), proofs), the_policy(rule, trusted, deny))


@examples(60)
@given(moment=st.integers(-3 * HOUR, 3 * HOUR), before=TIMES, after=TIMES, age=st.sampled_from([None, HOUR]))
def test_an_answer_stands_until_it_says(moment: int, before: int | None, after: int | None, age: int | None) -> None:
    """At any instant inside [decided, valid_until) the program gives the same answer but for valid_until itself."""
    trusted = {name: KeySigner(name, 1, key.spki, key.principal) for name, key in KEYS.items()}
    rule = Rule("r", 1, match("**"), (Group(("release",), 1),), max_age=age)
    policy = the_policy(rule, trusted, Deny())
    proof = Signature(
        "test",
        digest("manifest"),
        ("release",),
        KEYS["release"].principal,
        time=SignatureTime(before, None, after, None),
    )
    evidence = Evidence(digest("manifest"), (proof,))
    now = NOW + moment

    def answer(at: int) -> tuple[bool, int | None]:
        given = document(artifact(), evidence, request=Request(), now_ms=at, newest_ms=None)
        found = engine().evaluate(given, policy)
        return found.allow, found.valid_until

    allow, until = answer(now)
    last = now + 2 * HOUR if until is None else until - 1
    assert answer((now + last) // 2)[0] is allow
    assert answer(last)[0] is allow
