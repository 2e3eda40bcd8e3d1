"""The store: content by digest, in an OCI image layout that others can read (image-spec v1.1 `image-layout.md`).

A file gets a name below `blobs/` or `derived/` only after its bytes were hashed and flushed, and is told to be
unchanged, or hashed again, on every use (`store.shelf`). Everything is reached from a handle of the root, and no
symbolic link is followed. Several processes may use one store. Format: docs/formats/store.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import BinaryIO, Self

from secmount.errors import StorageError
from secmount.local.files import LOCK_WAIT, lock
from secmount.local.owned import make_directory
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.store.index import StoreIndex
from secmount.store.ingest import receive, record, sweep
from secmount.store.layout import check_root, make_folders
from secmount.store.shelf import Shelf
from secmount.store.state import State
from secmount.store.stored import StoredBlob
from secmount.store.tables.objects import Area

STATE = "state.db"


class Store:
    """An open store; `root` is its path, `state` its database, `index` its list of artifacts."""

    def __init__(self, root: str, *, uid: int) -> None:
        """Open the store at `root`, or make it (mode 0700); it and all above must be root's or `uid`'s alone.

        Raise `StorageError`: SM7010 to SM7013 (not ours), SM7032 (holds other things), SM7020, SM7021 (state),
        SM7001 to SM7006.
        """
        self.root = os.path.abspath(root)
        with ExitStack() as stack:
            root_handle = make_directory(self.root, uid=uid, what="store")
            stack.callback(os.close, root_handle)
            check_root(root_handle)

            def folders(parent: int, *names: str) -> dict[str, int]:
                handles = make_folders(parent, names, uid=uid)
                for handle in handles:
                    stack.callback(os.close, handle)
                return dict(zip(names, handles, strict=True))

            top = folders(root_handle, "blobs", "derived", "ingest", "locks")
            blobs, derived = folders(top["blobs"], "sha256", "sha512"), folders(top["derived"], "sha256")
            self._ingest, self._locks = top["ingest"], top["locks"]
            self.index = StoreIndex(root_handle, self._locks)
            self.state = State(os.path.join(self.root, STATE), uid=uid)
            stack.callback(self.state.close)
            hashes = self.state.hashes
            self._blobs = Shelf("blobs", blobs, ingest=self._ingest, hashes=hashes, uid=uid)
            self._derived = Shelf("derived", derived, ingest=self._ingest, hashes=hashes, uid=uid)
            sweep(self._ingest)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Give handles and database back; open blobs stay open."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self, digest: Digest) -> StoredBlob:
        """Open a held or derived object, fresh.

        Raise `StorageError` SM7030 (not held), SM7031 (no plain file of ours) or `ContentError` SM5001 (it changed); in
        the latter two cases the file was set aside.
        """
        blob = self._blobs.open(digest) or self._derived.open(digest)
        if blob is None:
            raise self._absent(digest)
        return blob

    def has(self, wanted: Descriptor) -> bool:
        """Whether the content is held, fresh and of the size stated; what is found changed is set aside."""
        blob = self._blobs.open_sound(wanted.digest)
        if blob is None:
            return False
        with blob:
            return blob.size == wanted.size

    def put(self, wanted: Descriptor, chunks: Iterable[bytes]) -> None:
        """Take `wanted`'s bytes in, unless they are held: `chunks` is then not read.

        A chunk is used up before the next is asked for, so a source may give a view of one buffer again and again.
        Raise `ContentError` SM5001, SM5002 or `StorageError` SM7001 to SM7005; then nothing is left.
        """
        if self.has(wanted):
            return
        with receive(self._ingest) as incoming:
            for chunk in wanted.digest.check(chunks, wanted.size):
                incoming.write(chunk)
            self._blobs.admit(incoming, wanted.digest)

    def derive(self, kind: str, key: str, write: Callable[[BinaryIO], None]) -> StoredBlob:
        """Open the object made for (kind, key), making it by `write` if it is not there or not sound any more.

        `key` names all that the bytes depend on, the maker's version included. `write` gets a file that can be
        appended to and told its length; what it raises passes through, and nothing is left.
        """
        held = self.open_derived(kind, key)
        if held is not None:
            return held
        with receive(self._ingest) as incoming:
            digest = record(incoming, write)
            self._derived.admit(incoming, digest)
        self.state.derived.record(kind, key, digest)
        made = self._derived.open(digest)
        if made is None:
            raise self._absent(digest)
        return made

    def open_derived(self, kind: str, key: str) -> StoredBlob | None:
        """Open the object made for (kind, key), or None if it has to be made (again)."""
        digest = self.state.derived.find(kind, key)
        return None if digest is None else self._derived.open_sound(digest)

    def forget(self, kind: str, key: str) -> None:
        """Have the object of (kind, key) made anew the next time: whoever reads it found something else in it."""
        self.state.derived.forget(kind, key)

    def verify(self, area: Area, digest: Digest) -> int | None:
        """Hash the object as it is on the disk, whatever is known of it; give its size, None if there is none.

        Raise `StorageError` SM7031 or `ContentError` SM5001 like `open`.
        """
        return self._shelf(area).verify(digest)

    def names(self, area: Area) -> Iterator[tuple[str, str]]:
        """Give every (algorithm, file name) below `blobs/` or `derived/`, whatever it is."""
        return self._shelf(area).names()

    def locking(self, name: str, *, wait: float | None = LOCK_WAIT) -> AbstractContextManager[None]:
        """Be the only holder of `name` in this store, as by `local.files.lock`; raise `StorageError` SM7006."""
        file = Digest.of(os.fsencode(name)).hex
        return lock(self._locks, file, exclusive=True, wait=wait, transient=True)

    def _shelf(self, area: Area) -> Shelf:
        return self._blobs if area == "blobs" else self._derived

    def _absent(self, digest: Digest) -> StorageError:
        return StorageError("SM7030", subject=str(digest), got=f"nothing of that digest in {self.root}")
