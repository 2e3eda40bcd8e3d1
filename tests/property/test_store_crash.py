"""Killed at any moment, or many at once: the next command works, nothing unverified shows, nothing held is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from secmount.oci.digest import Digest
from secmount.store.cas import Store
from tests.support import crash
from tests.support.memory import memory_folder

ROUNDS = settings().max_examples // 8  # 12, and 250 in `make soak`


def run(*arguments: str) -> list[tuple[str, int]]:
    command = [sys.executable, "-m", "tests.support.crash", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stderr == ""
    return [(root, int(status)) for root, status in (line.rsplit(" ", 1) for line in done.stdout.splitlines())]


def check_sound(store: Store) -> int:
    """Find no rubbish, and below the digests nothing but what they name; give the number of objects."""
    assert [name for name in os.listdir(os.path.join(store.root, "ingest")) if not name.endswith(".bad")] == []
    names = [(area, name) for area in ("blobs", "derived") for _, name in store.names(area)]
    for area, name in names:
        assert Digest.of(Path(store.root, area, "sha256", name).read_bytes()).hex == name
    store.index.rows()
    assert store.state.problems() == ()
    return len(names)


@pytest.fixture
def base() -> Iterator[str]:
    """A folder in memory: a killed process loses no more there than on a disk, and flushing is free."""
    with memory_folder() as path:
        yield str(path)


def test_killed_at_every_call_in_turn(base: str) -> None:
    rounds = run("each", base)
    assert len(rounds) > 80
    assert [status for _, status in rounds] == [9] * (len(rounds) - 1) + [0]
    for root, _ in rounds:
        with Store(root, uid=os.getuid()) as store:
            check_sound(store)
        crash.work(root)
        with Store(root, uid=os.getuid()) as store:
            assert check_sound(store) == 2
            assert len(store.index.rows()) == 1
            with store.open(crash.WANTED.digest) as blob:
                assert blob.pread(blob.size, 0) == crash.DATA


def test_killed_at_random_moments_in_one_store(base: str) -> None:
    root = os.path.join(base, "store")
    run("often", root, str(ROUNDS), "20261124")
    with Store(root, uid=os.getuid()) as store:
        check_sound(store)


def test_several_at_once_make_one_store_and_one_file(base: str) -> None:
    root = os.path.join(base, "store")
    assert run("together", root, "4") == [(root, 0)] * 4
    with Store(root, uid=os.getuid()) as store:
        assert check_sound(store) == 2
        names = {row["annotations"]["org.opencontainers.image.ref.name"] for row in store.index.rows()}
        assert names == {f"{number}-{turn}" for number in range(4) for turn in range(10)}
    assert sorted(os.listdir(root)) == ["blobs", "derived", "index.json", "ingest", "locks", "oci-layout", "state.db"]
