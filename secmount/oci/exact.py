"""The only reader of JSON from outside: bytes to a value, nothing taken twice and nothing guessed.

Refused, because parsers disagree on them and a difference between two parsers is a way around a signature: duplicate
keys (msgspec, orjson and `json.loads` take the last in silence), NaN and infinities, a byte order mark, invalid UTF-8,
lone surrogates, nesting deeper than `DEPTH_LIMIT`, anything after the document, documents over the caller's limit.
RFC 8259.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import msgspec

from secmount.errors import ContentError, StorageError

DEPTH_LIMIT = 64  # levels of arrays and objects; no document of the field comes near
_DIGITS_LIMIT = 40  # digits of a number; int() of a long literal takes quadratic time

T = TypeVar("T")

# An unterminated string must match too: were it retried from each of its quotes, the scan would take quadratic time.
_OPENERS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\{]|[\]\}]', re.DOTALL)

_SURROGATE = re.compile(rb"\\u[dD]")  # UTF-8 has none: only an escape brings one in


def read(data: bytes, *, limit: int, subject: str) -> Any:
    """Parse `data` strictly; raise `ContentError` SM5010 (not exact JSON) or SM5011 (over `limit` bytes)."""
    if len(data) > limit:
        raise ContentError("SM5011", subject=subject, got=f"{len(data)} bytes", want=f"at most {limit} bytes")
    try:
        text = data.decode("utf-8")
        _bound_depth(data)
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
        )
        if _SURROGATE.search(data):
            _no_surrogates(value)
    except (ValueError, RecursionError) as err:
        raise ContentError("SM5010", subject=subject, got=str(err), want="one JSON document, each key once") from err
    return value


def convert(value: Any, shape: type[T], *, subject: str) -> T:
    """Give `value` as `shape` (a msgspec Struct), strictly typed; raise `ContentError` SM5012 otherwise."""
    try:
        return msgspec.convert(value, shape, strict=True)
    except msgspec.ValidationError as err:
        raise ContentError("SM5012", subject=subject, got=str(err)) from err


def check_spelling(value: Any, shape: type[msgspec.Struct], *, subject: str) -> None:
    """Raise `ContentError` SM5013 if a key of the object `value` is a field of `shape` but for its case.

    Go's encoding/json takes `Layers` for `layers`, and of both the last; every registry and most clients are Go.
    """
    if not isinstance(value, dict):
        return
    fields = {name.casefold(): name for name in shape.__struct_encode_fields__}
    for key in value:
        meant = fields.get(key.casefold(), key)
        if meant != key:
            raise ContentError("SM5013", subject=subject, got=f"field {key!r}", want=f"{meant!r} in this spelling")


def own(shape: type[T], *, code: str) -> Callable[[bytes], T]:
    """Give a fast reader of documents that we wrote ourselves and that are signed as they are (the audit log).

    Fields that `shape` (a dataclass) does not name are skipped, keys that stand twice are not looked for. The reader
    raises `StorageError` `code` for bytes that do not have the shape.
    """
    decode = msgspec.json.Decoder(shape).decode

    def read_own(data: bytes) -> T:
        try:
            return decode(data)
        except (msgspec.DecodeError, RecursionError) as err:
            raise StorageError(code, got=str(err), want=shape.__name__) from err

    return read_own


def _bound_depth(data: bytes) -> None:
    if data.count(b"{") + data.count(b"[") <= DEPTH_LIMIT:
        return  # no more can be open at once than there are, wherever they stand
    depth = 0
    for token in _OPENERS.finditer(data):
        mark = token.group()[0]
        if mark in b"[{":
            depth += 1
            if depth > DEPTH_LIMIT:
                raise ValueError(f"nested deeper than {DEPTH_LIMIT}")
        elif mark in b"]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"key {twice!r} stands twice")
    return table


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int:
    if len(text) > _DIGITS_LIMIT:
        raise ValueError("number with too many digits")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if len(text) > _DIGITS_LIMIT or value in (float("inf"), float("-inf")):
        raise ValueError("number out of range")
    return value


def _no_surrogates(value: Any) -> None:
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, dict):
        for key, item in value.items():
            key.encode("utf-8")
            _no_surrogates(item)
    elif isinstance(value, list):
        for item in value:
            _no_surrogates(item)
