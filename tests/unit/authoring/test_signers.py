"""What `policy check` says of signers that are no keys: whom they mean, and what to look at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secmount.authoring import signers
from secmount.authoring.check import check
from tests.support import facts
from tests.support.facts import CALLER, CI, CORP, GITHUB, PERSON, VSA, WORKFLOW, default_root, sha256
from tests.support.policies import KEYS, SIGNERS, write

UID = os.getuid()
RULE = '[[rules]]\nmatch = "ghcr.io/acme/**"\nsigners = ["release", "ci", "qa", "ci-workflow"]\n'


def test_signers_in_words(tmp_path: Path) -> None:
    bounded = PERSON + "valid = { from = 2026-01-01T00:00:00Z }\nrevoked-since = 2026-11-01T00:00:00Z\n"
    dead = CORP.replace("[signers.corp]", "[signers.dead]").replace('"none"', '"crl:corp.crl"').replace("Acme", "Old")
    policy = facts.load(tmp_path / "p", 'signers = ["ci"]', signers=CI + bounded + CORP + dead + "revoked = true\n")
    said = {name: (signers.kind(one), signers.describe(one)) for name, one in policy.signers.items()}
    root = sha256(facts.ANCHORS)[:19]
    assert said == {
        **{name: ("key", f"key {key.principal}") for name, key in KEYS.items()},
        "ci-workflow": (
            "keyless",
            f"{WORKFLOW}@refs/tags/**, by {GITHUB}, source-repository {CALLER}, under acme.json",
        ),
        "person": (
            "keyless",
            "ann@acme.example, by https://accounts.google.com, under acme.json, from 2026-01-01T00:00:00.000Z, "
            "revoked since 2026-11-01T00:00:00.000Z",
        ),
        "corp": ("x509", f"certificate CN=release, O=Acme, under 1 certificate of {root}, revoked ones unknown"),
        "dead": (
            "x509",
            f"certificate CN=release, O=Old, under 1 certificate of {root}, revoked ones by a list, REVOKED",
        ),
    }


@pytest.mark.parametrize(
    ("table", "top", "more", "warned"),
    [
        (CI, "", "", []),
        (CI.replace(f'claims = {{ source-repository = "{CALLER}" }}', "any-caller = true"), "", "", ["SM1240"]),
        (CI, '[trust]\nmax-root-age = "30d"\n', "", ["SM1242"]),
        (CI.replace(WORKFLOW, "**"), "", "", ["SM1243"]),
        (CI.replace(WORKFLOW, "*"), "", "", ["SM1243"]),
        (CI, "", '[[rules.attestations]]\ntype = "https://t"\nsigners = ["ci"]\n', ["SM1241"]),
        (CI, "", f'[[rules.attestations]]\ntype = "{VSA}"\nsigners = ["ci"]\n', []),
        (CI, "", f'[[rules.attestations]]\ntype = "{VSA}"\nsigners = ["ci"]\nwhere = {{ "/a" = [1] }}\n', []),
        (CI + CORP, "", "", ["SM1253"]),
        (CI + CORP, "", f'[[rules.attestations]]\ntype = "{VSA}"\nsigners = ["corp"]\nwhere = {{ "/a" = [1] }}\n', []),
    ],
)
def test_what_loads_and_should_be_looked_at(tmp_path: Path, table: str, top: str, more: str, warned: list[str]) -> None:
    toml = f"version = 1\n{top}{SIGNERS}{table}{RULE}{more}"
    files = facts.FILES if "corp" in table else {"acme.json": facts.ROOT}
    files = {name: data for name, data in files.items() if name in toml}
    found = check(write(tmp_path / "p", toml, **files), uid=UID)
    assert found.ok
    assert [row.code for row in found.findings] == warned
    lines = toml.splitlines()
    marks = {"SM1240": "any-caller", "SM1241": "[[rules.att", "SM1242": "[signers.ci-w", "SM1243": "identity"}
    for row in found.findings:
        assert lines[(row.place.line or 0) - 1].startswith(marks.get(row.code, "[signers.corp"))


def test_a_root_that_says_how_old_it_is_is_not_warned_of(tmp_path: Path) -> None:
    toml = f'version = 1\n[trust]\nmax-root-age = "30d"\n{SIGNERS}{CI.replace("trusted-root", "#")}{RULE}'
    path = write(tmp_path / "p", toml)
    assert check(path, uid=UID, default_root=default_root).findings == ()
    assert [row.code for row in check(path, uid=UID).findings] == ["SM1234"]
