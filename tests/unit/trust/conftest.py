"""Every refusal that a test of trust provokes, word for word, is one that was read: `denials.golden.txt`.

What a refusal says (code, subject, want, got) is as much a promise as that it comes. Digests, keys and signatures are
made anew for each run and stand there as `…`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from secmount.errors import RegistryError, SecmountError
from tests.support import denials


@pytest.fixture(autouse=True)
def only_known_refusals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compare what was said in a test with what may be said."""
    said: set[str] = set()
    make = SecmountError.__init__

    def made(self: SecmountError, code: str, **facts: object) -> None:
        make(self, code, **facts)  # type: ignore[arg-type]
        if not isinstance(self, RegistryError):
            said.add(str(self))

    monkeypatch.setattr(SecmountError, "__init__", made)
    yield
    denials.compare("tests/unit/trust", said)
