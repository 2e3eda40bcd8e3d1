"""Reading keyless signers: both halves of an identity, exact claims, a caller, a trust root inside the folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secmount.errors import InputError
from secmount.policy import folder, shipped
from secmount.policy.toml import Finding
from secmount.trust.claims import CLAIMS
from secmount.trust.root import ROOT_LIMIT, TrustRoot
from secmount.trust.signer import KeylessSigner, X509Signer
from tests.support import facts
from tests.support.facts import AUTHORITY, CALLER, CI, GITHUB, OTHER_ROOT, PERSON, ROOT, WORKFLOW, default_root, sha256
from tests.support.policies import write

UID = os.getuid()


def only(root: Path, toml: str, **files: bytes) -> Finding:
    """Give the one error of a policy with the tables `toml`."""
    reading = folder.read(write(root, f"version = 1\n{toml}", **(facts.FILES | files)), uid=UID)
    [finding] = [row for row in reading.findings if row.severity == "error"]
    return finding


def test_a_keyless_signer_is_what_its_table_says(tmp_path: Path) -> None:
    since = CI + "revoked-since = 2026-01-01T00:00:00Z\nvalid = { until = 2027-01-01T00:00:00Z }\n"
    policy = facts.load(tmp_path / "p", 'signers = ["ci-workflow"]', signers=since)
    signer = policy.signers["ci-workflow"]
    assert isinstance(signer, KeylessSigner)
    assert (signer.issuer, signer.identity.text) == (GITHUB, f"{WORKFLOW}@refs/tags/**")
    assert (signer.claims, signer.revoked, signer.message_signature) == ({"source-repository": CALLER}, False, False)
    assert (signer.valid_until, signer.revoked_since) == (1_798_761_600_000, 1_767_225_600_000)
    assert (signer.root.source, signer.root.digest, signer.root.raw) == ("acme.json", sha256(ROOT), ROOT)
    assert signer.root.updated_ms is None
    assert "acme.json" in [file.path for file in policy.files]


@pytest.mark.parametrize(
    ("gone", "want"),
    [("issuer", "issuer and identity, both"), ("identity", "issuer and identity, both")],
)
def test_issuer_and_identity_are_both_needed(tmp_path: Path, gone: str, want: str) -> None:
    toml = "\n".join(line for line in PERSON.splitlines() if not line.startswith(gone))
    finding = only(tmp_path / "p", toml)
    assert (finding.code, finding.got, finding.want) == ("SM1205", f"no {gone}", want)


@pytest.mark.parametrize(
    "issuer",
    [
        "http://issuer.example",
        "issuer.example",
        "https://",
        "https://issuer.example ",
        "https://issuer .example",
        "https://issuer.example\\tx",
        "https://issuer.example\\u00a0x",
        "https://issuer.exampl\\u00e9",
        "HTTPS://issuer.example",
        "",
    ],
)
def test_an_issuer_is_https_and_has_no_whitespace(tmp_path: Path, issuer: str) -> None:
    """Issuer and identity are one principal, with a space between them."""
    finding = only(tmp_path / "p", PERSON.replace("https://accounts.google.com", issuer))
    assert (finding.code, finding.subject) == ("SM1203", "signers.person.issuer")


@pytest.mark.parametrize("identity", ["", "a@refs/x@refs/y", "a[b]", "a/**b", "!a", "a?"])
def test_an_identity_is_a_pattern_of_the_one_grammar(tmp_path: Path, identity: str) -> None:
    finding = only(tmp_path / "p", PERSON.replace("ann@acme.example", identity))
    assert (finding.code, finding.subject) == ("SM1203" if not identity else "SM1206", "signers.person.identity")


@pytest.mark.parametrize(
    ("claims", "code", "subject"),
    [
        ("{}", "SM1203", "claims"),
        ('{ source-repository = "" }', "SM1203", "claims.source-repository"),
        ('{ source-repository = ["x"] }', "SM1203", "claims.source-repository"),
        ('{ source-repository = "https://github.com/**" }', "SM1206", "claims.source-repository"),
        ('{ Source-Repository = "x" }', "SM1202", "claims.Source-Repository"),
        ('{ issuer = "x" }', "SM1202", "claims.issuer"),
        ('"x"', "SM1203", "claims"),
    ],
)
def test_claims_are_known_and_exact(tmp_path: Path, claims: str, code: str, subject: str) -> None:
    finding = only(tmp_path / "p", PERSON + f"claims = {claims}\n")
    assert (finding.code, finding.subject) == (code, f"signers.person.{subject}")


def test_every_claim_that_certificates_have_can_be_asked_for(tmp_path: Path) -> None:
    table = ", ".join(f'{name} = "x"' for name in CLAIMS)
    policy = facts.load(tmp_path / "p", 'signers = ["person"]', signers=PERSON + f"claims = {{ {table} }}\n")
    signer = policy.signers["person"]
    assert isinstance(signer, KeylessSigner)
    assert dict(signer.claims) == dict.fromkeys(sorted(CLAIMS), "x")


@pytest.mark.parametrize("issuer", [GITHUB, f"{GITHUB}/acme", GITHUB.replace("token", "TOKEN"), f"{GITHUB}:443"])
def test_a_github_identity_needs_its_caller(tmp_path: Path, issuer: str) -> None:
    toml = "\n".join(line for line in CI.splitlines() if not line.startswith("claims")).replace(GITHUB, issuer)
    finding = only(tmp_path / "p", toml)
    assert (finding.code, finding.subject) == ("SM1232", "signers.ci-workflow.identity")
    assert "source-repository" in str(finding.want)


def test_any_caller_must_be_said_and_then_counts(tmp_path: Path) -> None:
    toml = CI.replace(f'claims = {{ source-repository = "{CALLER}" }}', "any-caller = true")
    assert toml != CI
    assert "ci-workflow" in facts.load(tmp_path / "p", 'signers = ["ci-workflow"]', signers=toml).signers
    assert only(tmp_path / "q", toml.replace("true", "false")).code == "SM1232"


@pytest.mark.parametrize("toml", [CI + "any-caller = true\n", PERSON + "any-caller = true\n"])
def test_any_caller_where_it_means_nothing(tmp_path: Path, toml: str) -> None:
    assert only(tmp_path / "p", toml).code == "SM1205"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Expecting value"),
        (b"[]", "root"),
        (b"{}", "mediaType"),
        (ROOT.replace(b"trustedroot", b"bundle"), "bundle"),
        (ROOT.replace(AUTHORITY, b""), "none"),
        (ROOT.replace(b'"tlogs":[]', b'"mediaType":"x"'), "stands twice"),
        (ROOT.replace(b'"tlogs":[]', b'"tlog":[]'), "tlog"),
        (ROOT + b"{}", "Extra data"),
    ],
)
def test_a_trust_root_looks_like_one(tmp_path: Path, data: bytes, said: str) -> None:
    finding = only(tmp_path / "p", PERSON, **{"acme.json": data})
    assert (finding.code, finding.subject) == ("SM1230", "signers.person.trusted-root")
    assert said in str(finding.got)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("gone.json", "SM1213"),
        ("../acme.json", "SM1213"),
        ("/etc/hostname", "SM1213"),
        ("default-root.json", "SM1213"),
        ("keys", "SM1213"),
        ("large.json", "SM1215"),
    ],
)
def test_a_trust_root_lies_in_the_folder(tmp_path: Path, path: str, code: str) -> None:
    toml = PERSON.replace("acme.json", path)
    files = {"large.json": ROOT + b" " * ROOT_LIMIT, "default-root.json": ROOT}
    finding = only(tmp_path / "p", toml, **files)
    assert (finding.code, finding.subject) == (code, "signers.person.trusted-root")


def test_the_default_root_is_part_of_the_policy_where_a_signer_stands_under_it(tmp_path: Path) -> None:
    toml = f"version = 1\n{PERSON.replace('trusted-root', '#')}"
    path = write(tmp_path / "p", toml)
    with pytest.raises(InputError) as caught:
        folder.load(path, uid=UID)
    assert caught.value.code == "SM1234"
    policy = folder.load(path, uid=UID, default_root=default_root)
    signer = policy.signers["person"]
    assert isinstance(signer, KeylessSigner)
    assert signer.root == default_root()
    assert next((file.path, file.data) for file in policy.files) == (folder.DEFAULT_ROOT, OTHER_ROOT)
    assert policy.revision == folder.revision(policy.files, shipped.program().digest)

    def newer() -> TrustRoot:
        return TrustRoot("newer", sha256(ROOT), ROOT)

    assert folder.load(path, uid=UID, default_root=newer).revision != policy.revision


def test_the_default_root_is_not_read_for_nobody(tmp_path: Path) -> None:
    def never() -> TrustRoot:
        raise AssertionError

    path = write(tmp_path / "p", f'version = 1\n{CI}[signers.a]\nkey = "keys/ci.pub"\n', **facts.FILES)
    without = folder.load(path, uid=UID)
    assert folder.load(path, uid=UID, default_root=never).revision == without.revision


@pytest.mark.parametrize(
    ("keys", "got"),
    [
        ('key = "keys/ci.pub"\nissuer = "https://x.example"', "key and issuer"),
        ('key = "keys/ci.pub"\nclaims = { source-repository = "x" }', "key and issuer"),
        ('key = "keys/ci.pub"\nany-caller = false', "key and issuer"),
        ('key = "keys/ci.pub"\nsubject = { CN = "x" }', "key and x509"),
        ('issuer = "https://x.example"\nidentity = "x"\nrevocation = "none"', "issuer and x509"),
        ("revoked = true", "no key"),
    ],
)
def test_a_signer_is_of_one_kind(tmp_path: Path, keys: str, got: str) -> None:
    finding = only(tmp_path / "p", f"[signers.a]\n{keys}\n")
    assert (finding.code, finding.got) == ("SM1205", got)


def test_signatures_that_must_be_logged(tmp_path: Path) -> None:
    toml = f'version = 1\n{CI}logged = true\n{PERSON}logged = false\n[signers.a]\nkey = "keys/ci.pub"\nlogged = true\n'
    signers = folder.load(write(tmp_path / "p", toml, **facts.FILES), uid=UID).signers
    found = {name: signer.logged for name, signer in signers.items() if not isinstance(signer, X509Signer)}
    assert found == {"ci-workflow": True, "person": False, "a": True}
    for more in ("logged = true\n", "logged = 1\n"):
        finding = only(tmp_path / more[9], facts.CORP + more)
        assert (finding.code, finding.subject) == ("SM1205" if "true" in more else "SM1203", "signers.corp.logged")


def test_one_identity_under_one_root_has_one_name(tmp_path: Path) -> None:
    again = PERSON.replace("person", "again")
    finding = only(tmp_path / "p", PERSON + again)
    assert (finding.code, finding.subject) == ("SM1210", "signers.again.identity")
    for number, other in enumerate((again.replace("acme.json", "other.json"), again.replace("ann@", "bob@"))):
        toml = f"version = 1\n{PERSON}{other}"
        assert len(folder.load(write(tmp_path / str(number), toml, **facts.FILES), uid=UID).signers) == 2


def test_a_decision_needs_few_identity_patterns(tmp_path: Path) -> None:
    """Fewer than 100 regexes in all: see `glob.alternatives`."""

    def found(number: int, count: int, keys: str) -> list[tuple[str, str | None]]:
        rows = [PERSON.replace("person", f"p{one}").replace("ann@", f"p{one}@") + keys for one in range(count)]
        names = ", ".join(f'"p{one}"' for one in range(count if not keys else 1))
        toml = f'version = 1\n{"".join(rows)}[[rules]]\nmatch = "**"\nsigners = [{names}]\n'
        reading = folder.read(write(tmp_path / str(number), toml, **facts.FILES), uid=UID)
        return [(row.code, row.subject) for row in reading.findings if row.severity == "error"]

    assert found(0, 48, "") == []
    assert found(1, 49, "") == [("SM1203", "rules[0].signers")]
    assert found(2, 48, "revoked = true\n") == []
    assert found(3, 49, "revoked-since = 2026-01-01T00:00:00Z\n") == [("SM1203", "rules[0].signers")]
