"""Reading proto3 messages in their JSON form, strictly. protobuf.dev, ProtoJSON format.

Absent and null fields have their default value: producers leave zeros and empty lists out. Unknown fields are refused,
as the format asks of readers: one that we do not know could change what the others mean. So are the snake_case names
that a reader may accept: no producer writes them, and beside the camelCase name they would be the same field twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from secmount.errors import TrustError
from secmount.trust.encoding import decode_base64

_INT64 = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_INT64_LIMIT = (1 << 63) - 1


class Fields:
    """One message: a JSON object with some of the fields `names`; raises `TrustError` SM2001, over a limit SM2013."""

    def __init__(self, value: Any, where: str, names: tuple[str, ...]) -> None:
        self._where = where
        if not isinstance(value, dict):
            raise TrustError("SM2001", subject=where, got=_kind(value), want="an object")
        unknown = [name for name in value if name not in names]
        if unknown:
            raise TrustError("SM2001", subject=where, got=f"field {unknown[0]!r}", want=f"only {', '.join(names)}")
        self._fields: Mapping[str, Any] = {name: item for name, item in value.items() if item is not None}

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return name in self._fields

    def one_of(self, *names: str) -> str:
        """Give which one of `names` is there; none and more than one are refused."""
        found = [name for name in names if name in self._fields]
        if len(found) != 1:
            got = " and ".join(found) or "none of them"
            raise TrustError("SM2001", subject=self._where, got=got, want=f"exactly one of {', '.join(names)}")
        return found[0]

    def text(self, name: str) -> str:
        """Give a string field."""
        value = self._fields.get(name, "")
        if not isinstance(value, str):
            raise self.refuse(name, _kind(value), "a string")
        return value

    def octets(self, name: str) -> bytes:
        """Give a bytes field, base64 in JSON."""
        return self._decode(name, self._fields.get(name, ""))

    def int64(self, name: str) -> int:
        """Give an int64 field that cannot be negative: decimal text, or a number as some producers write it."""
        value = self._fields.get(name, "0")
        if isinstance(value, str) and _INT64.fullmatch(value):
            value = int(value)
        if type(value) is not int or not 0 <= value <= _INT64_LIMIT:
            raise TrustError("SM2001", subject=self._path(name), got=repr(value), want="an int64 of at least 0")
        return value

    def message(self, name: str, *names: str) -> Fields:
        """Give a message field; an absent one has no fields."""
        return Fields(self._fields.get(name, {}), self._path(name), names)

    def messages(self, name: str, *names: str, limit: int) -> list[Fields]:
        """Give a repeated message field of at most `limit`."""
        rows = self._rows(name, limit)
        return [Fields(row, f"{self._path(name)}[{position}]", names) for position, row in enumerate(rows)]

    def octets_list(self, name: str, *, limit: int) -> tuple[bytes, ...]:
        """Give a repeated bytes field of at most `limit`."""
        return tuple(self._decode(name, row) for row in self._rows(name, limit))

    def refuse(self, name: str, got: str, want: str) -> TrustError:
        """Make the error for a field whose value does not do."""
        return TrustError("SM2001", subject=self._path(name), got=got, want=want)

    def _rows(self, name: str, limit: int) -> list[Any]:
        rows = self._fields.get(name, [])
        if not isinstance(rows, list):
            raise self.refuse(name, _kind(rows), "a list")
        if len(rows) > limit:
            raise TrustError("SM2013", subject=self._path(name), got=f"{len(rows)} of them", want=f"at most {limit}")
        return rows

    def _decode(self, name: str, text: Any) -> bytes:
        if not isinstance(text, str):
            raise self.refuse(name, _kind(text), "base64 text")
        try:
            return decode_base64(text)
        except ValueError as err:
            raise self.refuse(name, str(err), "base64 with padding (RFC 4648 section 4)") from err

    def _path(self, name: str) -> str:
        return f"{self._where}.{name}"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    names = {str: "a string", list: "a list", dict: "an object", int: "a number", float: "a number"}
    return names.get(type(value), "null")
