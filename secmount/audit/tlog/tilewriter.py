"""Writing bundles, tiles and checkpoints under their tlog-tiles names. Each step can be done again after a crash.

The last bundle is one file that grows and is renamed to its width (`043.p/17`), to `043` when it is full: a reader of
the layout finds what the specification says, and an append costs one flush.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from secmount.audit.tlog import edge as edges
from secmount.audit.tlog import merkle, tiles
from secmount.audit.tlog.folder import CHECKPOINT, KEPT, Folder
from secmount.audit.tlog.note import NOTE_LIMIT, Checkpoint
from secmount.errors import StorageError
from secmount.local import files

_APPEND = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = ".checkpoint.new"


def open_head(folder: Folder, number: int) -> int | None:
    """Open the partial bundle `number` for appending, or None."""
    path = tiles.bundle_path(number)
    names = folder.partial_names(path)
    return os.open(f"{path}.p/{names[-1]}", _APPEND, dir_fd=folder.dirfd) if names else None


def create_head(folder: Folder, number: int) -> int:
    """Start bundle `number`; its name survives power loss before any entry stands in it."""
    path = tiles.bundle_path(number)
    make_directories(folder, f"{path}.p")
    handle = os.open(f"{path}.p/1", _APPEND | os.O_CREAT, 0o600, dir_fd=folder.dirfd)
    _sync_names(folder, f"{path}.p")
    return handle


def is_full(folder: Folder, number: int) -> bool:
    """Say whether bundle `number` is full and named so."""
    return os.access(tiles.bundle_path(number), os.F_OK, dir_fd=folder.dirfd, follow_symlinks=False)


def finish(
    folder: Folder,
    number: int,
    *,
    head: int,
    leaves: Sequence[bytes],
    risen: Iterable[tuple[int, int, bytes]],
) -> None:
    """Give a full bundle its name, after its tile and what rises from it; does nothing where that was done."""
    path = tiles.bundle_path(number)
    if is_full(folder, number):
        return
    os.fdatasync(head)
    put_tile(folder, 0, number, b"".join(leaves))
    for level, at, found in risen:
        _extend(folder, level, at, found)
    names = folder.partial_names(path)
    if names:
        os.rename(f"{path}.p/{names[-1]}", path, src_dir_fd=folder.dirfd, dst_dir_fd=folder.dirfd)
        _remove_partial(folder, path)
        _sync_names(folder, os.path.dirname(path))


def show_partial(folder: Folder, size: int, leaves: Sequence[bytes]) -> None:
    """Name the last bundle by its width in a tree of `size` entries, and keep the last tile of level 0 as wide."""
    number, width = divmod(size, tiles.WIDTH)
    if not width:
        return
    path = tiles.bundle_path(number)
    names = folder.partial_names(path)
    if names and int(names[-1]) < width:
        os.rename(f"{path}.p/{names[-1]}", tiles.partial(path, width), src_dir_fd=folder.dirfd, dst_dir_fd=folder.dirfd)
    _write_partial(folder, tiles.tile_path(0, number), b"".join(leaves[:width]))


def put_tile(folder: Folder, level: int, number: int, data: bytes) -> None:
    """Write a full tile, durable, in place of a partial one."""
    path = tiles.tile_path(level, number)
    make_directories(folder, os.path.dirname(path))
    _replace(folder, path, data)
    _remove_partial(folder, path)


def put_checkpoint(folder: Folder, note: str, *, keep: bool) -> None:
    """Replace the checkpoint in one step, unflushed; `keep`: first put a flushed copy beside it (Folder.checkpoint)."""
    if keep:
        files.write_atomic(folder.dirfd, KEPT, note.encode(), mode=0o644)
    handle = os.open(
        _TEMPORARY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=folder.dirfd
    )
    try:
        files.write_all(handle, note.encode())
    finally:
        os.close(handle)
    os.rename(_TEMPORARY, CHECKPOINT, src_dir_fd=folder.dirfd, dst_dir_fd=folder.dirfd)


def published(folder: Folder) -> int:
    """Give the size that the checkpoint on disk states, unverified: only to see whether there is work left.

    Those who wait for a flush ask for it again and again, so it is read without ceremony.
    """
    try:
        handle = os.open(CHECKPOINT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder.dirfd)
    except FileNotFoundError:
        return 0
    try:
        lines = os.read(handle, NOTE_LIMIT).split(b"\n")
    finally:
        os.close(handle)
    return int(lines[1]) if len(lines) > 2 and lines[1].isdigit() else 0


def rebuild(folder: Folder, checkpoint: Checkpoint) -> edges.Edge:
    """Make every tile again from the entries; raise `StorageError` SM7106 if these are not what was signed."""
    edge = edges.Edge()
    made: list[tuple[int, int, bytes]] = []
    risen: list[tuple[int, int, bytes]] = []
    for _, raw in folder.entries(0, checkpoint.size):
        risen += edge.add(raw)
        if edge.size % tiles.WIDTH == 0:
            made.append((0, edge.size // tiles.WIDTH - 1, b"".join(edge.leaves)))
    if edge.size != checkpoint.size or edge.root() != checkpoint.root:
        got = f"{edge.size} whole entries" if edge.size != checkpoint.size else "another root"
        raise StorageError(
            "SM7106", subject=folder.shown, got=got, want=f"the {checkpoint.size} entries that were signed"
        )
    for level, number, data in made:
        put_tile(folder, level, number, data)
    for level, at, found in risen:
        _extend(folder, level, at, found)
    return edge


def make_directories(folder: Folder, path: str) -> None:
    """Make `path` and what leads to it below the log's folder; new names survive power loss."""
    if os.access(path, os.F_OK, dir_fd=folder.dirfd):
        return
    parent = os.path.dirname(path)
    if parent:
        make_directories(folder, parent)
    try:
        os.mkdir(path, 0o700, dir_fd=folder.dirfd)
    except FileExistsError:
        return
    _sync_names(folder, parent or ".")


