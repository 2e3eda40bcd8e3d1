"""The kernel's mount table, /proc/self/mountinfo (proc(5)), and taking away what is ours.

A mount is ours if id, device, type and source are those recorded when it was made. The source holds the manifest's
digest, so even an id that the kernel gave out anew can only mean the same artifact.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable

from secmount.errors import MountError
from secmount.value import dataclass

_OCTAL = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; text is what the kernel's octal escapes stand for, other bytes by surrogateescape."""

    id: int
    parent: int
    device: int  # st_dev
    root: str
    target: str
    options: tuple[str, ...]  # of this mount: ro, nosuid …
    fstype: str
    source: str


def parse(text: bytes) -> tuple[Row, ...]:
    """Read the lines of a mountinfo file; raise ValueError where it is not one."""
    return tuple(_row(line) for line in text.split(b"\n") if line)


def rows() -> tuple[Row, ...]:
    """Read the table of this process; raise `MountError` SM6050 where /proc is not mounted."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            return parse(file.read())
    except OSError as err:
        raise no_proc(err) from err


def by_id(mount_id: int, table: Iterable[Row] | None = None) -> Row | None:
    """Find the mount with this id."""
    return next((row for row in (rows() if table is None else table) if row.id == mount_id), None)


def mount_id(descriptor: int) -> int:
    """Give the id of the mount that `descriptor` was opened in; raise `MountError` SM6050."""
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", "rb") as file:
            fields = dict(line.split(b":", 1) for line in file if b":" in line)
    except OSError as err:
        raise no_proc(err) from err
    return int(fields[b"mnt_id"])


def no_proc(err: OSError) -> MountError:
    """Say that /proc cannot be read."""
    return MountError("SM6050", subject="/proc", got=f"{errno.errorcode.get(err.errno or 0, '?')} ({err.strerror})")


def _row(line: bytes) -> Row:
    fields = line.split(b" ")
    if len(fields) < 10:
        raise ValueError(f"not a line of mountinfo: {line[:80]!r}")
    dash = fields.index(b"-", 6)
    major, _, minor = fields[2].partition(b":")
    return Row(
        id=int(fields[0]),
        parent=int(fields[1]),
        device=os.makedev(int(major), int(minor)),
        root=_text(fields[3]),
        target=_text(fields[4]),
        options=tuple(_text(fields[5]).split(",")),
        fstype=_text(fields[dash + 1]),
        source=_text(fields[dash + 2]),
    )


def _text(field: bytes) -> str:
    return _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), field).decode("utf-8", "surrogateescape")
