"""Keys that do not go together, signers and thresholds that cannot be meant, patterns and matches that are misspelt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secmount.policy import folder
from secmount.policy.toml import Finding
from tests.support.policies import SIGNERS, load, write

MATCH = 'match = "ghcr.io/acme/**"'


def errors(root: Path, toml: str) -> list[Finding]:
    reading = folder.read(write(root, toml), uid=os.getuid())
    assert (reading.policy is None) == any(finding.severity == "error" for finding in reading.findings)
    return [finding for finding in reading.findings if finding.severity == "error"]


def only(root: Path, lines: str, at: str, *, signers: str = SIGNERS) -> Finding:
    """Give the one error of a policy with one rule of `lines`, which is in the line `at`."""
    toml = f"version = 1\n{signers}[[rules]]\n{lines}\n"
    [finding] = errors(root, toml)
    assert finding.place.line == toml.splitlines().index(at) + 1
    return finding


@pytest.mark.parametrize(
    ("lines", "at"),
    [
        ('signers = ["release"]\nrequire = [{ signers = ["ci"] }]', 'require = [{ signers = ["ci"] }]'),
        ('signers = ["release"]\nunsigned = true', "unsigned = true"),
        ('require = [{ signers = ["ci"] }]\nunsigned = true', "unsigned = true"),
        ('signers = ["release"]\nunsigned = false', "unsigned = false"),
        ("unsigned = false", "unsigned = false"),
        ("exec = true", "[[rules]]"),
        ("unsigned = true\nthreshold = 1", "threshold = 1"),
        ('unsigned = true\nbind = "any"', 'bind = "any"'),
        ('unsigned = true\nmax-age = "1d"', 'max-age = "1d"'),
        ('require = [{ signers = ["ci"] }]\nthreshold = 1', "threshold = 1"),
        ('signers = ["release"]\nthreshold = 2', "threshold = 2"),
        ('require = [{ signers = ["ci"], threshold = 2 }]', 'require = [{ signers = ["ci"], threshold = 2 }]'),
        (
            'require = [{ signers = ["ci"] }, { signers = ["ci"] }]',
            'require = [{ signers = ["ci"] }, { signers = ["ci"] }]',
        ),
        ("require = [{ threshold = 1 }]", "require = [{ threshold = 1 }]"),
    ],
)
def test_who_must_sign_is_said_once_and_can_be_met(tmp_path: Path, lines: str, at: str) -> None:
    assert only(tmp_path / "p", f"{MATCH}\n{lines}", at).code == "SM1205"


@pytest.mark.parametrize(
    ("lines", "code"), [("require = []", "SM1203"), ("require = {}", "SM1203"), ("signers = []", "SM1203")]
)
def test_an_empty_list_of_signers_is_no_way_to_say_anybody(tmp_path: Path, lines: str, code: str) -> None:
    assert only(tmp_path / "p", f"{MATCH}\n{lines}", lines).code == code


@pytest.mark.parametrize("lines", ['signers = ["stranger"]', 'require = [{ signers = ["release", "stranger"] }]'])
def test_an_unknown_signer(tmp_path: Path, lines: str) -> None:
    finding = only(tmp_path / "p", f"{MATCH}\n{lines}", lines)
    assert (finding.code, finding.got, finding.want) == ("SM1207", "'stranger'", "ci, qa, release")


def test_a_key_inside_require_is_not_ignored(tmp_path: Path) -> None:
    line = 'require = [{ signers = ["ci"], any = true }]'
    assert only(tmp_path / "p", f"{MATCH}\n{line}", line).code == "SM1202"


@pytest.mark.parametrize(
    ("keys", "at"),
    [
        ("revoked = true\nrevoked-since = 2026-01-01T00:00:00Z", "revoked-since = 2026-01-01T00:00:00Z"),
        ("valid = {}", "valid = {}"),
        (
            "valid = { from = 2027-01-01T00:00:00Z, until = 2026-01-01T00:00:00Z }",
            "valid = { from = 2027-01-01T00:00:00Z, until = 2026-01-01T00:00:00Z }",
        ),
        (
            "valid = { from = 2026-01-01T00:00:00Z, until = 2026-01-01T00:00:00Z }",
            "valid = { from = 2026-01-01T00:00:00Z, until = 2026-01-01T00:00:00Z }",
        ),
    ],
)
def test_a_signer_contradicts_itself(tmp_path: Path, keys: str, at: str) -> None:
    signers = SIGNERS.replace("[signers.ci]", f"{keys}\n[signers.ci]")
    assert only(tmp_path / "p", f'{MATCH}\nsigners = ["release"]', at, signers=signers).code == "SM1205"


def test_a_signer_needs_a_key(tmp_path: Path) -> None:
    [finding] = errors(tmp_path / "p", "version = 1\n[signers.release]\nrevoked = true\n")
    assert (finding.code, finding.place.line) == ("SM1205", 2)


def test_one_key_under_two_names(tmp_path: Path) -> None:
    toml = f'version = 1\n{SIGNERS}[signers.again]\nkey = "keys/ci.pub"\n'
    [finding] = errors(tmp_path / "p", toml)
    assert (finding.code, finding.place.line) == ("SM1210", toml.splitlines().index("[signers.again]") + 2)
    assert "'ci'" in str(finding.got)


@pytest.mark.parametrize("name", ['"a b"', '"-a"', '"a/b"', '"ä"', f'"{"a" * 65}"', '"a\\u001b"'])
def test_names_of_signers_are_plain(tmp_path: Path, name: str) -> None:
    found = errors(tmp_path / "p", f'version = 1\n[signers.{name}]\nkey = "keys/ci.pub"\n')
    assert [finding.code for finding in found] == ["SM1203"]


def test_two_rules_with_one_match_or_one_name(tmp_path: Path) -> None:
    rule = f'[[rules]]\nname = "a"\n{MATCH}\nsigners = ["release"]\n'
    other = '[[rules]]\nname = "a"\nmatch = "**"\nsigners = ["ci"]\n'
    [match] = errors(tmp_path / "p", f"version = 1\n{SIGNERS}{rule}{rule}")
    assert (match.code, match.place.line) == ("SM1208", 14)
    [name] = errors(tmp_path / "q", f"version = 1\n{SIGNERS}{rule}{other}")
    assert (name.code, name.place.line) == ("SM1208", 13)
    named = '[[rules]]\nname = "**"\nmatch = "ghcr.io/acme/**"\nsigners = ["release"]\n'
    [default] = errors(tmp_path / "r", f"version = 1\n{SIGNERS}{named}{other.replace('name = ', '# ')}")
    assert default.code == "SM1208"


@pytest.mark.parametrize(
    "match",
    [
        "",
        "*",
        "ghcr.io/*",
        "ghcr.io/acme*",
        "ghcr.io/acme**",
        "ghcr.io/acme/**/x",
        "ghcr.io/acme/***",
        "**/x",
        "/**",
        "ghcr.io/acme/",
        "ghcr.io/acme/model:v1",
        f"ghcr.io/acme/model@sha256:{'0' * 64}",
        "model",
        "acme/model",
        "GHCR.io/acme/x",
        "ghcr.io/Acme/x",
        "ghcr.io:443/acme/x",
        "docker.io/nginx",
        "index.docker.io/library/nginx",
        "docker://ghcr.io/a/b",
        "ghcr.io/acme/[ab]",
        "ghcr.io/acme/{a,b}",
        "ghcr.io/acme/mode?",
        "ghcr.io/acme\\\\x",
        "ghcr.io/acme/\\u001b",
        "oci:",
        "oci:srv/x",
        "oci:./x",
        "oci:/srv/../x",
        "oci:/srv/x/",
        "oci://srv/x",
        "oci:/srv//x",
        "oci:/srv/x:v1",
        "oci:/srv/*",
        "oci:/srv/**/x",
        "oci:**",
        "oci-archive:/x.tar",
        "OCI:/srv/x",
    ],
)
def test_a_match_is_spelt_in_one_way(tmp_path: Path, match: str) -> None:
    line = f'match = "{match}"'
    assert only(tmp_path / "p", f'{line}\nsigners = ["release"]', line).code in ("SM1206", "SM1203")


@pytest.mark.parametrize(
    "match",
    [
        "**",
        "ghcr.io/**",
        "ghcr.io/acme/**",
        "ghcr.io/acme/model",
        "docker.io/**",
        "docker.io/library/nginx",
        "localhost:5000/**",
        "[::1]:5000/a",
        "oci:/**",
        "oci:/srv/**",
        "oci:/srv/a b/x@1",
        "oci:/",
    ],
)
def test_matches_that_are_meant(tmp_path: Path, match: str) -> None:
    policy = load(tmp_path / "p", f'version = 1\n{SIGNERS}[[rules]]\nmatch = "{match}"\nsigners = ["release"]\n')
    assert policy.rules[0].match.text == match


@pytest.mark.parametrize(
    "line",
    [
        'exclude = ["**.pkl"]',
        'exclude = ["a/b**"]',
        'exclude = ["*.{pkl,pt}"]',
        'exclude = ["[a-z]"]',
        'exclude = ["a?"]',
        'exclude = ["/etc"]',
        'exclude = ["a//b"]',
        'exclude = ["a/"]',
        'exclude = ["../x"]',
        'exclude = ["./x"]',
        'exclude = ["!x"]',
        "exclude = ['a\\b']",
        'exclude = ["a\\nb"]',
        'media-types = ["model"]',
        'media-types = ["a/b/c"]',
        'media-types = ["application/**.x"]',
        'artifact-types = [".**"]',
        'artifact-types = ["application/**.**"]',
        'namespaces = ["a b[c]"]',
        'namespaces = ["ml-**"]',
    ],
)
def test_patterns_that_other_dialects_read_otherwise(tmp_path: Path, line: str) -> None:
    assert only(tmp_path / "p", f'{MATCH}\nsigners = ["release"]\n{line}', line).code == "SM1206"


@pytest.mark.parametrize("digest", ["sha256:00", f"sha256:{'A' * 64}", f"md5:{'0' * 32}", "x"])
def test_denied_digests_are_digests(tmp_path: Path, digest: str) -> None:
    [finding] = errors(tmp_path / "p", f'version = 1\n[deny]\ndigests = ["{digest}"]\n')
    assert (finding.code, finding.place.line) == ("SM1203", 3)


def test_long_patterns_have_a_limit_together(tmp_path: Path) -> None:
    many = ", ".join(f'"{"x" * 200}{number}"' for number in range(1_000))
    line = f"exclude = [{many}]"
    finding = only(tmp_path / "p", f'{MATCH}\nsigners = ["release"]\n{line}', line)
    assert (finding.code, finding.want) == ("SM1203", "fewer, or shorter ones")
