"""One store for each test, and the tools to meddle with it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secmount.oci.digest import Digest
from secmount.store.cas import Store

UID = os.getuid()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
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
