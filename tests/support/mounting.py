"""Real mounts for system tests: a store, a backend, and everything taken away at the end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from secmount.mount import linux, probe, table
from secmount.mount.backend import Mounted, Opener, Options
from secmount.mount.erofs import ErofsBackend
from secmount.mount.target import prepare
from secmount.oci.digest import Digest
from secmount.tree.node import Tree
from tests.support.blobs import Folder

SCRATCH = ("/var/tmp", "/var/lib", "/root")
SOURCE = "ghcr.io/acme/model@" + str(Digest.of(b"manifest"))


def unavailable() -> str | None:
    """Say why there is no EROFS here, for a skip."""
    return probe.reason(state=None, directories=SCRATCH)


@dataclass(slots=True)
class Stage:
    """A place for mounts below one directory."""

    top: Path
    store: Folder = field(init=False)
    backend: ErofsBackend = field(init=False)

    def __post_init__(self) -> None:
        for name in ("store", "state"):
            (self.top / name).mkdir(mode=0o700)
        self.store = Folder(self.top / "store")
        self.backend = ErofsBackend(self.store, str(self.top / "state"), SCRATCH)

    @property
    def target(self) -> Path:
        return self.top / "t"

    def mount(
        self, value: Tree, options: Options | None = None, *, opener: Opener | None = None, name: str = "t"
    ) -> Mounted:
        with prepare(str(self.top / name), store=str(self.store.path)) as target:
            return self.backend.mount(value, target, options or Options(SOURCE), opener or self.store.open)

    def rows(self) -> list[table.Row]:
        """Give the mounts below this place."""
        return [row for row in table.rows() if row.target.startswith(f"{self.top}/")]


@contextmanager
def stage(top: Path) -> Iterator[Stage]:
    """Give a place, and unmount what a test left; skip where there is no EROFS."""
    reason = unavailable()
    if reason is not None:
        pytest.skip(reason)
    top.chmod(0o700)
    made = Stage(top)
    try:
        yield made
    finally:
        for row in reversed(made.rows()):
            handle = os.open(os.path.dirname(row.target), os.O_PATH)
            with suppress(linux.KernelError):
                linux.unmount(handle, os.path.basename(row.target), lazy=True)
            os.close(handle)


def run(*command: str) -> str:
    """Run a program of the system; give what it prints."""
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def descriptors() -> int:
    """Count this process's open files."""
    return len(os.listdir("/proc/self/fd"))
