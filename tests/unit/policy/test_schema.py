"""The schema for editors knows exactly the keys that the loader reads, and the shipped examples fit both."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from secmount.authoring.check import check
from secmount.policy import folder
from secmount.trust.roots.public import public_good
from tests.support import facts
from tests.support.facts import CI, CORP, GITHUB, PERSON
from tests.support.policies import SIGNERS, write

ROOT = Path(__file__).parents[3]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/formats/policy-v1.schema.json").read_text("utf-8"))
EXAMPLES = sorted(path.parent for path in (ROOT / "policies").glob("*/policy.toml"))

EVERYTHING = f"""
version = 1
[trust]
max-root-age = "30d"
[deny]
digests = ["sha256:{"0" * 64}"]
media-types = ["application/x-executable"]
paths = ["**/.ssh/**"]
{SIGNERS}
valid = {{ from = 2026-01-01T00:00:00Z, until = 2027-01-01T00:00:00+01:00 }}
revoked-since = 2026-11-01T00:00:00Z
revoked = false
message-signature = true
logged = true
{CI}
valid = {{ from = 2026-01-01T00:00:00Z }}
{PERSON.replace("trusted-root", "#")}
revoked = true
[signers.anyone]
issuer = "{GITHUB}"
identity = "https://github.com/acme/**@refs/tags/**"
any-caller = true
{CORP}
revoked-since = 2026-11-01T00:00:00Z
timestamp-authority = "corp.pem"
[[rules]]
name = "all"
match = "ghcr.io/acme/**"
signers = ["release", "ci"]
threshold = 2
artifact-types = ["application/vnd.cncf.model.manifest.v1+json"]
media-types = ["application/vnd.cncf.model.**"]
exclude = ["**/*.pkl"]
annotations = {{ "org.opencontainers.image.licenses" = ["Apache-2.0", "MIT"] }}
max-size = "40GiB"
max-unpacked-size = "60GiB"
max-age = "90d"
bind = "repository"
namespaces = ["ml-*"]
symlinks = "inside"
exec = false
no-rollback = "tag"
signatures-from = "ghcr.io/acme/sigs"
model-signing-partial = true
[[rules.attestations]]
type = "https://slsa.dev/provenance/v1"
signers = ["ci-workflow"]
where = {{ "/a/b" = ["x", "y"], "/n" = [1, true] }}
[[rules.attestations]]
type = "https://t.example"
signers = ["corp", "ci"]
[[rules]]
match = "**"
require = [{{ signers = ["release"] }}, {{ signers = ["ci", "qa"], threshold = 1 }}]
[[rules]]
match = "oci:/srv/**"
unsigned = true
"""


def fits(document: dict[str, Any]) -> bool:
    return bool(jsonschema.Draft202012Validator(SCHEMA).is_valid(document))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_key_together_loads_and_fits(tmp_path: Path) -> None:
    path = write(tmp_path / "p", EVERYTHING, **facts.FILES)
    policy = folder.load(path, uid=os.getuid(), default_root=facts.default_root)
    assert [rule.name for rule in policy.rules] == ["all", "**", "oci:/srv/**"]
    assert fits(tomllib.loads(EVERYTHING))


@pytest.mark.parametrize(
    ("header", "at", "later"),
    [
        ("", ("properties",), ("custom",)),
        ("[deny]", ("properties", "deny", "properties"), ()),
        ("[trust]", ("properties", "trust", "properties"), ()),
        ("[signers.x]", ("$defs", "signer", "properties"), ()),
        ("[signers.x.claims]", ("$defs", "signer", "properties", "claims", "properties"), ()),
        ("[signers.x.subject]", ("$defs", "signer", "properties", "subject", "properties"), ()),
        ("[[rules]]", ("$defs", "rule", "properties"), ()),
        ('[[rules]]\nmatch = "**"\n[[rules.attestations]]', ("$defs", "attestation", "properties"), ()),
    ],
)
def test_the_schema_knows_the_keys_of_the_loader(
    tmp_path: Path, header: str, at: tuple[str, ...], later: tuple[str, ...]
) -> None:
    match = 'match = "**"' if header == "[[rules]]" else ""
    toml = f"version = 1\n{header}\n{match}\nqqqqqqqq = 1\n"
    found = folder.read(write(tmp_path / "p", toml), uid=os.getuid()).findings
    [unknown] = [finding for finding in found if finding.code == "SM1202"]
    known = set(str(unknown.want).removeprefix("one of ").split(", "))
    table: Any = SCHEMA
    for key in at:
        table = table[key]
    assert known - set(later) == set(table)
    assert not set(table) & set(later)


@pytest.mark.parametrize(
    "change",
    [
        'version = 1\n[[rules]]\nmatch = "**"\n',
        'version = 1\n[[rules]]\nmatch = "**"\nunsigned = false\n',
        'version = 1\n[[rules]]\nmatch = "**"\nsigners = []\n',
        'version = 1\n[[rules]]\nmatch = "**"\nsigners = ["a"]\nmax-age = "90"\n',
        'version = 1\n[[rules]]\nmatch = "**"\nsigners = ["a"]\nexclude = ["[a]"]\n',
        'version = 1\n[signers."a b"]\nkey = "a"\n',
        "version = 2\n",
        'version = 1\n[signers.a]\nkey = "keys/ci.pub"\nissuer = "https://x"\nidentity = "x"\n',
        'version = 1\n[signers.a]\nissuer = "http://x"\nidentity = "x"\n',
        'version = 1\n[signers.a]\nissuer = "https://x"\n',
        'version = 1\n[signers.a]\nx509 = "corp.pem"\nsubject = { CN = "x" }\n',
        'version = 1\n[signers.a]\nissuer = "https://x"\nidentity = "x"\nclaims = { x = "y" }\n',
        'version = 1\n[[rules]]\nmatch = "**"\nsigners = ["a"]\nno-rollback = true\n',
        'version = 1\n[[rules]]\nmatch = "**"\nunsigned = true\nattestations = [{ type = "t" }]\n',
        'version = 1\n[[rules]]\nmatch = "**"\nunsigned = true\n'
        'attestations = [{ type = "t", signers = ["a"], where = { "a" = ["b"] } }]\n',
    ],
)
def test_what_the_schema_can_say_it_says(tmp_path: Path, change: str) -> None:
    assert not fits(tomllib.loads(change))
    assert folder.read(write(tmp_path / "p", change), uid=os.getuid()).policy is None


def test_there_are_examples() -> None:
    assert [path.name for path in EXAMPLES] == ["github", "layouts", "models", "notary", "registry", "two-teams"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_fits_and_passes_its_own_check(tmp_path: Path, example: Path) -> None:
    copy = tmp_path / example.name
    for file in sorted(path for path in example.rglob("*") if path.is_file()):
        target = copy / file.relative_to(example)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    report = check(str(copy), uid=os.getuid(), default_root=public_good)
    assert report.ok, report.findings
    assert report.findings == ()
    assert fits(tomllib.loads((copy / "policy.toml").read_text("utf-8")))
