"""`audit prove` and `audit verify --proof`: one entry shown to an outsider who only has the log's public key.

The file is a C2SP tlog-proof; its extra line carries the entry itself, which the proof then authenticates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from secmount.audit.entry import Entry, parse
from secmount.audit.tlog import merkle
from secmount.audit.tlog.note import Checkpoint, Proof, Verifier, open_checkpoint, parse_proof
from secmount.audit.tlog.tiles import ENTRY_LIMIT
from secmount.errors import StorageError
from secmount.review.reader import Reader
from secmount.value import dataclass

FILE_LIMIT = 2 * ENTRY_LIMIT  # characters of a proof file: the entry in base64, 64 hashes, a checkpoint
SUFFIX = ".tlog-proof"  # tlog-proof: proofs SHOULD be stored with this extension


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry that a proof showed to be in the log of `checkpoint`."""

    index: int
    checkpoint: Checkpoint
    raw: bytes = field(repr=False)

    @property
    def record(self) -> Mapping[str, Any]:
        """Parse the proven bytes."""
        return parse(self.raw, self.index)


def prove(reader: Reader, entry: Entry) -> Proof:
    """Make the proof of `entry`, checked before it is given; raise `StorageError` SM7106 or SM7108 where it fails."""
    if entry.index is None:
        raise ValueError("an entry that is not in the log")
    proof = reader.proof(entry.index)
    if not merkle.included(merkle.leaf(entry.raw), entry.index, reader.size, proof, reader.checkpoint.root):
        raise StorageError(
            "SM7106",
            subject=f"entry {entry.index}",
            got="bytes that are not in the signed tree",
            want="what was signed",
        )
    return Proof(entry.index, tuple(proof), reader.checkpoint.note, entry.raw)


def check(text: str, verifier: Verifier) -> Proven:
    """Check a proof file with the public key alone; raise `StorageError` SM7111."""
    if len(text) > FILE_LIMIT:
        raise StorageError("SM7111", subject="proof", got=f"{len(text)} characters", want=f"at most {FILE_LIMIT}")
    proof = parse_proof(text)
    if proof.extra is None:
        raise StorageError("SM7111", subject="proof", got="no entry in it", want="an extra line with the entry")
    try:
        checkpoint = open_checkpoint(proof.note, verifier)
    except StorageError as err:
        raise StorageError("SM7111", subject="proof", got=err.got, want=err.want) from err
    leaf = merkle.leaf(proof.extra)
    if not merkle.included(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root):
        raise StorageError("SM7111", subject="proof", got="hashes that lead elsewhere", want="the signed root")
    return Proven(proof.index, checkpoint, proof.extra)
