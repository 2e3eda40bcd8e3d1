"""Base64 as RFC 4648 section 4 writes it, one spelling for each value."""

from __future__ import annotations

import base64


def decode_base64(text: str) -> bytes:
    """Decode; raise ValueError for another alphabet, missing padding, bits after the end, white space.

    proto3-JSON readers may take the URL-safe alphabet and missing padding as well. No producer writes them, and what
    two decoders may read differently is not read at all.
    """
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 is not in its canonical form")
    return data
