"""Locks of the log's folder: who waits for work that another does goes on as soon as it is done."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from secmount.audit.tlog import locks
from secmount.audit.tlog.locks import Lock
from secmount.errors import StorageError


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Lock, Lock]]:
    """The same lock as two processes have it: each with a handle of its own."""
    dirfd = os.open(tmp_path, os.O_RDONLY)
    pair = Lock("lock"), Lock("lock")
    for lock in pair:
        lock.open(dirfd)
    yield pair
    for lock in pair:
        lock.close()
    os.close(dirfd)


def test_nothing_is_locked_for_work_that_is_done(two: tuple[Lock, Lock]) -> None:
    mine, other = two
    with mine.unless(lambda: True) as held, other:
        assert not held


def test_it_is_held_for_work_that_is_not(two: tuple[Lock, Lock], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "WAIT", 0.01)
    mine, other = two
    with mine.unless(lambda: False) as held:
        assert held
        with pytest.raises(StorageError) as caught, other:
            pass
    assert caught.value.code == "SM7114"
    with other:  # it was given back
        pass


@pytest.mark.parametrize("place", ["a process", "a thread"])
def test_the_wait_ends_when_the_holder_has_done_it(two: tuple[Lock, Lock], place: str) -> None:
    holder = two[0]
    waiter = two[0] if place == "a thread" else two[1]
    done, found = threading.Event(), list[bool]()

    def wait() -> None:
        with waiter.unless(done.is_set) as held:
            found.append(held)

    with holder:
        thread = threading.Thread(target=wait)
        thread.start()
        done.set()
        thread.join(10)
        assert found == [False]  # while the holder still has it


def test_a_wait_that_fails_holds_nothing(two: tuple[Lock, Lock]) -> None:
    def broken() -> bool:
        raise OSError("gone")

    mine, other = two
    with pytest.raises(OSError, match="gone"), other, mine.unless(broken):
        pass
    with mine:
        pass
