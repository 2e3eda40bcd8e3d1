"""Mounts that are interrupted: nothing is mounted, or the whole."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from secmount.mount import inspection, linux
from secmount.mount.backend import Mounted
from secmount.oci.digest import Digest
from secmount.tree.node import Tree
from tests.support.interrupts import interrupts
from tests.support.mounting import SOURCE, Stage, descriptors, stage
from tests.support.trees import folder, tree, whole

pytestmark = pytest.mark.root
CONTENT = b"verified" * 1000 + b"tail"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        made.store.add(CONTENT)
        yield made


def sample() -> Tree:
    return tree(folder({"f": whole(CONTENT), "d": folder({"g": whole(CONTENT)})}))


@pytest.mark.parametrize("step", ["create", "detached_mount", "attach", "after"])
def test_an_interrupt_leaves_nothing(place: Stage, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = descriptors()
    if step == "after":
        monkeypatch.setattr(inspection, "check_row", interrupt)
    else:
        monkeypatch.setattr(linux, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        place.mount(sample())
    assert place.rows() == []
    assert not place.target.exists()
    assert descriptors() == before


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # a file just opened is left to the collector
def test_a_real_interrupt_leaves_nothing_or_a_whole_mount(place: Stage) -> None:
    for delay in range(12):
        timer = threading.Timer(delay * 0.0004, os.kill, (os.getpid(), signal.SIGINT))
        mounted: Mounted | None = None
        with suppress(KeyboardInterrupt):
            timer.start()
            mounted = place.mount(sample())
            timer.join()
        with suppress(KeyboardInterrupt):
            timer.join()
        rows = place.rows()
        if rows:
            assert (place.target / "f").read_bytes() == CONTENT
            mounted = Mounted(str(place.target), "erofs", (), (), None, None, Digest.of(b""), SOURCE, created=True)
            place.backend.unmount(mounted, lazy=False)
        assert place.rows() == []
        if place.target.exists():
            place.target.rmdir()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # a file just opened is left to the collector
def test_an_interrupt_at_any_line_leaves_nothing_or_a_whole_mount(place: Stage) -> None:
    place.backend.unmount(place.mount(sample()), lazy=False)
    for _ in interrupts(lambda: lambda: place.mount(sample())):
        for row in place.rows():
            assert row.target == str(place.target)
            assert (place.target / "f").read_bytes() == CONTENT
            mounted = Mounted(row.target, "erofs", (), (), None, None, Digest.of(b""), SOURCE, created=True)
            place.backend.unmount(mounted, lazy=False)
        if place.target.exists():
            place.target.rmdir()
