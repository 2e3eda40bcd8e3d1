"""One area of the store, `blobs/` or `derived/`: files named by digest, each told to be sound before it is used.

A file is *fresh* while the stamp of the open descriptor (device, inode, size, mtime, ctime) is the one recorded
when the file was hashed. A file that is not is hashed before use. One whose bytes have another digest, or that is a
link, a pipe, a directory, somebody else's or open to others' writing, is moved into `ingest/` under a name that
ends in `.bad`.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping

from secmount.errors import ContentError, StorageError
from secmount.local.fault import faults, place_of, storage_error
from secmount.local.owned import check_entry, kind
from secmount.oci.digest import Digest
from secmount.store.ingest import BAD, Incoming
from secmount.store.stored import StoredBlob, hash_file, stamp_of
from secmount.store.tables.objects import Area, Hashes

_QUIET_NS = 100_000_000  # a file changed less long ago might change again within one tick of ctime (1 to 10 ms)


class Shelf:
    """An area; holds no state but directory handles (one per digest algorithm), which its maker closes."""

    def __init__(self, area: Area, folders: Mapping[str, int], *, ingest: int, hashes: Hashes, uid: int) -> None:
        self.area, self._folders, self._ingest, self._hashes, self._uid = area, folders, ingest, hashes, uid

    def open(self, digest: Digest) -> StoredBlob | None:
        """Open the object, fresh; None if there is none.

        Raise `StorageError` SM7031 (no plain file of ours) or `ContentError` SM5001 (it changed): it was then set
        aside.
        """
        return self._open(digest, reread=False)

    def open_sound(self, digest: Digest) -> StoredBlob | None:
        """Open the object, fresh; None if there is none, or it had to be set aside just now."""
        try:
            return self._open(digest, reread=False)
        except (ContentError, StorageError) as err:
            if err.code in ("SM5001", "SM7031"):
                return None
            raise

    def verify(self, digest: Digest) -> int | None:
        """Hash the object as it is on the disk, whatever is known of it; give its size, None if there is none.

        Raise like `open`.
        """
        blob = self._open(digest, reread=True)
        if blob is None:
            return None
        with blob:
            return blob.size

    def admit(self, incoming: Incoming, digest: Digest) -> None:
        """Give the written file, whose bytes were found to have `digest`, its name; durable on return."""
        incoming.commit(self._folders[digest.algorithm], digest.hex)
        self._hashes.record(self.area, digest, stamp_of(os.fstat(incoming.handle)))

    def names(self) -> Iterator[tuple[str, str]]:
        """Give every (algorithm, file name), whatever it is."""
        for algorithm, folder in self._folders.items():
            with faults(place_of(folder)):
                names = sorted(os.listdir(folder))
            yield from ((algorithm, name) for name in names)

    def _open(self, digest: Digest, *, reread: bool) -> StoredBlob | None:
        folder = self._folders.get(digest.algorithm)
        handle = None if folder is None else self._open_plain(folder, digest)
        if folder is None or handle is None:
            return None
        try:
            if reread:
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            if reread or self._hashes.stamp(self.area, digest) != stamp_of(os.fstat(handle)):
                self._rehash(folder, digest, handle)
            size = os.fstat(handle).st_size
        except BaseException:
            os.close(handle)
            raise
        return StoredBlob(digest, handle, size)

    def _open_plain(self, folder: int, digest: Digest) -> int | None:
        place = place_of(folder, digest.hex)
        try:
            return self._open_judged(folder, digest.hex, place)
        except StorageError as err:
            if err.code == "SM7004":
                return None
            if err.code not in ("SM7010", "SM7011", "SM7012", "SM7013"):
                raise
            kept = self._set_aside(folder, digest, None)
            raise StorageError("SM7031", subject=place, got=err.got, want=err.want, help=(f"ls -l {kept}",)) from err

    def _open_judged(self, folder: int, name: str, place: str) -> int:
        with faults(place):
            # judged before it is opened, too: opening some devices does something
            self._judge(os.stat(name, dir_fd=folder, follow_symlinks=False), place)
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            self._judge(os.fstat(handle), place)
        except BaseException:
            os.close(handle)
            raise
        return handle

    def _judge(self, info: os.stat_result, place: str) -> None:
        if not stat.S_ISREG(info.st_mode):
            raise StorageError("SM7013", subject=place, got=kind(info.st_mode), want="a regular file")
        check_entry(info, uid=self._uid, what=self.area, shown=place)

    def _rehash(self, folder: int, digest: Digest, handle: int) -> None:
        before = os.fstat(handle)
        got = hash_file(handle, digest.algorithm, subject=place_of(folder, digest.hex))
        after = os.fstat(handle)
        still = stamp_of(before) == stamp_of(after)
        if got != digest or not still:
            kept = self._set_aside(folder, digest, after)
            found = str(got) if still else "a file that changes while it is read"
            raise ContentError(
                "SM5001", subject=f"{self.area}/{digest}", got=found, want=str(digest), help=(f"ls -l {kept}",)
            )
        if time.time_ns() - after.st_ctime_ns > _QUIET_NS:
            self._hashes.record(self.area, digest, stamp_of(after))

    def _set_aside(self, folder: int, digest: Digest, found: os.stat_result | None) -> str:
        """Move the name into `ingest/` unless it bears another file than `found` by now; give its new place."""
        name = f"{digest.hex}.{os.urandom(4).hex()}{BAD}"
        place = place_of(self._ingest, name)
        try:
            os.rename(digest.hex, name, src_dir_fd=folder, dst_dir_fd=self._ingest)
            moved = os.stat(name, dir_fd=self._ingest, follow_symlinks=False)
            if found is not None and not os.path.samestat(moved, found):
                os.rename(name, digest.hex, src_dir_fd=self._ingest, dst_dir_fd=folder)
        except FileNotFoundError:
            return place  # another process has set it aside
        except OSError as err:
            raise storage_error(err, place) from err
        self._hashes.forget(self.area, digest)
        return place
