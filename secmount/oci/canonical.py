"""Canonical JSON, RFC 8785 (JCS): one value, one spelling, so that digests of documents can be compared.

Integers beyond ±(2^53 - 1), NaN, infinities, lone surrogates and keys that are not text are refused: other
implementations would read or write another value.
"""

from __future__ import annotations

import json
import math
from typing import Any

INTEGER_LIMIT = (1 << 53) - 1  # RFC 8785 section 3.2.2.3, RFC 7493 section 2.2
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode
_text = json.JSONEncoder(ensure_ascii=False).encode


def encode(value: Any) -> bytes:
    """Give the canonical bytes of `value`; raise ValueError for anything but JSON's own types (and tuples)."""
    plain = _check(value)
    return (_encode(value) if plain else _slow(value)).encode("utf-8")


def _check(value: Any) -> bool:
    """Refuse what has no canonical form; say whether the C encoder writes that form: no floats, keys below U+D800."""
    match value:
        case None | bool() | str():
            return True
        case int():
            if abs(value) > INTEGER_LIMIT:
                raise ValueError(f"integer beyond 2^53 - 1: {value}")
            return True
        case float():
            if not math.isfinite(value):
                raise ValueError(f"{value} is not JSON")
            return False
        case dict():
            plain = True
            for key, item in value.items():
                if not isinstance(key, str):
                    raise ValueError(f"key {key!r} is not text")  # noqa: TRY004 - one error for every value without a form
                plain = _check(item) and (key.isascii() or max(key) < "\ud800") and plain
            return plain
        case list() | tuple():
            return all([_check(item) for item in value])
        case _:
            raise ValueError(f"{type(value).__name__} has no JSON form")


def _slow(value: Any) -> str:
    match value:
        case float():
            return _number(value)
        case dict():
            rows = sorted(value.items(), key=lambda row: row[0].encode("utf-16-be"))
            return "{" + ",".join(f"{_text(key)}:{_slow(item)}" for key, item in rows) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_slow, value)) + "]"
        case _:
            return _text(value)


def _number(value: float) -> str:
    """Write a float as ECMA-262 Number::toString does, which RFC 8785 section 3.2.2.3 asks for."""
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + ("" if fraction == "0" else fraction)).lstrip("0")
    point = len(whole) + int(exponent or 0)  # where the decimal point stands, counted from the first digit of `whole`
    point -= len(whole + ("" if fraction == "0" else fraction)) - len(digits)
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return f"{sign}{digits}{'0' * (point - len(digits))}"
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    power = f"{point - 1:+d}"
    return f"{sign}{digits[0]}{'.' + digits[1:] if len(digits) > 1 else ''}e{power}"
