"""Atomic, bounded, locked, and the world's faults with their codes."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from secmount.errors import StorageError
from secmount.local import fault, files


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield handle
    os.close(handle)


def failing(number: int) -> object:
    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


def test_write_atomic_replaces_whole_files_and_sets_the_mode(folder: int, tmp_path: Path) -> None:
    files.write_atomic(folder, "x", b"old", mode=0o644)
    files.write_atomic(folder, "x", b"new" * 100_000, mode=0o600)
    assert (tmp_path / "x").read_bytes() == b"new" * 100_000
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["x"]


def test_write_atomic_replaces_a_link_and_does_not_follow_it(folder: int, tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "x").symlink_to("victim")
    files.write_atomic(folder, "x", b"new", mode=0o600)
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "x").is_symlink()


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "fchmod"])
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "SM7001"),
        (errno.EDQUOT, "SM7001"),
        (errno.EROFS, "SM7002"),
        (errno.EACCES, "SM7003"),
        (errno.EPERM, "SM7003"),
        (errno.EIO, "SM7005"),
    ],
)
def test_fault_while_writing_leaves_the_old_file(
    folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, code: str
) -> None:
    files.write_atomic(folder, "x", b"old", mode=0o600)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(number))
        with pytest.raises(StorageError) as caught:
            files.write_atomic(folder, "x", b"new", mode=0o600)
    assert caught.value.code == code
    assert errno.errorcode[number] in str(caught.value.got)
    assert caught.value.subject == str(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_interrupt_while_writing_leaves_nothing(folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            files.write_atomic(folder, "x", b"new", mode=0o600)
    assert os.listdir(tmp_path) == []


def test_write_atomic_flushes_the_file_before_the_name_and_the_directory_after(
    folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, rename = os.fsync, os.rename

    def note_fsync(handle: int) -> None:
        order.append("directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def note_rename(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        order.append("rename")
        rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "rename", note_rename)
    files.write_atomic(folder, "x", b"new", mode=0o600)
    assert order == ["file", "rename", "directory"]


def test_read_bounded_takes_up_to_the_limit_and_no_more(folder: int, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert files.read_bounded(folder, "x", 5) == b"12345"
    with pytest.raises(StorageError) as caught:
        files.read_bounded(folder, "x", 4)
    assert caught.value.code == "SM7014"


def test_read_bounded_refuses_what_is_not_a_plain_file(folder: int, tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    got = {}
    for name in ("link", "pipe", "folder", "missing"):
        with pytest.raises(StorageError) as caught:
            files.read_bounded(folder, name, 10)
        got[name] = caught.value.code
    assert got == {"link": "SM7012", "pipe": "SM7013", "folder": "SM7013", "missing": "SM7004"}


def test_read_if_any_swallows_absence_only(folder: int, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    assert files.read_if_any(folder, "missing", 10) is None
    with pytest.raises(StorageError):
        files.read_if_any(folder, "link", 10)


def test_lock_is_refused_while_another_holds_it(folder: int) -> None:
    with files.lock(folder, "l", exclusive=True):
        with pytest.raises(StorageError) as caught, files.lock(folder, "l", exclusive=True, wait=0):
            pass
        assert caught.value.code == "SM7006"
    with files.lock(folder, "l", exclusive=True, wait=0):
        pass


def test_shared_locks_exclude_only_the_exclusive(folder: int) -> None:
    with (
        files.lock(folder, "l", exclusive=False),
        files.lock(folder, "l", exclusive=False, wait=0),
        pytest.raises(StorageError),
        files.lock(folder, "l", exclusive=True, wait=0),
    ):
        pass


def test_bounded_wait_gets_the_lock_when_it_is_given_back(folder: int) -> None:
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with files.lock(folder, "l", exclusive=True):
            held.set()
            go.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    with pytest.raises(StorageError), files.lock(folder, "l", exclusive=True, wait=0.05):
        pass
    go.set()
    with files.lock(folder, "l", exclusive=True, wait=30):
        pass
    thread.join()


def test_lock_does_not_follow_a_link(folder: int, tmp_path: Path) -> None:
    (tmp_path / "l").symlink_to("victim")
    with pytest.raises(StorageError), files.lock(folder, "l", exclusive=True):
        pass
    assert not (tmp_path / "victim").exists()


def test_transient_lock_leaves_no_file_and_still_excludes(folder: int, tmp_path: Path) -> None:
    inside, seen = 0, []
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside
        for _ in range(20):
            with files.lock(folder, "l", exclusive=True, wait=None, transient=True):
                with guard:
                    inside += 1
                    seen.append(inside)
                os.sched_yield()
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {1}
    assert len(seen) == 80
    assert os.listdir(tmp_path) == []


def test_faults_of_other_kinds_pass() -> None:
    with pytest.raises(ValueError, match="a bug"), fault.faults("x"):
        raise ValueError("a bug")
    assert fault.storage_error(OSError("no number"), "x").code == "SM7005"
