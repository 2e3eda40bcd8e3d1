"""NaCl's secretbox, XSalsa20-Poly1305: the cipher of cosign's private keys, which `cryptography` does not have.

Bernstein, "Cryptography in NaCl" sections 7 to 10; "Extending the Salsa20 nonce". A box is the tag and then the
ciphertext, as libsodium's `crypto_secretbox_easy` writes it. For a few hundred bytes at a time: pure Python, and not in
constant time, which matters only to someone who measures the process while it opens its user's own key.
"""

from __future__ import annotations

import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.poly1305 import Poly1305

KEY_SIZE, NONCE_SIZE, TAG_SIZE = 32, 24, 16  # bytes
_CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")
_MASK = 0xFFFFFFFF
_QUARTERS = (  # four columns, then four rows; Salsa20 specification sections 4 to 6
    (0, 4, 8, 12),
    (5, 9, 13, 1),
    (10, 14, 2, 6),
    (15, 3, 7, 11),
    (0, 1, 2, 3),
    (5, 6, 7, 4),
    (10, 11, 8, 9),
    (15, 12, 13, 14),
)


def seal(key: bytes, nonce: bytes, message: bytes) -> bytes:
    """Encrypt and authenticate `message`; a nonce is never used twice with one key."""
    stream = _stream(key, nonce, KEY_SIZE + len(message))
    ciphertext = _xor(message, stream[KEY_SIZE:])
    return Poly1305.generate_tag(stream[:KEY_SIZE], ciphertext) + ciphertext


def unseal(key: bytes, nonce: bytes, box: bytes) -> bytes | None:
    """Decrypt `box`; None if it was not sealed with this key and nonce, or was changed."""
    tag, ciphertext = box[:TAG_SIZE], box[TAG_SIZE:]
    stream = _stream(key, nonce, KEY_SIZE + len(ciphertext))
    try:
        Poly1305.verify_tag(stream[:KEY_SIZE], ciphertext, tag)
    except InvalidSignature:
        return None
    return _xor(ciphertext, stream[KEY_SIZE:])


def _stream(key: bytes, nonce: bytes, length: int) -> bytes:
    """XSalsa20: HSalsa20 of the nonce's first 16 bytes gives the key, the other 8 and a counter each block."""
    if len(key) != KEY_SIZE or len(nonce) != NONCE_SIZE:
        raise ValueError("key of 32 and nonce of 24 bytes expected")
    mixed = _rounds(_state(key, nonce[:16]))
    subkey = struct.pack("<8I", *(mixed[at] for at in (0, 5, 10, 15, 6, 7, 8, 9)))
    return b"".join(_block(subkey, nonce[16:], counter) for counter in range(-(-length // 64)))[:length]


def _block(key: bytes, nonce: bytes, counter: int) -> bytes:
    start = _state(key, nonce + struct.pack("<Q", counter))
    return struct.pack("<16I", *((a + b) & _MASK for a, b in zip(start, _rounds(start), strict=True)))


def _state(key: bytes, block: bytes) -> list[int]:
    k, n, c = struct.unpack("<8I", key), struct.unpack("<4I", block), _CONSTANTS
    return [c[0], *k[:4], c[1], *n, c[2], *k[4:], c[3]]


def _rounds(state: list[int]) -> list[int]:
    x = state.copy()
    for _ in range(10):
        for a, b, c, d in _QUARTERS:
            x[b] ^= _rotate(x[a] + x[d], 7)
            x[c] ^= _rotate(x[b] + x[a], 9)
            x[d] ^= _rotate(x[c] + x[b], 13)
            x[a] ^= _rotate(x[d] + x[c], 18)
    return x


def _rotate(value: int, bits: int) -> int:
    value &= _MASK
    return (value << bits | value >> (32 - bits)) & _MASK


def _xor(data: bytes, stream: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(data, stream, strict=True))
