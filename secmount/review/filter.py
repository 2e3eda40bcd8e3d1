"""Which entries a reviewer wants to see: the filters of `audit log`, as a value."""

from __future__ import annotations

import re

from secmount.audit.record import VERDICTS
from secmount.errors import StorageError
from secmount.oci import instant
from secmount.review.row import Row
from secmount.value import dataclass

_AGE = re.compile(r"([0-9]{1,9})(s|m|h|d|w)", re.ASCII)
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filter:
    """What must hold for an entry to be shown; None asks for nothing. Times are milliseconds, `until` is not included.

    `digest` is the manifest digest or its beginning, with or without `sha256:`; `revision` likewise; `reference` any
    part of the reference; `code` one of the codes of a denial or of the error; `signer`, `namespace`, `user`, `kind`
    are exact.
    """

    since: int | None = None
    until: int | None = None
    kind: str | None = None
    verdict: str | None = None
    digest: str | None = None
    reference: str | None = None
    signer: str | None = None
    revision: str | None = None
    namespace: str | None = None
    user: str | None = None
    code: str | None = None

    def __bool__(self) -> bool:
        """Say whether anything is asked for."""
        return any(getattr(self, name) is not None for name in self.__slots__)

    def matches(self, row: Row) -> bool:
        """Say whether `row` is wanted."""
        return (
            (self.since is None or row.time >= self.since)
            and (self.until is None or row.time < self.until)
            and (self.kind is None or row.kind == self.kind)
            and (self.verdict is None or row.verdict == self.verdict)
            and (self.digest is None or starts(row.subject, self.digest))
            and (self.reference is None or self.reference in (row.reference or ""))
            and (self.signer is None or f"\n{self.signer}\n" in (row.signers or ""))
            and (self.revision is None or starts(row.revision, self.revision))
            and (self.namespace is None or row.namespace == self.namespace)
            and (self.user is None or row.user == self.user)
            and (self.code is None or f"\n{self.code}\n" in (row.codes or ""))
        )


def starts(digest: str | None, wanted: str) -> bool:
    """Say whether `digest` begins with `wanted`, whose `sha256:` may be left out."""
    return digest is not None and digest.startswith(f"sha256:{wanted.removeprefix('sha256:')}")


def parse_time(text: str, *, now_ms: int) -> int:
    """Read a point in time: RFC 3339, a date (its UTC midnight) or an age like `7d`; raise `StorageError` SM7115."""
    age = _AGE.fullmatch(text)
    if age:
        return now_ms - int(age[1]) * _UNITS[age[2]]
    try:
        return instant.parse(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)
    except ValueError as err:
        raise StorageError(
            "SM7115", subject=text[:80], got=str(err), want="RFC 3339, a date, or an age such as 7d"
        ) from err


def parse(*, now_ms: int, since: str | None = None, until: str | None = None, **exact: str | None) -> Filter:
    """Build a filter from the options of a command; raise `StorageError` SM7115."""
    verdict = exact.get("verdict")
    if verdict is not None and verdict not in VERDICTS:
        raise StorageError("SM7115", subject="--verdict", got=verdict[:40], want=", ".join(sorted(VERDICTS)))
    return Filter(
        since=None if since is None else parse_time(since, now_ms=now_ms),
        until=None if until is None else parse_time(until, now_ms=now_ms),
        **exact,
    )
