"""Checkpoints of transparency logs: C2SP `signed-note`, `tlog-checkpoint`; and inclusion in their trees, RFC 6962."""

from __future__ import annotations

import hashlib
import re
from dataclasses import field

from secmount.trust.check import key
from secmount.trust.encoding import decode_base64
from secmount.trust.root import Log
from secmount.value import dataclass

NOTE_LIMIT = 64 << 10  # bytes of text; a checkpoint with fifteen cosignatures has 2 KiB
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_SIGNATURE = re.compile(r"\u2014 (\S+) (\S+)")
_LINES_LIMIT = 128
_HOST = re.compile(r"(?:https?://)?(?P<place>(?P<name>\[[0-9A-Fa-f:.]+\]|[^/:]+)(?::[0-9]+)?(?:/.*)?)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's statement about its tree; `signatures` are (name, hint, signature), believed in by nobody yet."""

    origin: str
    size: int
    root: bytes
    signed: bytes = field(repr=False)
    signatures: tuple[tuple[str, bytes, bytes], ...] = field(repr=False)


def read(text: str) -> Checkpoint:
    """Read a signed checkpoint; raise ValueError."""
    if len(text) > NOTE_LIMIT:
        raise ValueError(f"a checkpoint of {len(text)} characters")
    body, gap, tail = text.partition("\n\n")
    lines, marks = body.split("\n"), tail.split("\n")
    if not gap or marks.pop() or not marks or len(lines) + len(marks) > _LINES_LIMIT:
        raise ValueError("a checkpoint that is no signed note")
    if len(lines) < 3 or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise ValueError("a checkpoint without origin, size and root")
    signatures = []
    for mark in marks:
        found = _SIGNATURE.fullmatch(mark)
        if found is None or len(octets := decode_base64(found[2])) < 5:
            raise ValueError("a checkpoint with a line that is no signature")
        signatures.append((found[1], octets[:4], octets[4:]))
    return Checkpoint(lines[0], int(lines[1]), decode_base64(lines[2]), f"{body}\n".encode(), tuple(signatures))


def signed_by(checkpoint: Checkpoint, log: Log) -> bool:
    """Whether `log` signed `checkpoint` under its own name; the names are those of its address in the trust root.

    Rekor v2's origin is its host name, Rekor v1's has a tree's number after it. Two logs of one operator may share a
    key, and the name keeps their trees apart.
    """
    names = _names(log)
    own = [name for name in names if checkpoint.origin == name or checkpoint.origin.startswith(f"{name} - ")]
    return any(
        name in own and hint == log.log_id[:4] and key.holds(log.key, signature, checkpoint.signed)
        for name, hint, signature in checkpoint.signatures
    )


def includes(leaf: bytes, *, index: int, size: int, path: tuple[bytes, ...], root: bytes) -> bool:
    """Whether a tree of `size` entries under `root` has `leaf` at `index`. RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size or any(len(one) != hashlib.sha256().digest_size for one in path):
        return False
    node, last = index, size - 1
    value = hashlib.sha256(b"\x00" + leaf).digest()
    for one in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            value = hashlib.sha256(b"\x01" + one + value).digest()
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            value = hashlib.sha256(b"\x01" + value + one).digest()
        node, last = node >> 1, last >> 1
    return last == 0 and value == root


def _names(log: Log) -> tuple[str, ...]:
    found = _HOST.fullmatch(log.url)
    if found is None:
        return ()
    place = found["place"].rstrip("/")
    return tuple(dict.fromkeys((found["name"], place.partition("/")[0], place)))
