"""The configuration, the folders it names, whose they are, and the space on their disks."""

from __future__ import annotations

import os
from collections.abc import Iterator

from secmount.config.value import Config
from secmount.errors import SecmountError, StorageError
from secmount.local.fault import faults
from secmount.local.owned import check_owned
from secmount.upkeep.doctor.diagnosis import Diagnosis, failed, of_error, ok, warning
from secmount.upkeep.doctor.site import Site

STORE_LOW = 2 << 30  # bytes; a model of a few GiB would not fit
LEAST = 64 << 20  # bytes; the log's reserve, an image's tables and SQLite's journal fit many times
_FOLDERS = ("store", "state", "audit", "policy")


def configuration(site: Site) -> Iterator[Diagnosis]:
    """Say which file holds, or why it does not."""
    if site.fault is not None:
        yield of_error(site.fault)
    elif not os.path.lexists(site.config_file):
        yield ok(f"{site.config_file} is not there: every value is the default")
    else:
        yield ok(f"{site.config_file} is valid")


def owners(site: Site) -> Iterator[Diagnosis]:
    """Check that nobody else controls a folder or what is above it, and that what is not there yet can be made."""
    for name, path in _folders(site):
        try:
            there = _existing(path)
            check_owned(there, uid=site.uid, what=f"{name} folder" if there == path else f"folder above the {name}")
        except SecmountError as err:
            yield of_error(err)
            continue
        if there == path:
            yield ok(f"{name}: {path}")
        elif name == "policy":
            continue  # its own check says that there is none
        elif os.access(there, os.W_OK | os.X_OK):
            yield ok(f"{name}: {path} is not there yet; the first command that needs it makes it")
        else:
            yield failed(f"{name}: {path} cannot be made in {there}", "secmount config show --origin")


def space(site: Site) -> Iterator[Diagnosis]:
    """Look at free space and inodes where content, state and the log go, once for each file system."""
    seen: set[int] = set()
    for name, path in _folders(site):
        there = _existing(path)
        with faults(there):
            device, room = os.stat(there).st_dev, os.statvfs(there)
        if name == "policy" or device in seen:
            continue
        seen.add(device)
        free = room.f_bavail * room.f_frsize
        shown = f"{name}: {_size(free)} free at {there}"
        if free < LEAST or (room.f_files and room.f_favail == 0):
            yield failed(f"{shown}, {room.f_favail} files", f"df -h -- {there}", "secmount ls")
        elif name == "store" and free < STORE_LOW:
            yield warning(f"{shown}: a large model does not fit", f"df -h -- {there}")
        else:
            yield ok(shown)


def _folders(site: Site) -> tuple[tuple[str, str], ...]:
    config: Config | None = site.config
    return () if config is None else tuple((name, getattr(config, name)) for name in _FOLDERS)


def _existing(path: str) -> str:
    """Give `path`, or the nearest folder above it that is there."""
    while not os.path.lexists(path):
        above = os.path.dirname(path)
        if above == path:
            raise StorageError("SM7004", subject=path, got="nothing at all", want="a root folder")
        path = above
    return path


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MiB"
