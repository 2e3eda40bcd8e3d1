"""Signed notes and checkpoints: C2SP signed-note, tlog-checkpoint and tlog-proof, with Ed25519 keys (type 0x01).

Cryptography is imported where a signature is made or checked: listing the log needs none. A checkpoint says: the log
of this origin had this root at this size. Texts are parsed strictly; a signature by the known key that does not hold
refuses the note, signatures by others are ignored as the specification demands.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import field
from hashlib import sha256
from typing import TYPE_CHECKING

from secmount.errors import StorageError
from secmount.value import dataclass

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NOTE_LIMIT = 64 << 10  # bytes of a note that is read; signed-note asks for 16 signatures at least
_ED25519 = b"\x01"  # signed-note, Signature types
_NAME = re.compile(r"[!-*,-~]{1,255}", re.ASCII)  # visible ASCII without "+": narrower than the specification
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_PROOF = "c2sp.org/tlog-proof@v1"
_PROOF_HASHES = 64


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under its name; `str()` is the form `NAME+HASH+KEY` that other tools read."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read `NAME+HASH+KEY`; raise `StorageError` SM7103."""
        name, _, rest = text.strip().partition("+")
        stated, _, coded = rest.partition("+")
        data = _decode(coded)
        if not _NAME.fullmatch(name) or len(data) != 33 or data[:1] != _ED25519:
            raise StorageError("SM7103", subject="public key of the log", got=repr(text[:80]), want="NAME+HASH+KEY")
        found = cls(name, data[1:])
        if found.id.hex() != stated:
            raise StorageError(
                "SM7103", subject="public key of the log", got=f"hash {stated[:16]}", want=found.id.hex()
            )
        return found

    @property
    def id(self) -> bytes:
        """The key's four-byte id."""
        return key_id(self.name, self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key under its name; its text form is that of golang.org/x/mod/sumdb/note."""

    name: str
    seed: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Read `PRIVATE+KEY+NAME+HASH+KEY`; raise `StorageError` SM7103, which never shows the text."""
        parts = text.strip().split("+", 4)
        data = _decode(parts[4]) if len(parts) == 5 else b""
        if parts[:2] != ["PRIVATE", "KEY"] or len(data) != 33 or data[:1] != _ED25519 or not _NAME.fullmatch(parts[2]):
            raise StorageError("SM7103", subject="key of the log", got="another text", want="PRIVATE+KEY+NAME+HASH+KEY")
        found = cls(parts[2], data[1:])
        if found.verifier().id.hex() != parts[3]:
            raise StorageError("SM7103", subject="key of the log", got="a hash of another key", want="its own hash")
        return found

    def text(self) -> str:
        """Give the text form, to be kept 0600."""
        coded = base64.b64encode(_ED25519 + self.seed).decode()
        return f"PRIVATE+KEY+{self.name}+{self.verifier().id.hex()}+{coded}"

    def verifier(self) -> Verifier:
        """Give the public half."""
        return Verifier(self.name, self._private().public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """Make a note of `text`, which ends in a newline."""
        return self.signing()(text)

    def signing(self) -> Callable[[str], str]:
        """Give `sign` for whoever signs often: the key is made ready once."""
        private = self._private()
        known = key_id(self.name, private.public_key().public_bytes_raw())

        def sign(text: str) -> str:
            coded = base64.b64encode(known + private.sign(text.encode())).decode()
            return f"{text}\n— {self.name} {coded}\n"

        return sign

    def _private(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head; `note` is the signed text it was read from or written as."""

    origin: str
    size: int
    root: bytes
    note: str = field(repr=False, compare=False, default="")

    def text(self) -> str:
        """Give the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Proof:
    """A tlog-proof: entry `index` is in the tree of the checkpoint; `extra`, unauthenticated, is the entry."""

    index: int
    hashes: tuple[bytes, ...]
    note: str
    extra: bytes | None = None

    def text(self) -> str:
        """Give the file's text."""
        extra = [] if self.extra is None else [f"extra {base64.b64encode(self.extra).decode()}"]
        hashes = [base64.b64encode(item).decode() for item in self.hashes]
        return "\n".join([_PROOF, *extra, f"index {self.index}", *hashes, "", self.note])


def key_id(name: str, public: bytes) -> bytes:
    """Give the id of an Ed25519 key: SHA-256(name, newline, 0x01, key), four bytes."""
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def open_note(note: str, verifier: Verifier) -> str:
    """Give the text of `note` if `verifier` signed it; raise `StorageError` SM7105."""
    text, middle, tail = note.rpartition("\n\n")
    if not middle or not tail.endswith("\n") or any(ord(char) < 32 and char != "\n" for char in note):
        raise _forged(verifier, "not a signed note")
    text += "\n"
    held = False
    for line in tail[:-1].split("\n"):
        mark, _, rest = line.partition(" ")
        name, _, coded = rest.partition(" ")
        data = _decode(coded)
        if mark != "—" or not name or len(data) < 5:
            raise _forged(verifier, "a malformed signature line")
        if name == verifier.name and data[:4] == verifier.id:
            if not _holds(verifier, data[4:], text.encode()):
                raise _forged(verifier, "a signature that does not hold")
            held = True
    if not held:
        raise _forged(verifier, "no signature by this key")
    return text


def open_checkpoint(note: str, verifier: Verifier) -> Checkpoint:
    """Read a checkpoint signed by `verifier`, whose name is its origin; raise `StorageError` SM7105."""
    found = _head(open_note(note, verifier), note)
    if found is None:
        raise _forged(verifier, "no origin, size and root")
    if found.origin != verifier.name:
        raise _forged(verifier, f"the origin {found.origin}")
    return found


def stated(note: str, *, subject: str) -> Checkpoint:
    """Read what a checkpoint states, its signature unchecked: for a copy that is believed for where it stands.

    Raise `StorageError` SM7105 if it is no checkpoint.
    """
    found = _head(note.rpartition("\n\n")[0] + "\n", note)
    if found is None:
        raise StorageError("SM7105", subject=subject, got="another text", want="a checkpoint")
    return found


def _head(text: str, note: str) -> Checkpoint | None:
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or "" in lines[:-1] or not _SIZE.fullmatch(lines[1]) or len(_decode(lines[2])) != 32:
        return None
    return Checkpoint(lines[0], int(lines[1]), _decode(lines[2]), note)


def parse_proof(text: str) -> Proof:
    """Read a tlog-proof; raise `StorageError` SM7111. Nothing in it is believed before it is checked."""
    head, middle, note = text.partition("\n\n")
    lines = head.split("\n")
    extra: bytes | None = None
    if len(lines) > 1 and lines[1].startswith("extra "):
        extra = _decode(lines.pop(1).removeprefix("extra "))
    number = lines[1].removeprefix("index ") if len(lines) > 1 and lines[1].startswith("index ") else ""
    hashes = tuple(_decode(line) for line in lines[2:])
    sound = lines[0] == _PROOF and middle and _SIZE.fullmatch(number) and len(hashes) <= _PROOF_HASHES
    if not sound or extra == b"" or any(len(item) != 32 for item in hashes):
        raise StorageError("SM7111", subject="proof", got="another text", want=_PROOF)
    return Proof(int(number), hashes, note, extra)


def _holds(verifier: Verifier, signature: bytes, text: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(verifier.public).verify(signature, text)
    except (InvalidSignature, ValueError):  # ValueError: 32 bytes that are no point of the curve
        return False
    return True


def _forged(verifier: Verifier, got: str) -> StorageError:
    return StorageError("SM7105", subject="checkpoint", got=got, want=f"a checkpoint signed by {verifier.name}")


def _decode(text: str) -> bytes:
    """Decode standard base64 with its padding, in its only spelling; b"" for anything else."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if base64.b64encode(data).decode() == text else b""
