"""The log opened for review: its public key, its verified checkpoint, its entries. Nothing here writes.

What stands outside the folder (the copy under `state`) is compared at once: a log that is behind it is shown, with a
warning that `audit verify` turns into an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from secmount.audit.entry import Entry
from secmount.audit.tlog import keys, merkle
from secmount.audit.tlog.anchor import Anchors
from secmount.audit.tlog.folder import CHECKPOINT, Folder, open_folder
from secmount.audit.tlog.note import Checkpoint, Verifier, open_checkpoint
from secmount.errors import StorageError
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Reader:
    """One log as it was at `checkpoint`; entries behind it do not exist for a reader."""

    directory: str
    folder: Folder
    verifier: Verifier
    checkpoint: Checkpoint
    anchors: Anchors
    warnings: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.checkpoint.size

    def entry(self, index: int) -> Entry:
        """Read entry `index`; raise `StorageError` SM7112 if there is none."""
        if not 0 <= index < self.size:
            raise StorageError("SM7112", subject=f"entry {index}", got="nothing", want=f"0 to {self.size - 1}")
        return Entry(index, self.folder.entry(index))

    def entries(self, *, start: int = 0, newest_first: bool = False) -> Iterator[Entry]:
        """Give all entries from `start` on; raise `StorageError` SM7106 where one that was signed is not there."""
        walk = self.folder.entries_reversed if newest_first else self.folder.entries
        wanted = iter(range(self.size - 1, start - 1, -1) if newest_first else range(start, self.size))
        for index, raw in walk(start, self.size):
            if index != next(wanted):
                raise self.missing(index)
            yield Entry(index, raw)
        for index in wanted:
            raise self.missing(index)

    def missing(self, index: int) -> StorageError:
        """Give the error for a signed entry that is not in the folder."""
        want = f"the {self.size} entries that were signed"
        return StorageError("SM7106", subject=self.directory, got=f"entries missing at {index}", want=want)

    def proof(self, index: int) -> list[bytes]:
        """Give the inclusion proof of entry `index` as the tiles have it; it has not been checked."""
        return merkle.inclusion(self.folder.hashes(self.size), index, self.size)


@contextmanager
def open_log(
    directory: str, *, uid: int, state: str | None = None, verifier: Verifier | None = None
) -> Iterator[Reader]:
    """Open the log for review; `verifier` is the reviewer's own copy of the public key, else the folder's.

    Raise `StorageError` SM7112 (there is no log), SM7103, SM7105 (checkpoint missing, forged, or by another key).
    """
    dirfd = open_folder(directory, uid=uid)
    if dirfd is None:
        raise StorageError("SM7112", subject=directory, got="no log", want="an audit log; the first command makes it")
    anchors = Anchors(directory, state=state, uid=uid)
    try:
        folder = Folder(dirfd, directory)
        known = verifier or keys.read_verifier(folder)
        note = folder.checkpoint()
        if note is None:
            raise StorageError("SM7105", subject=f"{directory}/{CHECKPOINT}", got="nothing", want="a signed checkpoint")
        checkpoint = open_checkpoint(note, known)
        yield Reader(directory, folder, known, checkpoint, anchors, _warnings(anchors, checkpoint))
    finally:
        os.close(dirfd)


def read_verifier(text_or_path: str) -> Verifier:
    """Read a public key: `NAME+HASH+KEY`, or the path of a file that holds it; raise `StorageError` SM7103."""
    if text_or_path.count("+") >= 2 and not os.path.exists(text_or_path):
        return Verifier.parse(text_or_path)
    try:
        with open(text_or_path, encoding="ascii") as stream:
            return Verifier.parse(stream.read(4096))
    except (OSError, UnicodeDecodeError) as err:
        raise StorageError("SM7103", subject=text_or_path, got=str(err), want="a public key NAME+HASH+KEY") from err


def _warnings(anchors: Anchors, checkpoint: Checkpoint) -> tuple[str, ...]:
    try:
        remembered = anchors.remembered()
    except StorageError as err:
        return (f"the remembered checkpoint cannot be read: {err}",)
    if remembered is None:
        return ()
    if remembered.origin != checkpoint.origin or remembered.size > checkpoint.size:
        return (
            f"the log has {checkpoint.size} entries of {checkpoint.origin}, but {remembered.size} of "
            f"{remembered.origin} are remembered: run `secmount audit verify`",
        )
    return ()
