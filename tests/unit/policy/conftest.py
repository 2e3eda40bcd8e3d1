"""Every denial that a test of the policy provokes, word for word, is one that was read: `denials.golden.txt`.

What is compared: what each check that failed got and wanted, and every `PolicyError` but those whose words are the
engine's own. A denial that says too little is nearly as bad as a wrong one.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from secmount.errors import PolicyError
from secmount.policy import denial
from secmount.policy.denial import Missed
from secmount.policy.engine import Judged
from tests.support import denials

_FOREIGN = ("SM3090", "SM3091", "SM3095")


@pytest.fixture(autouse=True)
def only_known_denials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compare what was said in a test with what may be said."""
    said: set[str] = set()
    make, write = PolicyError.__init__, denial.text

    def made(self: PolicyError, code: str, **facts: object) -> None:
        make(self, code, **facts)  # type: ignore[arg-type]
        if code not in _FOREIGN:
            said.add(str(self))

    def written(row: Judged, missed: Missed) -> tuple[str | None, str | None]:
        got, want = write(row, missed)
        if not row.ok:
            said.add(f"{row.id}: want {want}, got {got}")
        return got, want

    monkeypatch.setattr(PolicyError, "__init__", made)
    monkeypatch.setattr(denial, "text", written)
    yield
    denials.compare("tests/unit/policy", said)
