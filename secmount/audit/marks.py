"""What one log has already: empty files that say which policies and configurations stand in it.

A mark is made after its entry is durable and is a hint: lost, the entry is written once more. It lives and dies with
the log's folder, not beside it, where it would outlive the log.
"""

from __future__ import annotations

import os

from secmount.audit.tlog.folder import Folder
from secmount.audit.tlog.tilewriter import make_directories

PLACE = "once"


class Marks:
    """The marks in one log's folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def has(self, mark: str) -> bool:
        """Say whether `mark` was set."""
        return os.access(f"{PLACE}/{mark}", os.F_OK, dir_fd=self._folder.dirfd, follow_symlinks=False)

    def set(self, mark: str) -> None:
        """Set `mark`; the system's `OSError` passes through."""
        make_directories(self._folder, PLACE)
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(f"{PLACE}/{mark}", flags, 0o600, dir_fd=self._folder.dirfd))
