"""Instants: integer milliseconds since 1970-01-01T00:00:00Z, and RFC 3339 text in UTC.

Milliseconds, because RFC 8785 numbers are exact only up to 2^53 and nanoseconds pass it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], int]  # milliseconds now

# Hours to 23: newer versions of `fromisoformat` take 24:00 for the next day, older ones refuse it.
_FORM = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-9]{2})",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LIMIT = 253_402_300_799_999  # the last millisecond of the year 9999


def render(ms: int) -> str:
    """Write `ms` as RFC 3339 with milliseconds, UTC."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def parse(text: str) -> int:
    """Read RFC 3339 (an offset is required; finer than milliseconds is cut off); raise ValueError."""
    if not _FORM.fullmatch(text):
        raise ValueError(f"not RFC 3339: {text[:40]!r}")
    moment = datetime.fromisoformat(text.upper().replace("Z", "+00:00"))
    ms = (moment - _EPOCH) // timedelta(milliseconds=1)
    if not 0 <= ms <= LIMIT:
        raise ValueError(f"out of range: {text[:40]!r}")
    return ms
