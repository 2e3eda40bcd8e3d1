"""`mount` interrupted at a line of chance: nothing is mounted or the whole is, listed, and the log has its record."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from secmount.mount import table
from tests.support.command import Desk, desk
from tests.support.examples import WANTED
from tests.support.interrupts import interrupted

ROUNDS = max(20, min(1_000, WANTED // 10 or 1_000))
REF = "oci:models/bert:v1"


class Try:
    """A store, into which one artifact is mounted."""

    def __init__(self, secmount: Desk, number: int) -> None:
        self.secmount, self.target = secmount, secmount.folder / "mnt"
        self.store = ("--store", str(secmount.folder / f"store-{number}"))
        self.exit: int | None = None

    def mount(self) -> None:
        self.exit = None
        self.exit = self.secmount("mount", REF, "mnt", *self.store).exit

    def lines(self) -> int:
        """Count the lines of a mount; the first one is for what is imported once."""
        low, high = -1, 1 << 20
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (middle, high) if interrupted(self.mount, middle) else (low, middle)
            self.settle("")
        return high

    def settle(self, where: str) -> None:
        """Let the next command settle what was begun; what is mounted is whole, listed, and can be unmounted."""
        assert self.secmount("verify", REF, *self.store).exit == 0, where
        assert self.secmount("audit", "verify", *self.store).exit == 0, where
        live = [row.target for row in table.rows() if row.target == str(self.target)]
        listed = self.secmount.json("ls", *self.store).document["mounts"]
        assert [row["target"] for row in listed] == live, where
        if live:
            assert {"config.json", "model.safetensors"} <= {path.name for path in self.target.rglob("*")}, where
            assert self.secmount("unmount", "mnt", *self.store).exit == 0, where
        if self.target.exists():
            self.target.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # what an interrupt left to the collector
def test_a_mount_interrupted_anywhere_is_nothing_or_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(20261124)
    with desk(tmp_path, capsys, monkeypatch) as secmount:
        one = Try(secmount.ready(), 0)
        lines = one.lines()
        for number in range(1, ROUNDS + 1):
            if chance.random() < 0.5:
                one = Try(secmount, number)
            where = interrupted(one.mount, chance.randrange(lines))
            assert one.exit in (0, 130, None), where  # None: before `run` could catch it, as its caller does
            one.settle(where)
