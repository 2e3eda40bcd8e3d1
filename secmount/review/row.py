"""An entry as filters, index, statistics and report see it: few fields, read fast."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import NamedTuple

from secmount.errors import StorageError
from secmount.oci import exact
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class RequestFields:
    """What is asked of `request`; a masked value is text like any other."""

    namespace: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorFields:
    """What is asked of `error`."""

    code: str | None = None


@dataclass(frozen=True, slots=True)
class DetailFields:
    """What is asked of `details`."""

    name: str | None = None
    elapsed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RepeatedFields:
    """What is asked of `repeated`."""

    count: int = 1
    decision_ids: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a record that are looked at; any of them can be masked, and then is text."""

    kind: str
    time: str
    decision_id: str | None = None
    verdict: str | None = None
    subject: str | None = None
    reference: str | None = None
    policy_revision: str | None = None
    request: RequestFields | str | None = None
    deny: list[str] | str | None = None
    signers: list[str] | str | None = None
    error: ErrorFields | str | None = None
    details: DetailFields | str | None = None
    repeated: RepeatedFields | None = None
    input_sha256: str | None = None
    parts: dict[str, str] | str | None = None


class Row(NamedTuple):
    """One entry; `time` in milliseconds, `occurrences` that it stands for, `elapsed` milliseconds of its decision.

    Several codes or signers are one text, each between newlines, so that a row is what the index holds.
    """

    position: int
    time: int
    kind: str
    verdict: str | None
    decision: str | None
    subject: str | None
    reference: str | None
    repository: str | None
    revision: str | None
    namespace: str | None
    user: str | None
    codes: str | None
    signers: str | None
    occurrences: int
    elapsed: int | None


def read(position: int, raw: bytes) -> Row:
    """Read an entry's row; raise `StorageError` SM7113 if it is no record."""
    return row(position, reader()(raw))


def decisions(fields: Fields) -> list[str]:
    """Give the decision ids that an entry answers to: its own, and those that were counted in it."""
    ids = list(fields.repeated.decision_ids or ()) if fields.repeated is not None else []
    return ids if fields.decision_id is None else [fields.decision_id, *ids]


def parts(fields: Fields) -> list[str]:
    """Give the digests of the parts that an entry names."""
    named = list(fields.parts.values()) if isinstance(fields.parts, dict) else []
    return named if fields.input_sha256 is None else [*named, fields.input_sha256]


def row(position: int, fields: Fields) -> Row:
    """Give the row of an entry; raise `StorageError` SM7113 if its time is none."""
    request = fields.request if isinstance(fields.request, RequestFields) else _NO_REQUEST
    details = fields.details if isinstance(fields.details, DetailFields) else _NO_DETAILS
    codes = fields.deny if isinstance(fields.deny, list) else []
    if isinstance(fields.error, ErrorFields) and fields.error.code and fields.error.code not in codes:
        codes = [*codes, fields.error.code]
    try:
        time = round(datetime.fromisoformat(fields.time).timestamp() * 1000)
    except ValueError as err:
        raise StorageError("SM7113", subject=f"entry {position}", got=fields.time[:40], want="RFC 3339") from err
    return Row(
        position,
        time,
        fields.kind,
        fields.verdict,
        fields.decision_id,
        fields.subject,
        fields.reference,
        details.name or repository(fields.reference),
        fields.policy_revision,
        request.namespace,
        request.user,
        _joined(codes),
        _joined(fields.signers) if isinstance(fields.signers, list) else None,
        1 if fields.repeated is None else fields.repeated.count,
        details.elapsed_ms,
    )


def split(joined: str | None) -> list[str]:
    """Give the codes or signers of a row one by one."""
    return joined.strip("\n").split("\n") if joined else []


def _joined(texts: list[str]) -> str | None:
    return "\n" + "\n".join([text.replace("\n", " ") for text in texts]) + "\n" if texts else None


def repository(reference: str | None) -> str | None:
    """Cut tag and digest off a reference."""
    if reference is None:
        return None
    name = reference.partition("@sha")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}" if slash else name


_NO_REQUEST, _NO_DETAILS = RequestFields(), DetailFields()


@cache
def reader() -> Callable[[bytes], Fields]:
    """Give the reader of entries' fields, which raises `StorageError` SM7113; made when first asked for."""
    return exact.own(Fields, code="SM7113")
