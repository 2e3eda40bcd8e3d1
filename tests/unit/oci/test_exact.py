from __future__ import annotations

import json

import msgspec
import pytest

from secmount.errors import ContentError
from secmount.oci import exact

HOSTILE = {
    "duplicate key": b'{"a":1,"a":1}',
    "duplicate key, escaped": b'{"a":1,"\\u0061":2}',
    "duplicate key, deep": b'[{"x":{"a":1,"b":2,"a":3}}]',
    "empty": b"",
    "NaN": b'{"a":NaN}',
    "Infinity": b"[Infinity]",
    "minus Infinity": b"[-Infinity]",
    "float overflow": b"[1e999]",
    "long integer": b"[" + b"1" * 41 + b"]",
    "long fraction": b"[0." + b"1" * 41 + b"]",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "invalid UTF-8": b'{"a":"\xff"}',
    "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "lone surrogate": b'{"a":"\\ud800"}',
    "lone surrogate as key": b'{"\\udfff":1}',
    "second document": b"{}{}",
    "text after": b"{} x",
    "comment": b"{} // x",
    "trailing comma": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "control character in a string": b'{"a":"\n"}',
    "leading zero": b"[01]",
    "plus sign": b"[+1]",
    "hexadecimal": b"[0x1]",
    "unterminated string": b'{"a":"b',
    "too deep": b"[" * 65 + b"]" * 65,
    "too deep in objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "far too deep": b"[" * 1_000_000,
    "brackets after an unterminated escape": b'"\\' + b"[" * 100,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile(data: bytes) -> None:
    with pytest.raises(ContentError) as caught:
        exact.read(data, limit=1 << 22, subject="x")
    assert caught.value.code == "SM5010"
    assert caught.value.subject == "x"


@pytest.mark.parametrize("data", [b'"' + b'\\"' * 1_000_000, b'"' * 1_000_001, b'\\"' * 1_000_000])
def test_quotes_do_not_take_quadratic_time(data: bytes) -> None:
    with pytest.raises(ContentError) as caught:  # the suite's time-out is the other half of this test
        exact.read(data, limit=1 << 22, subject="x")
    assert caught.value.code == "SM5010"


def test_limit() -> None:
    assert exact.read(b"[10]", limit=4, subject="x") == [10]
    with pytest.raises(ContentError) as caught:
        exact.read(b"[100]", limit=4, subject="x")
    assert caught.value.code == "SM5011"


def test_depth_counts_brackets_outside_strings_only() -> None:
    deepest = b"[" * 64 + b"]" * 64
    assert exact.read(deepest, limit=1000, subject="x") == json.loads(deepest)
    assert exact.read(b'["' + b"[" * 100 + b'\\"{"]', limit=1000, subject="x") == ["[" * 100 + '"{']


@pytest.mark.parametrize("data", [b' {"a" : [1, -2.5, true, null, "\\ud83d\\ude00"]} \n', b'"text"', b"0", b"null"])
def test_good_documents_are_read_as_json_reads_them(data: bytes) -> None:
    assert exact.read(data, limit=1000, subject="x") == json.loads(data)


class _Sized(msgspec.Struct):
    size: int
    name: str = ""


@pytest.mark.parametrize("value", [{}, {"size": "1"}, {"size": 1.0}, {"size": True}, {"size": None}, [], "x", None])
def test_convert_is_strict(value: object) -> None:
    with pytest.raises(ContentError) as caught:
        exact.convert(value, _Sized, subject="x")
    assert caught.value.code == "SM5012"


@pytest.mark.parametrize("key", ["Size", "SIZE", "\u017fize"])  # U+017F folds to s, for Go too
def test_a_field_in_another_spelling_is_ambiguous(key: str) -> None:
    with pytest.raises(ContentError) as caught:
        exact.check_spelling({"size": 1, key: 2}, _Sized, subject="x")
    assert caught.value.code == "SM5013"


def test_unknown_fields_are_left_alone() -> None:
    exact.check_spelling({"size": 1, "sizes": 2, "Other": 3}, _Sized, subject="x")
    assert exact.convert({"size": 1, "other": 2}, _Sized, subject="x") == _Sized(1)
