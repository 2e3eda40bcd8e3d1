"""Who uses a file system: processes with an open file, a directory or a mapping in it, as far as /proc tells us."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import suppress

from secmount.value import dataclass

SHOWN = 8  # users named in an error


@dataclass(frozen=True, slots=True)
class User:
    """A process."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.command} (pid {self.pid})"


def users(device: int) -> Generator[User, None, None]:
    """Find processes that use the file system with this st_dev.

    Those that end meanwhile, or that we may not look into, are passed over: this helps a person, nothing rests on it.
    """
    with suppress(OSError):
        for entry in sorted(os.listdir("/proc")):
            if entry.isdecimal() and _uses(entry, device):
                yield User(int(entry), _command(entry))


def _uses(pid: str, device: int) -> bool:
    base = f"/proc/{pid}"
    with suppress(OSError):
        if any(_on(f"{base}/{link}", device) for link in ("cwd", "root", "exe")):
            return True
        if any(_on(f"{base}/fd/{number}", device) for number in os.listdir(f"{base}/fd")):
            return True
        return _maps(base, device)
    return False


def _on(link: str, device: int) -> bool:
    with suppress(OSError):
        return os.stat(link).st_dev == device
    return False


def _maps(base: str, device: int) -> bool:
    number = f"{os.major(device):02x}:{os.minor(device):02x}".encode()
    with open(f"{base}/maps", "rb") as file:
        return any(line.split(b" ", 4)[3] == number for line in file)


def _command(pid: str) -> str:
    with suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
        return file.read().strip()
    return "a process"
