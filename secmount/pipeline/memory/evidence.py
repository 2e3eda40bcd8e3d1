"""Verified evidence in the store's state; see `trust.remembered` for what its keys cover. Design 3.4, Memos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmount.store.tables.memory import Memos

if TYPE_CHECKING:
    from secmount.pipeline.parts import Parts

KIND = "evidence"
LIFE_MS = 30 * 86_400_000  # then it is verified again, by what the verifiers' libraries have learned meanwhile


class RememberedEvidence:
    """What `trust.gather` found out lately; a clock that went back makes it unusable."""

    def __init__(self, parts: Parts) -> None:
        self._memos, self._clock = Memos(parts.store().state), parts.clock

    def get(self, key: str) -> str | None:
        """Give what was found out."""
        return self._memos.get(KIND, key, now_ms=self._clock())

    def put(self, key: str, value: str) -> None:
        """Remember it for a while."""
        now = self._clock()
        self._memos.put(KIND, key, value, valid_from=now, valid_until=now + LIFE_MS)
