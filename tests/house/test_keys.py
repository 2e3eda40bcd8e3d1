"""keys/ holds the public keys of the examples, says which they are, and no private key."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from secmount.trust import spki

ROOT = Path(__file__).resolve().parents[2]
KEYS = sorted((ROOT / "keys").glob("*.pub"))


def test_there_are_keys() -> None:
    assert [path.name for path in KEYS] == ["qa-a.pub", "qa-b.pub", "release.pub"]


@pytest.mark.parametrize("path", KEYS, ids=lambda path: path.name)
def test_the_readme_says_whose_they_are(path: Path) -> None:
    principal = spki.load(path.read_bytes(), subject=str(path)).principal
    assert f"| `{path.name}` | `{principal}` |" in (ROOT / "keys" / "README.md").read_text()


def test_the_examples_hold_copies() -> None:
    copies = sorted([*(ROOT / "policies").glob("*/keys/*"), *(ROOT / "policies").glob("*/roots/*")])
    assert copies
    for copy in copies:
        assert copy.read_bytes() == (ROOT / "keys" / copy.name).read_bytes(), copy


def test_the_readme_says_what_certificates_say() -> None:
    for path in sorted((ROOT / "keys").glob("*.pem")):
        subject = x509.load_pem_x509_certificate(path.read_bytes()).subject.rfc4514_string()
        assert f"| `{path.name}` | `{subject}` |" in (ROOT / "keys" / "README.md").read_text()


def test_no_private_key_in_the_repository() -> None:
    found = [path for folder in ("keys", "policies") for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert not [path for path in found if b"PRIVATE KEY" in path.read_bytes()]
