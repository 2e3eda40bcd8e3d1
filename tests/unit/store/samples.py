"""One blob, and ways to read and to plant it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from secmount.oci.digest import Digest
from secmount.store import shelf, stored
from secmount.store.cas import Store
from tests.support.stores import describing

DATA = bytes(range(256)) * 64
WANTED = describing(DATA)
PathOf = Callable[..., Path]
Litter = Callable[[], list[str]]


def read(store: Store, digest: Digest = WANTED.digest) -> bytes:
    with store.open(digest) as blob:
        return blob.pread(blob.size + 1, 0)


def plant(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    path.chmod(0o600)


def never(*_: object, **__: object) -> NoReturn:
    raise AssertionError("hashed although it is fresh")


def counting(monkeypatch: pytest.MonkeyPatch) -> list[Digest]:
    seen: list[Digest] = []

    def count(handle: int, algorithm: str, *, subject: str) -> Digest:
        seen.append(stored.hash_file(handle, algorithm, subject=subject))
        return seen[-1]

    monkeypatch.setattr(shelf, "hash_file", count)
    return seen