def _extend(folder: Folder, level: int, at: int, found: bytes) -> None:
    """Put hash `at` of its level into its tile; the hashes before it stand there."""
    number, spot = divmod(at, tiles.WIDTH)
    path = tiles.tile_path(level, number)
    before = folder.tile(level, number, spot) if spot else b""
    data = before + found
    if spot + 1 == tiles.WIDTH:
        put_tile(folder, level, number, data)
    else:
        _write_partial(folder, path, data)
        _sync_names(folder, f"{path}.p")


def _write_partial(folder: Folder, path: str, data: bytes) -> None:
    """Bring the partial tile at `path` to `data`, whose beginning it has as a rule, and name it by its width."""
    width = len(data) // tiles.HASH_SIZE
    names = folder.partial_names(path)
    if names:
        current = f"{path}.p/{names[-1]}"
    else:
        make_directories(folder, f"{path}.p")
        current = tiles.partial(path, width)
    handle = os.open(current, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder.dirfd)
    try:
        have = os.pread(handle, len(data), 0)
        if not data.startswith(have):
            have = b""
        if len(have) < len(data):
            os.pwrite(handle, data[len(have) :], len(have))
        if os.fstat(handle).st_size != len(data):
            os.ftruncate(handle, len(data))
    finally:
        os.close(handle)
    if current != tiles.partial(path, width):
        os.rename(current, tiles.partial(path, width), src_dir_fd=folder.dirfd, dst_dir_fd=folder.dirfd)


def _replace(folder: Folder, path: str, data: bytes) -> None:
    temporary = f"{path}.new"
    handle = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder.dirfd
    )
    try:
        files.write_all(handle, data)
        os.fdatasync(handle)
    finally:
        os.close(handle)
    os.rename(temporary, path, src_dir_fd=folder.dirfd, dst_dir_fd=folder.dirfd)


def _remove_partial(folder: Folder, path: str) -> None:
    for name in folder.partial_names(path):
        os.unlink(f"{path}.p/{name}", dir_fd=folder.dirfd)
    try:
        os.rmdir(f"{path}.p", dir_fd=folder.dirfd)
    except FileNotFoundError:
        return


def _sync_names(folder: Folder, path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder.dirfd)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def same_tree(hashes: merkle.Hashes, checkpoint: Checkpoint) -> bool:
    """Say whether the tiles give the checkpoint's root."""
    return merkle.root(hashes, checkpoint.size) == checkpoint.root
