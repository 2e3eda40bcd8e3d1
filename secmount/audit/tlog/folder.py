"""Reading the log's folder: checkpoint, entry bundles, hash tiles, parts. Nothing here writes.

The last bundle and the last tile of each level are partial and carry their width in their name (`043.p/17`), which a
writer changes as it appends; a reader that loses that race looks again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import islice

from secmount.audit.tlog import merkle, tiles
from secmount.audit.tlog.note import NOTE_LIMIT
from secmount.errors import StorageError
from secmount.local import files, owned
from secmount.local.fault import faults

BUNDLE_LIMIT = tiles.WIDTH * (tiles.ENTRY_LIMIT + 2)  # bytes
PART_LIMIT = 64 << 20  # bytes of one part; inputs hold at most a manifest, a config and attestations
CHECKPOINT = "checkpoint"
KEPT = "checkpoint.kept"  # the flushed copy of a checkpoint at most a bundle back
VERIFIER = "log.vkey"
PARTS = "parts"
_RACES = 16  # looks at a partial file that is renamed meanwhile
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def open_folder(path: str, *, uid: int) -> int | None:
    """Open the log's folder, owned by root or `uid` and writable by nobody else; None if there is none."""
    try:
        return owned.open_directory(path, uid=uid, what="audit log")
    except StorageError as err:
        if err.code == "SM7004":
            return None
        raise


class Folder:
    """The files of one log, through a directory handle that the caller keeps open."""

    def __init__(self, dirfd: int, shown: str) -> None:
        self.dirfd = dirfd
        self.shown = shown

    def text(self, name: str) -> str | None:
        """Read a small text file, or None; raise `StorageError` SM7105 if it is not UTF-8."""
        data = files.read_if_any(self.dirfd, name, NOTE_LIMIT)
        try:
            return None if data is None else data.decode()
        except UnicodeDecodeError as err:
            raise StorageError("SM7105", subject=f"{self.shown}/{name}", got="other bytes", want="UTF-8 text") from err

    def checkpoint(self) -> str | None:
        """Read the signed checkpoint, or None.

        It is replaced in one step but not flushed: an append flushes its entry and nothing else. Where power loss left
        it empty or zeros, the flushed one is read, and the entries behind that are found again.
        """
        note = self.text(CHECKPOINT)
        return note if note is None or note.strip("\0") else self.text(KEPT) or note

    def bundle(self, number: int) -> bytes | None:
        """Read bundle `number` as far as it is written, or None."""
        return self._newest(tiles.bundle_path(number), BUNDLE_LIMIT)

    def tile(self, level: int, number: int, width: int) -> bytes:
        """Read the first `width` hashes of a tile; raise `StorageError` SM7108 if they are not there."""
        data = self._newest(tiles.tile_path(level, number), tiles.WIDTH * tiles.HASH_SIZE) or b""
        if len(data) < width * tiles.HASH_SIZE:
            raise StorageError(
                "SM7108",
                subject=f"{self.shown}/{tiles.tile_path(level, number)}",
                got=f"{len(data) // tiles.HASH_SIZE} hashes",
                want=f"{width} hashes",
            )
        return data[: width * tiles.HASH_SIZE]

    def partial_names(self, path: str) -> list[str]:
        """List the partial files of a tile or bundle, narrowest first."""
        try:
            handle = os.open(f"{path}.p", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.dirfd)
        except FileNotFoundError:
            return []
        try:
            return sorted((name for name in os.listdir(handle) if name.isdecimal()), key=int)
        finally:
            os.close(handle)

    def hashes(self, size: int) -> merkle.Hashes:
        """Give the tree of `size` entries as its tiles tell it; each tile is read once."""
        known: dict[tuple[int, int], bytes] = {}

        def get(level: int, number: int) -> bytes:
            height, inner = divmod(level, 8)
            first = number << inner
            at, offset = divmod(first, tiles.WIDTH)
            if (height, at) not in known:
                width = min(tiles.WIDTH, (size >> (8 * height)) - at * tiles.WIDTH)
                known[height, at] = self.tile(height, at, width)
            data, count = known[height, at], 1 << inner
            row = [data[spot * 32 : spot * 32 + 32] for spot in range(offset, offset + count)]
            return merkle.fold(row)

        return get

    def entries(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Give entries `start` … `stop` - 1 with their index, oldest first; stop early where the log ends."""
        for number in range(start // tiles.WIDTH, -(-stop // tiles.WIDTH)):
            data = self.bundle(number)
            index = number * tiles.WIDTH
            for _, entry in islice(tiles.frames(data or b""), tiles.WIDTH):  # bytes behind a full bundle are no entries
                if index >= stop:
                    return
                if index >= start:
                    yield index, entry
                index += 1
            if index < min(stop, (number + 1) * tiles.WIDTH):
                return

    def entries_reversed(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Give entries `stop` - 1 … `start`, newest first; only whole bundles are held."""
        for number in range((stop - 1) // tiles.WIDTH, start // tiles.WIDTH - 1, -1):
            low, high = max(start, number * tiles.WIDTH), min(stop, (number + 1) * tiles.WIDTH)
            yield from reversed(list(self.entries(low, high)))

    def entry(self, index: int) -> bytes:
        """Read one entry; raise `StorageError` SM7112."""
        for _, raw in self.entries(index, index + 1):
            return raw
        raise StorageError("SM7112", subject=f"entry {index}", got="nothing", want=f"an entry of {self.shown}")

    def part(self, digest: str) -> bytes:
        """Read a part and hash it; raise `StorageError` SM7109 if it is missing or another."""
        return self.parts_reader()(digest)

    def parts_reader(self) -> Callable[[str], bytes]:
        """Give a reader of parts by digest."""

        def read(digest: str) -> bytes:
            if not _DIGEST.fullmatch(digest):
                raise StorageError("SM7109", subject=digest[:80], got="no digest", want="sha256:<64 hex>")
            data = files.read_if_any(self.dirfd, part_path(digest), PART_LIMIT)
            got = "nothing" if data is None else f"sha256:{sha256(data).hexdigest()}"
            if data is None or got != digest:
                raise StorageError("SM7109", subject=f"{self.shown}/{part_path(digest)}", got=got, want=digest)
            return data

        return read

    def _newest(self, path: str, limit: int) -> bytes | None:
        for _ in range(_RACES):
            data = files.read_if_any(self.dirfd, path, limit)
            if data is not None:
                return data
            names = self.partial_names(path)
            if not names:
                if not self._exists(path):
                    return None
                continue
            data = files.read_if_any(self.dirfd, tiles.partial(path, int(names[-1])), limit)
            if data is not None:
                return data
        raise StorageError(
            "SM7114", subject=f"{self.shown}/{path}", got="a name that keeps changing", want="a moment's rest"
        )

    def _exists(self, path: str) -> bool:
        with faults(f"{self.shown}/{path}"):
            return os.access(path, os.F_OK, dir_fd=self.dirfd, follow_symlinks=False)


def part_path(digest: str) -> str:
    """Give the path of a part: its hexadecimal digest, in 256 folders."""
    found = digest.removeprefix("sha256:")
    return f"{PARTS}/{found[:2]}/{found}"
