"""`policy check`: all findings with file, line and severity."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secmount.authoring.check import Report, check
from secmount.errors import InputError, StorageError
from secmount.errors.catalog import entry
from tests.support.policies import SIGNERS, write

UID = os.getuid()
RULE = '[[rules]]\nmatch = "ghcr.io/acme/**"\nsigners = ["release", "ci", "qa"]\n'


def report(root: Path, toml: str, **files: bytes) -> Report:
    return check(write(root, toml, **files), uid=UID)


def rows(found: Report) -> list[tuple[str, str, str, int | None]]:
    return [(each.severity, each.code, os.path.basename(each.place.file), each.place.line) for each in found.findings]


def test_a_sound_policy_has_no_findings(tmp_path: Path) -> None:
    found = report(tmp_path / "p", f"version = 1\n{SIGNERS}{RULE}")
    assert (found.ok, found.findings) == (True, ())


def test_what_loads_and_should_be_looked_at(tmp_path: Path) -> None:
    toml = (
        f"version = 1\n{SIGNERS}"
        '[[rules]]\nmatch = "ghcr.io/acme/**"\n\nunsigned = true\n'
        '[[rules]]\nmatch = "**"\nsigners = ["release", "ci"]\n# any\nbind = "any"\n'
    )
    found = report(tmp_path / "p", toml, README=b"x")
    assert found.ok
    assert rows(found) == [
        ("warning", "SM1252", "README", None),
        ("warning", "SM1253", "policy.toml", 6),
        ("warning", "SM1250", "policy.toml", 11),
        ("warning", "SM1251", "policy.toml", 16),
    ]
    assert all((catalogued := entry(each.code)) is not None and catalogued.exit == 0 for each in found.findings)


@pytest.mark.parametrize(
    ("revoked", "rule", "warned"),
    [
        ("ci", 'signers = ["release", "ci", "qa"]', False),
        ("ci", 'signers = ["ci"]', True),
        ("ci", 'signers = ["release", "ci"]\nthreshold = 2', True),
        ("ci", 'require = [{ signers = ["release"] }, { signers = ["ci"] }]', True),
    ],
)
def test_a_rule_that_nobody_can_meet(tmp_path: Path, revoked: str, rule: str, *, warned: bool) -> None:
    signers = SIGNERS.replace(f'key = "keys/{revoked}.pub"', f'key = "keys/{revoked}.pub"\nrevoked = true')
    found = report(tmp_path / "p", f'version = 1\n{signers}[[rules]]\nmatch = "**"\n{rule}\n')
    assert ("SM1254" in {each.code for each in found.findings}) is warned


def test_a_policy_without_rules(tmp_path: Path) -> None:
    codes = [each.code for each in report(tmp_path / "p", "version = 1\n").findings]
    assert [code for code in codes if code != "SM1252"] == ["SM1255"]  # and its key files are not part of it


def test_errors_are_all_there_and_come_first(tmp_path: Path) -> None:
    toml = f"version = 1\n{SIGNERS}{RULE}exec = 1\nzzz = 2\n"
    found = report(tmp_path / "p", toml, note=b"-----BEGIN PRIVATE KEY-----", other=b"")
    assert not found.ok
    assert rows(found) == [
        ("error", "SM1211", "note", None),
        ("error", "SM1203", "policy.toml", 11),
        ("error", "SM1202", "policy.toml", 12),
        ("warning", "SM1252", "other", None),
    ]


def test_a_file_that_is_not_toml_is_a_finding(tmp_path: Path) -> None:
    found = report(tmp_path / "p", "version = 1\n[[\n")
    assert (found.ok, rows(found)) == (False, [("error", "SM1201", "policy.toml", 2)])


def test_no_policy_and_one_of_others_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError) as absent:
        check(str(tmp_path / "absent"), uid=UID)
    assert absent.value.code == "SM1105"
    path = write(tmp_path / "p", "version = 1\n")
    os.chmod(path, 0o777)
    with pytest.raises(StorageError) as shared:
        check(path, uid=UID)
    assert shared.value.code == "SM7011"
