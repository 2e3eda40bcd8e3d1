"""Folders in memory for tests that write and flush much: what a killed process loses is the same there, only faster."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Give a folder of the caller's own (mode 0700) for the block; on a disk where there is no /dev/shm."""
    with tempfile.TemporaryDirectory(prefix="secmount-test-", dir=MEMORY) as path:
        yield Path(path)
