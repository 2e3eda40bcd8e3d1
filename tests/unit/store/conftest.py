"""One store for each test, and the tools to meddle with it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secmount.oci.digest import Digest
from secmount.store.cas import Store
from tests.support.memory import memory_folder

UID = os.getuid()


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder in memory, where flushing is free."""
    with memory_folder() as path:
        yield path


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as it was made, to be copied: making one flushes a lot."""
    path = tmp_path_factory.mktemp("empty") / "store"
    Store(str(path), uid=UID).close()
    return path


@pytest.fixture
def store(tmp_path: Path, empty: Path) -> Iterator[Store]:
    """An empty store."""
    shutil.copytree(empty, tmp_path / "store")
    with Store(str(tmp_path / "store"), uid=UID) as opened:
        yield opened


@pytest.fixture
def path_of(store: Store) -> Callable[..., Path]:
    """Give the path of an object."""

    def path(digest: Digest, area: str = "blobs") -> Path:
        return Path(store.root, area, digest.algorithm, digest.hex)

    return path


@pytest.fixture
def litter(store: Store) -> Callable[[], list[str]]:
    """Name everything in the quarantine."""
    return lambda: sorted(os.listdir(os.path.join(store.root, "ingest")))


def calm() -> None:
    """Wait until what was just written is old enough for its hash to be remembered."""
    time.sleep(0.12)


def tick() -> None:
    """Wait until a change gets another ctime; before Linux 6.13 its clock goes by ticks of up to 10 ms."""
    time.sleep(0.012)
