"""PEM as RFC 7468 writes it, strictly: one block, base64 lines, nothing around it."""

from __future__ import annotations

import base64
import re
from dataclasses import field

from secmount.errors import TrustError
from secmount.trust.encoding import decode_base64
from secmount.value import dataclass

FILE_LIMIT = 64 << 10  # bytes; an encrypted RSA key of 8192 bits takes 10 KiB
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\r?\n((?:[A-Za-z0-9+/=]+\r?\n)+)-----END \1-----\r?\n?", re.ASCII)
_CURVE = "EC PARAMETERS"  # `openssl ecparam -genkey` writes the curve's name before the key


@dataclass(frozen=True, slots=True)
class Block:
    """One PEM block; `text` is the block as it stands."""

    label: str
    data: bytes = field(repr=False)
    text: bytes = field(repr=False)


def write(label: str, data: bytes) -> bytes:
    """Give the block of `data`."""
    body = base64.b64encode(data).decode("ascii")
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]  # section 2
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode("ascii")


def read(data: bytes, labels: frozenset[str], *, subject: str) -> Block:
    """Read the only block, which has one of `labels`; raise `TrustError` SM2107."""
    if len(data) > FILE_LIMIT:
        raise TrustError("SM2107", subject=subject, got="a larger file", want=f"at most {FILE_LIMIT} bytes")
    text = data.decode("ascii", "replace").strip() + "\n"
    blocks = list(_BLOCK.finditer(text))
    if blocks and blocks[0][1] == _CURVE:
        del blocks[0]
    if len(blocks) != 1 or blocks[0][1] not in labels or _BLOCK.sub("", text).strip():
        got = ", ".join(block[1] for block in blocks[:4]) or "no PEM block"
        raise TrustError("SM2107", subject=subject, got=got, want="one PEM block with a private key and nothing else")
    (found,) = blocks
    try:
        return Block(found[1], decode_base64("".join(found[2].split())), found[0].encode("ascii"))
    except ValueError as err:
        raise TrustError("SM2107", subject=subject, got=str(err), want="base64 between the PEM lines") from err
