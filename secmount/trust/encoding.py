"""Base64 as RFC 4648 section 4 writes it, one spelling for each value."""

from __future__ import annotations

import binascii


def decode_base64(text: str) -> bytes:
    """Decode; raise ValueError for another alphabet, missing padding, bits after the end, white space.

    proto3-JSON readers may take the URL-safe alphabet and missing padding as well. No producer writes them, and what
    two decoders may read differently is not read at all.
    """
    data = binascii.a2b_base64(text, strict_mode=True)
    if binascii.b2a_base64(data, newline=False).decode() != text:
        raise ValueError("base64 is not in its canonical form")
    return data
