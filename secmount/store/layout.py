"""The folder of a store: what may stand in it, and how it is made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack

from secmount.errors import ContentError, StorageError
from secmount.local.fault import faults, place_of, storage_error
from secmount.local.files import read_if_any, sync_directory, write_atomic
from secmount.local.owned import check_entry
from secmount.oci import exact

MARK = "oci-layout"
VERSION = "1.0.0"  # imageLayoutVersion; image-spec v1.1 `image-layout.md#oci-layout-file`
_MARK_LIMIT = 4096  # bytes of the oci-layout file
_OURS = frozenset({"audit", "blobs", "derived", "index.json", "ingest", "locks", "state", MARK})


def check_root(root: int) -> None:
    """Refuse a folder that is neither a layout, nor empty, nor a store whose making was interrupted (SM7032)."""
    raw = read_if_any(root, MARK, _MARK_LIMIT)
    place = place_of(root)
    if raw is not None:
        _check_mark(raw, place)
        return
    with faults(place):
        strange = sorted(
            name for name in os.listdir(root) if name not in _OURS and not name.startswith((".", "state.db"))
        )
    if strange:
        raise StorageError("SM7032", subject=place, got=f"a folder that holds {strange[0]!r}", want="an empty folder")


def mark(root: int) -> None:
    """Write the oci-layout file if there is none: by it other programs know the layout."""
    if read_if_any(root, MARK, _MARK_LIMIT) is None:
        write_atomic(root, MARK, f'{{"imageLayoutVersion":"{VERSION}"}}'.encode(), mode=0o600)


def make_folders(parent: int, names: Sequence[str], *, uid: int) -> list[int]:
    """Open the folders `names`, making them with mode 0700; the handles are the caller's to close.

    Raise `StorageError` SM7010 to SM7013 (not ours), SM7001 to SM7005.
    """
    handles: list[int] = []
    with ExitStack() as stack:
        made = [name for name in names if _make(parent, name)]
        if made:
            sync_directory(parent)
        for name in names:
            place = place_of(parent, name)
            with faults(place):
                handles.append(_open(parent, name))
            stack.callback(os.close, handles[-1])
            check_entry(os.fstat(handles[-1]), uid=uid, what="store", shown=place)
        stack.pop_all()
    return handles


def _open(parent: int, name: str) -> int:
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)


def _make(parent: int, name: str) -> bool:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return False
    except OSError as err:
        raise storage_error(err, place_of(parent, name)) from err
    return True


def _check_mark(raw: bytes, place: str) -> None:
    try:
        value = exact.read(raw, limit=_MARK_LIMIT, subject=MARK)
    except ContentError as err:
        raise StorageError("SM7032", subject=place, got=f"oci-layout: {err.got}", want="an OCI image layout") from err
    version = value.get("imageLayoutVersion") if isinstance(value, dict) else None
    if version != VERSION:
        raise StorageError("SM7032", subject=place, got=f"layout version {version!r}", want=VERSION)
