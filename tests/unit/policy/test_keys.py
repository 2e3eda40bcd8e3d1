"""Every key of policy.toml is enforced (a test shows it changing a verdict) or refused with its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secmount.errors import InputError
from secmount.policy import folder
from secmount.policy.toml import Finding
from tests.support.policies import SIGNERS, write

RULE = '[[rules]]\nmatch = "ghcr.io/acme/**"\nsigners = ["release"]\n'
VERDICTS = Path(__file__).with_name("test_verdicts.py").read_text(encoding="utf-8")

# Enforced keys, where they stand, and a text of test_verdicts.py or another file that shows it.
ENFORCED = {
    "version": "version = 1",
    "deny.digests": "digests = [",
    "deny.media-types": "media-types = [",
    "deny.paths": "paths = [",
    "signers.NAME.key": 'key = "keys/release.pub"',
    "signers.NAME.valid.from": "valid = {{ from",
    "signers.NAME.valid.until": "valid = {{ until",
    "signers.NAME.revoked": "revoked = true",
    "signers.NAME.revoked-since": "revoked-since",
    "rules.match": 'match = "ghcr.io/acme/**"',
    "rules.signers": 'signers = ["release"',
    "rules.threshold": "threshold = 2",
    "rules.require": "require = [",
    "rules.unsigned": "unsigned = true",
    "rules.artifact-types": "artifact-types = [",
    "rules.media-types": "media-types = [",
    "rules.exclude": "exclude = [",
    "rules.annotations": "annotations = {",
    "rules.max-size": "max-size",
    "rules.max-unpacked-size": "max-unpacked-size",
    "rules.max-age": "max-age",
    "rules.bind": 'bind = "repository"',
    "rules.namespaces": "namespaces = [",
    "rules.symlinks": "symlinks",
    "rules.exec": "exec = ",
    "trust.max-root-age": 'max-root-age = "30d"',
    "signers.NAME.issuer": "issuer = ",
    "signers.NAME.identity": "identity = ",
    "signers.NAME.claims": "claims=",
    "signers.NAME.any-caller": "any-caller = true",
    "signers.NAME.trusted-root": "acme.json",
    "signers.NAME.x509": "certified(",
    "signers.NAME.subject": "certified(subject",
    "signers.NAME.revocation": 'revocation = "none"',
    "rules.no-rollback": 'no-rollback = "tag"',
    "rules.signatures-from": "signatures-from",
    "rules.model-signing-partial": "model-signing-partial = true",
    "rules.attestations.type": "type = ",
    "rules.attestations.signers": 'signers = ["ci"]\\nwhere',
    "rules.attestations.where": "where = ",
}

# Keys of the design that this version does not enforce: the table they stand in, and a line of them.
LATER = [("custom", 'require = ["licence_ok"]')]


def policy_with(where: str, line: str) -> str:
    """Give a sound policy with `line` in the table that `where` says."""
    parts = {
        "top": "version = 1\n",
        "trust": "",
        "signer": SIGNERS,
        "rule": RULE,
        "attestations": "",
        "custom": "",
    }
    headers = {"trust": "[trust]\n", "attestations": "[[rules.attestations]]\n", "custom": "[custom]\n"}
    if where == "signer":
        parts["signer"] = SIGNERS.replace("[signers.ci]", f"{line}\n[signers.ci]")
    else:
        parts[where] += headers.get(where, "") + line + "\n"
    return "".join(parts.values())


def findings(root: Path, toml: str) -> list[Finding]:
    reading = folder.read(write(root, toml), uid=os.getuid())
    return [finding for finding in reading.findings if finding.severity == "error"]


@pytest.mark.parametrize("key", ENFORCED)
def test_an_enforced_key_has_a_verdict_that_it_changes(key: str) -> None:
    others = [path.read_text("utf-8") for path in Path(__file__).parent.rglob("*.py") if path.name != "test_keys.py"]
    assert any(ENFORCED[key] in text for text in (VERDICTS, *others))


@pytest.mark.parametrize(("where", "line"), LATER)
def test_a_key_that_is_not_enforced_is_refused_with_its_line(tmp_path: Path, where: str, line: str) -> None:
    toml = policy_with(where, line)
    [finding] = findings(tmp_path / "p", toml)
    expected = f"[{where}]"
    assert (finding.code, finding.place.line) == ("SM1204", toml.splitlines().index(expected) + 1)
    assert finding.place.file.endswith("p/policy.toml")
    with pytest.raises(InputError) as caught:
        folder.load(str(tmp_path / "p"), uid=os.getuid())
    assert (caught.value.code, caught.value.place) == ("SM1204", finding.place)


@pytest.mark.parametrize(
    ("where", "line", "near"),
    [
        ("top", "versoin = 1", "'version'?"),
        ("top", "[sginers.x]", "'signers'?"),
        ("trust", 'max-root-ago = "30d"', "'max-root-age'?"),
        ("signer", 'keys = "x"', "'key'?"),
        ("signer", "revoked_since = 2026-01-01T00:00:00Z", "'revoked-since'?"),
        ("rule", "treshold = 2", "'threshold'?"),
        ("rule", 'media_types = ["x/y"]', "'media-types'?"),
        ("rule", "unsinged = false", "'unsigned'?"),
        ("rule", "zzz = 1", "one of"),
    ],
)
def test_an_unknown_key_names_the_nearest(tmp_path: Path, where: str, line: str, near: str) -> None:
    toml = policy_with(where, line)
    found = [finding for finding in findings(tmp_path / "p", toml) if finding.code == "SM1202"]
    assert [finding.place.line for finding in found] == [toml.splitlines().index(line) + 1]
    assert str(found[0].want).startswith(near)


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("deny", "paths = 1"),
        ("signer", "revoked = 1"),
        ("signer", 'revoked = "true"'),
        ("signer", "message-signature = 1"),
        ("signer", 'revoked-since = "2026-01-01T00:00:00Z"'),
        ("signer", "revoked-since = 2026-01-01"),
        ("signer", "revoked-since = 2026-01-01T00:00:00"),
        ("signer", "valid = true"),
        ("signer", "valid = { from = 2026-01-01T00:00:00 }"),
        ("rule", "name = 1"),
        ("rule", 'name = ""'),
        ("rule", 'threshold = "1"'),
        ("rule", "threshold = true"),
        ("rule", "threshold = 1.0"),
        ("rule", "threshold = 0"),
        ("rule", "threshold = -1"),
        ("rule", 'artifact-types = "x/y"'),
        ("rule", "media-types = []"),
        ("rule", 'media-types = ["x/y", "x/y"]'),
        ("rule", 'media-types = ["x/y", 1]'),
        ("rule", 'exclude = [""]'),
        ("rule", "exclude = [[]]"),
        ("rule", 'annotations = ["a"]'),
        ("rule", "annotations = {}"),
        ("rule", 'annotations = { a = "b" }'),
        ("rule", "annotations = { a = [] }"),
        ("rule", "max-size = 40"),
        ("rule", 'max-size = "40"'),
        ("rule", 'max-size = "0B"'),
        ("rule", 'max-size = "-1B"'),
        ("rule", 'max-size = "1.5GiB"'),
        ("rule", 'max-size = "40 GiB"'),
        ("rule", 'max-size = "40gib"'),
        ("rule", 'max-age = "90"'),
        ("rule", 'max-age = "90days"'),
        ("rule", "max-age = 90"),
        ("rule", 'max-age = "\u0669\u0660d"'),
        ("rule", 'bind = "repo"'),
        ("rule", "bind = true"),
        ("rule", "symlinks = true"),
        ("rule", 'exec = "false"'),
        ("rule", "exec = 1"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_line(tmp_path: Path, where: str, line: str) -> None:
    toml = policy_with(where, line) if where != "deny" else f"version = 1\n[deny]\n{line}\n"
    found = findings(tmp_path / "p", toml)
    assert [finding.code for finding in found] == ["SM1203"]
    assert found[0].place.line == toml.splitlines().index(line) + 1


@pytest.mark.parametrize("value", ["2", "0", "true", '"1"', "1.0"])
def test_the_version_is_exactly_one(tmp_path: Path, value: str) -> None:
    [finding] = findings(tmp_path / "p", f"# a policy\nversion = {value}\n")
    assert (finding.code, finding.place.line) == ("SM1203", 2)


def test_a_version_must_be_said(tmp_path: Path) -> None:
    [finding] = findings(tmp_path / "p", "[deny]\n")
    assert finding.code == "SM1203"


@pytest.mark.parametrize(
    "line", ['signers = "x"', "signers = []", "deny = 1", "rules = 1", "rules = [1]", "trust = true", "custom = 1"]
)
def test_a_table_of_another_type_is_refused(tmp_path: Path, line: str) -> None:
    assert {finding.code for finding in findings(tmp_path / "p", f"version = 1\n{line}\n")} <= {"SM1203", "SM1204"}
    assert findings(tmp_path / "q", f"version = 1\n{line}\n")


def test_all_faults_are_found_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    toml = policy_with("rule", 'exec = 1\nmax-age = "x"\nzzz = 1\nno-rollback = "tags"\nexclude = ["[a]"]')
    assert [finding.code for finding in findings(tmp_path / "p", toml)] == [
        "SM1203",
        "SM1203",
        "SM1202",
        "SM1203",
        "SM1206",
    ]
