"""A stream of pieces in several threads: decompressing, hashing and writing let go of the interpreter's lock."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import cast

from secmount.store.blob import Blob

READ = 1 << 20  # bytes of one read
_DEPTH = 4  # pieces waiting between two threads
_END = object()


def pieces(blob: Blob) -> Iterator[bytes]:
    """Read `blob` from its start to its end."""
    offset = 0
    while piece := blob.pread(READ, offset):
        yield piece
        offset += len(piece)


@contextmanager
def ahead(source: Iterable[bytes]) -> Iterator[Iterator[bytes]]:
    """Take pieces out of `source` in a thread of its own, a few before they are asked for; what it raises is raised."""
    waiting: queue.Queue[object] = queue.Queue(_DEPTH)
    stopped = threading.Event()

    def produce() -> None:
        try:
            for piece in source:
                waiting.put(piece)
                if stopped.is_set():
                    return
            waiting.put(_END)
        except BaseException as err:  # noqa: BLE001 - handed over to the thread that asked
            waiting.put(err)

    def consume() -> Iterator[bytes]:
        while (piece := waiting.get()) is not _END:
            if isinstance(piece, BaseException):
                raise piece
            yield cast(bytes, piece)

    thread = threading.Thread(target=produce, name="secmount-unpack", daemon=True)
    thread.start()
    try:
        yield consume()
    finally:
        stopped.set()
        while thread.is_alive():
            _drain(waiting)
            thread.join(0.01)


@contextmanager
def behind(write: Callable[[bytes], object]) -> Iterator[Callable[[bytes], None]]:
    """Give a function that has pieces written by a thread of its own; what writing raises is raised on the way out."""
    waiting: queue.Queue[object] = queue.Queue(_DEPTH)
    failed: list[BaseException] = []

    def consume() -> None:
        while (piece := waiting.get()) is not _END:
            try:
                if not failed:
                    write(cast(bytes, piece))
            except BaseException as err:  # noqa: BLE001 - handed over to the thread that asked
                failed.append(err)

    thread = threading.Thread(target=consume, name="secmount-write", daemon=True)
    thread.start()

    def put(piece: bytes) -> None:
        if failed:
            raise failed[0]
        waiting.put(piece)

    try:
        yield put
    finally:
        waiting.put(_END)
        thread.join()
    if failed:
        raise failed[0]


def _drain(waiting: queue.Queue[object]) -> None:
    try:
        while True:
            waiting.get_nowait()
    except queue.Empty:
        pass
