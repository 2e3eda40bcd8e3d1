"""Early flushes: what the disk says to one of them is not lost, and without threads it goes on without them."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator

import pytest

from secmount.errors import StorageError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.store import writeback
from secmount.store.cas import Store

DATA = b"x" * 4096
WHOLE = Descriptor("application/octet-stream", Digest.of(DATA), len(DATA))


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writeback, "STEP", 256)


def slowly() -> Iterator[bytes]:
    for start in range(0, len(DATA), 128):
        yield DATA[start : start + 128]
        time.sleep(0.001)


def test_an_error_that_only_an_early_flush_met_is_raised(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    flush, calls = os.fdatasync, [0]

    def first_fails(handle: int) -> None:
        calls[0] += 1
        if calls[0] == 1:
            raise OSError(errno.EIO, "Input/output error")
        flush(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", first_fails)
        with pytest.raises(StorageError, match="SM7005"):
            store.put(WHOLE, slowly())
    assert calls[0] > 1 and not store.has(WHOLE)
    assert os.listdir(os.path.join(store.root, "ingest")) == []


def test_without_threads_the_flush_at_the_end_does_it_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    store.put(WHOLE, slowly())
    assert store.has(WHOLE)
