"""Under which root it is asked who saw a managed key sign: the default one, unless the policy says it is too old."""

from __future__ import annotations

from typing import Any

import pytest

from secmount.app import assembly
from secmount.pipeline import admit
from secmount.trust.evidence import Evidence
from secmount.trust.gather import gather
from secmount.trust.root import TrustRoot
from tests.support.command import Desk

REF = "oci:models/bert:v1"
DAY = 86_400_000
BOUNDED = "valid = { from = 2020-01-01T00:00:00Z }"


@pytest.mark.parametrize(
    ("bounds", "age", "oldest", "asked"),
    [
        (BOUNDED, 29 * DAY, "30d", True),
        (BOUNDED, 31 * DAY, "30d", False),
        (BOUNDED, None, "30d", False),
        (BOUNDED, -DAY, "30d", False),
        (BOUNDED, 31 * DAY, None, True),
        (BOUNDED, None, None, True),
        ("logged = true", 29 * DAY, "30d", True),
        ("logged = true", 31 * DAY, "30d", False),
        ("logged = true", None, None, True),
    ],
)
def test_a_root_that_is_too_old_says_nothing_of_managed_keys(
    secmount: Desk, monkeypatch: pytest.MonkeyPatch, bounds: str, age: int | None, oldest: str | None, *, asked: bool
) -> None:
    """An old root does not know of logs that were closed since: who has such a log's key could sign yesterday."""
    secmount.ready()
    now = assembly.now_ms()
    root = TrustRoot("default", "sha256:" + "a" * 64, b"{}", None if age is None else now - age)
    given: list[TrustRoot | None] = []

    def noting(*some: Any, **more: Any) -> Evidence:
        given.append(more["root"])
        return gather(*some, **more)

    monkeypatch.setattr(assembly, "default_root", lambda *_: root)
    monkeypatch.setattr(admit, "gather", noting)
    policy = secmount.folder / "policy" / "policy.toml"
    text = policy.read_text().replace("[signers.release]", f"[signers.release]\n{bounds}")
    policy.write_text(
        text.replace("version = 1", f'version = 1\n[trust]\nmax-root-age = "{oldest}"' if oldest else "version = 1")
    )
    assert secmount.json("verify", REF).exit == 12  # nobody saw this signature
    assert given == [root if asked else None]
