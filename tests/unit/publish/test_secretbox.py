"""Secretbox against NaCl's own vector and against libsodium (made with PyNaCl 1.6)."""

from __future__ import annotations

import hashlib

import pytest

from secmount.publish import secretbox

# NaCl, tests/secretbox.c
KEY = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
NONCE = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
MESSAGE = bytes.fromhex(
    "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f4"
    "1db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52"
    "f0a089bc76897040e082f937763848645e0705"
)
BOX = bytes.fromhex(
    "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b"
    "4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da"
    "99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5"
)
# length of the message: sha256 of the box that libsodium makes of `inputs(length)`
LIBSODIUM = {
    0: "b2e9eb3e3da9ad25f99cb7c2cf9ed809",
    1: "89d412bd83fe9acd922c7b28811aa5524e",
    31: "5a6f7ae4fa74df4278c5335e98ec99d46f91410af0c019aa8846eab41f8f024e3d8f30ad0df1e03954c7c6f7db554a",
    32: "af0a6123ea3a5a37e6b47de32903764ef802fc688f53dbd56fd761463f64bef55ef0dbe87140153ee5ac7bb737b0faaf",
}
LIBSODIUM_HASHED = {
    63: "98a7ac459cf87921c9d2a2ef0147bfce788ceba1353bd452e628423d9cb1f9e3",
    64: "e584aff95f1b06b88b60e2524a38216a3cf0848b68643c1b0b4bd984cdae85a1",
    65: "76830cf91550640ca00bc04f23f1b1ce57b406c7fa4629c4ca2be097bfd85c33",
    96: "ec65c201102733eb522b30c5c3d74ae5811842b974650694631141e49bfdaeb4",
    138: "d9aca7849807260dc0eab301cc06c093d02a709727cc0da02e17f4e2c39fc932",
    300: "99a039f41dfcbfcebf6f9a9afd50e5b2bf7b23fc908b9e9a2d6643d31dcc758c",
}


def inputs(length: int) -> tuple[bytes, bytes, bytes]:
    key = hashlib.sha256(b"key%d" % length).digest()
    nonce = hashlib.sha256(b"nonce%d" % length).digest()[:24]
    return key, nonce, hashlib.shake_128(b"message%d" % length).digest(length)


def test_the_vector_of_nacl() -> None:
    assert secretbox.seal(KEY, NONCE, MESSAGE) == BOX
    assert secretbox.unseal(KEY, NONCE, BOX) == MESSAGE


@pytest.mark.parametrize("length", [*LIBSODIUM, *LIBSODIUM_HASHED])
def test_libsodium_makes_the_same(length: int) -> None:
    key, nonce, message = inputs(length)
    box = secretbox.seal(key, nonce, message)
    if length in LIBSODIUM:
        assert box.hex() == LIBSODIUM[length]
    else:
        assert hashlib.sha256(box).hexdigest() == LIBSODIUM_HASHED[length]
    assert secretbox.unseal(key, nonce, box) == message


@pytest.mark.parametrize("at", [0, 15, 16, 40, len(BOX) - 1])
def test_a_changed_box_is_not_opened(at: int) -> None:
    changed = bytearray(BOX)
    changed[at] ^= 1
    assert secretbox.unseal(KEY, NONCE, bytes(changed)) is None


def test_another_key_nonce_or_length() -> None:
    assert secretbox.unseal(NONCE + KEY[:8], NONCE, BOX) is None
    assert secretbox.unseal(KEY, KEY[:24], BOX) is None
    for part in (BOX[:-1], BOX + b"\0", BOX[:16], BOX[:15], b""):
        assert secretbox.unseal(KEY, NONCE, part) is None
    with pytest.raises(ValueError, match="32"):
        secretbox.seal(KEY[:31], NONCE, b"")
    with pytest.raises(ValueError, match="24"):
        secretbox.unseal(KEY, NONCE + b"\0", BOX)
