"""DER, one spelling for each value."""

from __future__ import annotations

import pytest

from secmount.trust.check import der
from secmount.trust.check.der import INTEGER, OCTETS, OID, SEQUENCE
from tests.support import rfc3161

_CUT, _LENGTH = "cut off, or a tag of several bytes", "a length that is not the shortest"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", _CUT),
        (b"\x30", _CUT),
        (b"\x3f\x00", _CUT),
        (b"\x3f\x81\x00\x00", _CUT),
        (b"\x30\x01", "cut off"),
        (b"\x30\x81\x80", "cut off"),
        (b"\x30\x00\x00", "1 bytes after the end"),
        (b"\x04\x00", "tag 0x04 instead of 0x30"),
        (b"\x30\x80\x00\x00", _LENGTH),
        (b"\x30\x80" + bytes(128), _LENGTH),
        (b"\x30\x81\x7f" + bytes(127), _LENGTH),
        (b"\x30\x82\x00\x80" + bytes(128), _LENGTH),
        (b"\x30\x85\x00\x00\x00\x00\x01\x00", _LENGTH),
        (b"\x30\x85\x01\x00\x00\x00\x00", _LENGTH),
        (b"\x30\x81", _LENGTH),
        (b"\x30\x82\x80", _LENGTH),
    ],
    ids=range(16),
)
def test_what_is_no_sequence(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        der.read(data, SEQUENCE)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536, 1 << 24])
def test_lengths_are_written_and_read_in_their_shortest_form(size: int) -> None:
    data = der.wrap(OCTETS, bytes(size))
    assert data == rfc3161.octets(bytes(size))
    found = der.read(data, OCTETS)
    assert (len(found.content), found.raw) == (size, data)


@pytest.mark.parametrize(
    ("octets", "value"), [(b"\x00", 0), (b"\x7f", 127), (b"\x00\x80", 128), (b"\xff", -1), (b"\x80", -128)]
)
def test_integers(octets: bytes, value: int) -> None:
    assert der.read(der.wrap(INTEGER, octets), INTEGER).integer() == value


_PADDED = "an integer with padding"


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "no integer"),
        (b"\x00\x00", _PADDED),
        (b"\x00\x7f", _PADDED),
        (b"\xff\xff", _PADDED),
        (b"\xff\x80", _PADDED),
    ],
)
def test_integers_with_padding(octets: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        der.read(der.wrap(INTEGER, octets), INTEGER).integer()


@pytest.mark.parametrize("octets", [b"\x2a" + b"\xff" * 60_000 + b"\x7f", b"\x2a" + b"\x01" * 64], ids=range(2))
def test_endless_object_identifiers_are_refused_unread(octets: bytes) -> None:
    with pytest.raises(ValueError, match="no object identifier"):
        der.read(der.wrap(OID, octets), OID).oid()


def test_long_object_identifiers() -> None:
    found = der.read(der.wrap(OID, b"\x2a" + b"\x01" * 63), OID)
    assert found.oid() == "1.2" + ".1" * 63


@pytest.mark.parametrize("dotted", ["1.2.840.113549.1.7.2", "2.16.840.1.101.3.4.2.1", "0.0", "2.999.1", "1.39"])
def test_object_identifiers(dotted: str) -> None:
    data = bytes.fromhex("0603883701") if dotted == "2.999.1" else rfc3161.oid(dotted)
    assert der.read(data, OID).oid() == dotted


@pytest.mark.parametrize("octets", [b"", b"\x80\x01", b"\x2a\x80\x01", b"\x2a\x86", b"\x81"])
def test_object_identifiers_with_padding_or_cut_off(octets: bytes) -> None:
    with pytest.raises(ValueError, match="identifier"):
        der.read(der.wrap(OID, octets), OID).oid()


def test_children_are_those_that_belong_there() -> None:
    whole = der.read(der.wrap(SEQUENCE, der.wrap(INTEGER, b"\x01"), der.wrap(OCTETS, b"x")), SEQUENCE)
    assert [one.content for one in whole.children(INTEGER)] == [b"\x01", b"x"]
    assert len(whole.exactly(INTEGER, OCTETS)) == 2
    for tags in ((OCTETS,), (INTEGER, OCTETS, OCTETS)):
        with pytest.raises(ValueError, match="belong"):
            whole.children(*tags)
    with pytest.raises(ValueError, match="belong"):
        whole.exactly(INTEGER)
    for method, words in ((whole.integer, "no integer"), (whole.oid, "no object identifier")):
        with pytest.raises(ValueError, match=f"^{words}$"):
            method()
