"""Keys and bundles in another form than the specification's are refused; what is torn is not read."""

from __future__ import annotations

import pytest

from secmount.audit.tlog import tiles
from secmount.audit.tlog.note import Signer, Verifier
from secmount.errors import StorageError

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"


@pytest.mark.parametrize(
    "text",
    [VKEY.replace("530d903a", "530d903b"), VKEY.replace("+Aek", "+Bek"), VKEY[:-4], VKEY.replace("foo", "f o"), "a+b"],
)
def test_a_public_key_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(StorageError) as caught:
        Verifier.parse(text)
    assert caught.value.code == "SM7103"


@pytest.mark.parametrize(
    "text", [SKEY.replace("c74f", "c75f"), SKEY.replace("+AYEK", "+BYEK"), SKEY[8:], SKEY[:-4], ""]
)
def test_a_private_key_in_another_form_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(StorageError) as caught:
        Signer.parse(text)
    assert caught.value.code == "SM7103"
    assert "FALVFGy" not in str(caught.value)


def test_a_private_key_is_in_no_representation() -> None:
    assert "81" not in repr(Signer.parse(SKEY)).replace("PeterNeumann", "")
    assert "seed" not in repr(Signer.parse(SKEY))


def test_entry_bundles_are_entries_behind_their_big_endian_lengths() -> None:
    assert tiles.frame(b"abc") == b"\x00\x03abc"
    assert list(tiles.frames(b"\x00\x01a\x01\x00" + bytes(256) + b"\x00\x09torn")) == [(3, b"a"), (261, bytes(256))]
