"""A path is believed only if every directory that it really passes is nobody else's to write to."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from secmount.errors import StorageError
from secmount.local.owned import check_owned

NAMES = ("a", "b", "c")
NAME = st.sampled_from(NAMES)
PLACE = st.lists(NAME, min_size=1, max_size=3).map("/".join)
STEP = st.sampled_from((*NAMES, "..", ".", "")) | PLACE
TARGET = st.lists(STEP, min_size=1, max_size=4).map("/".join)
MODE = st.sampled_from([0o700, 0o755, 0o755, 0o755, 0o775, 0o777, 0o1777, 0o757])
ENTRY = st.tuples(PLACE, st.one_of(MODE, TARGET, st.tuples(TARGET)))  # a directory, a link, an absolute link


def grow(root: Path, entries: Sequence[tuple[str, int | str | tuple[str]]]) -> None:
    """Make what can be made: below real directories, where nothing is yet; modes last."""
    for place, kind in entries:
        path = root / place
        real = path.parent.is_dir() and path.parent == Path(os.path.realpath(path.parent))
        if not real or os.path.lexists(path):
            continue
        if isinstance(kind, int):
            path.mkdir()
        elif isinstance(kind, str):
            path.symlink_to(kind or ".")
        else:
            path.symlink_to(root / kind[0])
    for place, kind in reversed(entries):
        path = root / place
        if isinstance(kind, int) and path.is_dir() and path == Path(os.path.realpath(path)):
            path.chmod(kind)


def is_safe(path: str) -> bool:
    """Judge the real path, as the kernel finds it, by its parts."""
    real = Path(os.path.realpath(path, strict=True))
    for ancestor in (real, *real.parents):
        info = ancestor.stat()
        sticky = ancestor != real and info.st_uid == 0 and info.st_mode & stat.S_ISVTX
        if info.st_uid not in (0, os.getuid()) or (info.st_mode & 0o022 and not sticky):
            return False
    return True


@given(st.lists(ENTRY, max_size=8), TARGET)
def test_what_is_believed_is_safe_all_the_way(entries: list[tuple[str, int | str | tuple[str]]], wanted: str) -> None:
    root = Path(tempfile.mkdtemp(prefix="secmount-owned-"))
    try:
        grow(root, entries)
        path = f"{root}/{wanted}"
        try:
            check_owned(path, uid=os.getuid(), what="path")
        except StorageError as err:
            assert err.code in ("SM7004", "SM7011", "SM7012", "SM7013")
        else:
            assert is_safe(path)
    finally:
        shutil.rmtree(root)


@given(st.lists(st.tuples(PLACE, st.just(0o755) | TARGET), max_size=8), TARGET)
def test_what_is_ones_own_all_the_way_is_believed(entries: Sequence[tuple[str, int | str]], wanted: str) -> None:
    root = Path(tempfile.mkdtemp(prefix="secmount-owned-"))
    try:
        grow(root, entries)
        path = f"{root}/{wanted}"
        try:
            there = os.path.realpath(path, strict=True)
        except OSError:
            there = ""
        assume(not there or there.startswith(str(root)))
        try:
            check_owned(path, uid=os.getuid(), what="path")
        except StorageError as err:
            assert not there
            assert err.code in ("SM7004", "SM7012", "SM7013")
        else:
            assert there
    finally:
        shutil.rmtree(root)
