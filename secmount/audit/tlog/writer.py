"""Appending to the log: one writer at a time, many appends a flush, nothing acknowledged that power loss could take.

An append has two halves. Under the write lock the entries go to the end of the last bundle. Under the flush lock
whoever comes first makes all entries written by then durable and signs one checkpoint over them; those behind find
their work done. Whatever a writer knows it re-derives from the entries: what others appended, what a crash left half
done. An entry that is torn was never acknowledged, is cut off and reported.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from secmount.audit.tlog import edge as edges
from secmount.audit.tlog import keys, tiles, tilewriter
from secmount.audit.tlog.folder import CHECKPOINT, KEPT, Folder
from secmount.audit.tlog.locks import Lock
from secmount.audit.tlog.note import Checkpoint, Signer, open_checkpoint
from secmount.errors import StorageError
from secmount.local import files, owned
from secmount.local.fault import faults, storage_error

Prologue = Callable[[int, Sequence[str]], list[bytes]]  # (entries so far, repairs) → entries that go before


class Writer:
    """The appending end of one log; safe for threads, processes and forks. Opens nothing before it is used."""

    def __init__(
        self,
        path: str,
        *,
        uid: int,
        random: Callable[[int], bytes],
        host: str,
        key: str | None,
        anchored: Callable[[Checkpoint], None],
        remembered: Callable[[], Checkpoint | None],
    ) -> None:
        """`anchored` is told each checkpoint; `remembered` gives the last one that stands outside the folder."""
        self._path, self._uid, self._random, self._host, self._key = path, uid, random, host, key
        self._anchored, self._remembered = anchored, remembered
        self._write_lock, self._flush_lock = Lock("lock"), Lock("lock.flush")
        self._opening = threading.Lock()
        self._pid = 0
        self._open: ExitStack | None = None
        self._head: int | None = None  # handle of the last bundle, while it is partial
        self._repairs: list[str] = []
        self._forget()

    def append(
        self, entries: Sequence[bytes], *, prologue: Prologue, before: Callable[[int], None] | None = None
    ) -> int:
        """Append what `prologue` gives, then `entries`; give the index of the first of these.

        `before` is told that index. Both are called under the lock, before a byte is written.
        Raise `StorageError` SM7001 to SM7005 (the disk), SM7103 (key), SM7105 to SM7108 (the log is not what it was).
        """
        self._ensure_open()
        with faults(self._path), self._write_lock, self._or_forget():
            self._follow()
            self._cut()
            first = prologue(self._edge.size, tuple(self._repairs))
            index = self._edge.size + len(first)
            if before is not None:
                before(index)
            self._write([*first, *entries])
            self._repairs.clear()
            needed = self._edge.size
        self._publish(needed)
        return index

    def folder(self) -> Folder:
        """Give the folder, made if it was not there."""
        self._ensure_open()
        return self._folder

    def close(self) -> None:
        """Give back every handle; the next use opens them again."""
        self._forget()
        if self._open is not None:
            self._open.close()
            self._open = None

    def _ensure_open(self) -> None:
        if self._open is not None and self._pid == os.getpid():
            return
        if self._pid not in {0, os.getpid()}:  # after a fork: handles from before it share their locks with the parent
            self._opening = threading.Lock()
            self.close()
        with self._opening:
            if self._open is None:
                self._open_files()

    def _open_files(self) -> None:
        with ExitStack() as stack, faults(self._path):
            dirfd = owned.make_directory(self._path, uid=self._uid, what="audit log")
            stack.callback(os.close, dirfd)
            self._folder = Folder(dirfd, self._path)
            for lock in (self._write_lock, self._flush_lock):
                lock.open(dirfd)
                stack.callback(lock.close)
            self._open, self._pid = stack.pop_all(), os.getpid()

    def _forget(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            os.close(head)
        self._edge = edges.Edge()
        self._offset = 0  # bytes of the last bundle that hold whole entries
        self._torn = 0  # bytes behind them
        self._loaded = False
        self._signing: tuple[str, Callable[[str], str]] | None = None  # the log's name, and what signs for it

    @contextmanager
    def _or_forget(self) -> Iterator[None]:
        """Whatever goes wrong in the block, what is known of the log is read anew the next time."""
        try:
            yield
        except BaseException:
            self._forget()
            raise

    def _follow(self) -> None:
        """Know the log as it is now: load it, or read what others appended since."""
        if not self._loaded:
            self._load()
            self._loaded = True
        self._catch_up()

    def _load(self) -> None:
        signer = keys.open_signer(self._folder, path=self._key, uid=self._uid)
        note = self._folder.checkpoint()
        if note is None:
            signer = self._create(signer)
            note = self._folder.checkpoint() or ""
        if signer is None:
            raise StorageError("SM7103", subject=f"{self._path}/{keys.KEY}", got="nothing", want="the key of this log")
        self._signing = signer.name, signer.signing()
        checkpoint = open_checkpoint(note, signer.verifier())
        self._edge = self._restore(checkpoint)
        remembered = self._remembered()
        if remembered is not None:
            self._compare(remembered, checkpoint)

    def _create(self, signer: Signer | None) -> Signer:
        if self._folder.bundle(0) is not None:
            raise StorageError(
                "SM7105", subject=f"{self._path}/{CHECKPOINT}", got="nothing", want="a signed checkpoint"
            )
        remembered = self._remembered()
        if remembered is not None:
            raise _rolled_back(self._path, "no log", remembered)
        signer = signer or keys.make_signer(self._folder, random=self._random, host=self._host)
        keys.publish_verifier(self._folder, signer)
        empty = Checkpoint(signer.name, 0, edges.Edge().root())
        note = signer.sign(empty.text()).encode()
        for name in (KEPT, CHECKPOINT):
            files.write_atomic(self._folder.dirfd, name, note, mode=0o644)
        self._repairs.append("created")
        return signer

    def _restore(self, checkpoint: Checkpoint) -> edges.Edge:
        """Give the edge at the checkpoint; derived tiles that disagree with the entries are made again."""
        try:
            edge = edges.restored(self._folder.hashes(checkpoint.size), checkpoint.size // tiles.WIDTH)
        except StorageError as err:
            if err.code != "SM7108":
                raise
            edge = edges.Edge()
        for index, raw in self._folder.entries(edge.size, checkpoint.size):
            edge.add(raw)
            self._offset = self._offset + 2 + len(raw) if index % tiles.WIDTH else 2 + len(raw)
        if edge.size == checkpoint.size and edge.root() == checkpoint.root:
            return edge
        edge = tilewriter.rebuild(self._folder, checkpoint)
        self._repairs.append("tiles made again from the entries")
        return edge

    def _compare(self, remembered: Checkpoint, current: Checkpoint) -> None:
        if remembered.origin != current.origin:
            raise _rolled_back(self._path, f"the log {current.origin}", remembered)
        if remembered.size > current.size:
            self._catch_up()
        if remembered.size > self._edge.size:
            raise _rolled_back(self._path, f"{self._edge.size} entries", remembered)
        if remembered.size == current.size:
            same = remembered.root == current.root
        else:
            same = self._root_at(remembered.size) == remembered.root
        if not same:
            raise _rolled_back(self._path, f"other entries before {remembered.size}", remembered)

    def _root_at(self, size: int) -> bytes:
        edge = edges.restored(self._folder.hashes(size), size // tiles.WIDTH)
        for _, raw in self._folder.entries(edge.size, size):
            edge.add(raw)
        return edge.root()

    def _catch_up(self) -> None:
        while True:
            if self._edge.size % tiles.WIDTH == 0 and self._head is None:
                self._offset = 0
            number = self._edge.size // tiles.WIDTH
            if self._head is None:
                self._head = tilewriter.open_head(self._folder, number)
            if self._head is None:
                if tilewriter.is_full(self._folder, number):
                    self._take(self._folder.bundle(number) or b"", number, full=True)
                    continue
                return
            self._take(_read_from(self._head, self._offset), number, full=False)
            if self._edge.size // tiles.WIDTH == number:
                return

    def _take(self, data: bytes, number: int, *, full: bool) -> None:
        """Add what others wrote to bundle `number`; `data` begins at the offset known so far unless it is `full`."""
        start = self._offset if full else 0
        good = start
        for behind, raw in tiles.frames(data[start:]):
            if not _is_record(raw):
                break
            risen = self._edge.add(raw)
            good = start + behind
            if self._edge.size % tiles.WIDTH == 0:
                self._finish(number, risen)
                return
        if full:
            raise StorageError("SM7106", subject=f"{self._path}/{tiles.bundle_path(number)}", got="a torn bundle")
        self._offset, self._torn = self._offset + good, len(data) - good

    def _cut(self) -> None:
        """Cut off what a writer left half written; it was never acknowledged, and no other writer is at work."""
        if self._torn and self._head is not None:
            os.ftruncate(self._head, self._offset)
            os.fdatasync(self._head)
            self._repairs.append(f"{self._torn} bytes of an entry that was never acknowledged cut off")
            self._torn = 0

    def _write(self, entries: Sequence[bytes]) -> None:
        rest = list(entries)
        while rest:
            number = self._edge.size // tiles.WIDTH
            room = tiles.WIDTH - self._edge.size % tiles.WIDTH
            now, rest = rest[:room], rest[room:]
            if self._head is None:
                self._head = tilewriter.create_head(self._folder, number)
                self._offset = 0
            data = b"".join(map(tiles.frame, now))
            try:
                files.write_all(self._head, data)
            except OSError as err:
                os.ftruncate(self._head, self._offset)
                raise storage_error(err, self._path) from err
            self._offset += len(data)
            risen: list[tuple[int, int, bytes]] = []
            for raw in now:
                risen = self._edge.add(raw)
            if self._edge.size % tiles.WIDTH == 0:
                self._finish(number, risen)

    def _finish(self, number: int, risen: Sequence[tuple[int, int, bytes]]) -> None:
        if self._head is not None:
            tilewriter.finish(self._folder, number, head=self._head, leaves=self._edge.leaves, risen=risen)
            head, self._head = self._head, None
            os.close(head)
        self._offset = 0

    def _publish(self, needed: int) -> None:
        def covered() -> bool:
            return tilewriter.published(self._folder) >= needed

        with faults(self._path), self._flush_lock.unless(covered) as mine:
            before = tilewriter.published(self._folder)
            if not mine or before >= needed:
                return
            with self._write_lock, self._or_forget():
                self._follow()
                if self._signing is None:
                    raise ValueError("the log is not loaded")
                origin, sign = self._signing
                head = Checkpoint(origin, self._edge.size, self._edge.root())
                bundle = None if self._head is None else os.dup(self._head)
            if bundle is not None:
                try:
                    os.fdatasync(bundle)
                finally:
                    os.close(bundle)
            note = sign(head.text())
            with self._write_lock:
                if self._loaded and self._edge.size // tiles.WIDTH == head.size // tiles.WIDTH:
                    tilewriter.show_partial(self._folder, head.size, self._edge.leaves)
                tilewriter.put_checkpoint(self._folder, note, keep=before // tiles.WIDTH != head.size // tiles.WIDTH)
            self._anchored(Checkpoint(head.origin, head.size, head.root, note))


def _is_record(raw: bytes) -> bool:
    """Say whether bytes that no checkpoint covers are an entry: power loss can leave zeros in a grown file."""
    try:
        return isinstance(json.loads(raw), dict)
    except ValueError:
        return False


def _read_from(handle: int, offset: int) -> bytes:
    parts = []
    while chunk := os.pread(handle, 1 << 20, offset):
        parts.append(chunk)
        offset += len(chunk)
    return b"".join(parts)


def _rolled_back(path: str, got: str, remembered: Checkpoint) -> StorageError:
    return StorageError(
        "SM7107",
        subject=path,
        got=got,
        want=f"{remembered.size} entries of {remembered.origin}, as remembered outside the log",
    )
