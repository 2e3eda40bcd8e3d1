"""Verified evidence in the store's state; see `trust.remembered` for what its keys cover. Design 3.4, Memos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmount.store.tables.memory import Memos

if TYPE_CHECKING:
    from secmount.pipeline.parts import Parts

KIND = "evidence"


class RememberedEvidence:
    """What `trust.gather` found out before; a clock that went back makes it unusable."""

    def __init__(self, parts: Parts) -> None:
        self._memos, self._clock = Memos(parts.store().state), parts.clock

    def get(self, key: str) -> str | None:
        """Give what was found out."""
        return self._memos.get(KIND, key, now_ms=self._clock())

    def put(self, key: str, value: str) -> None:
        """Remember it."""
        self._memos.put(KIND, key, value, valid_from=self._clock(), valid_until=None)
