"""Bytes set on their way to the disk while more are written, so that the flush at the end finds little left to do.

The kernel starts by itself only when a good part of the memory is dirty. An error of the disk is reported to one flush
of a file and to none after it, so what an early flush met is kept and raised by `settle`.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress

STEP = 32 << 20  # bytes between two flushes


class Writeback:
    """Early flushes of the file behind `handle`, one at a time."""

    def __init__(self, handle: int) -> None:
        self._handle, self._since = handle, 0
        self._thread: threading.Thread | None = None
        self._fault: OSError | None = None

    def wrote(self, size: int) -> None:
        """Learn that `size` more bytes were written."""
        self._since += size
        if self._since < STEP or (self._thread is not None and self._thread.is_alive()):
            return
        self._since = 0
        thread = threading.Thread(target=self._flush, daemon=True)
        with suppress(RuntimeError):  # there may be no more threads: the flush at the end does it all then
            thread.start()
            self._thread = thread

    def settle(self) -> None:
        """Wait for the flush that is under way; raise OSError for what any of them met. The file may be closed then."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault

    def _flush(self) -> None:
        try:
            os.fdatasync(self._handle)
        except OSError as err:
            self._fault = err
