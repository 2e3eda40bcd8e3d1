"""An interrupt at any line comes out as itself: no descriptor is closed twice, nothing is left half done."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from secmount.errors import MountError
from secmount.mount.target import prepare
from secmount.policy import folder as policies
from secmount.publish.pack.folder import Folder
from secmount.registry.folder import FolderFiles
from tests.support.interrupts import interrupts
from tests.support.layouts import Layout
from tests.support.logs import Desk, decision
from tests.support.memory import memory_folder
from tests.support.policies import SIGNERS, write

POLICY = f'version = 1\n{SIGNERS}\n[[rules]]\nmatch = "ghcr.io/**"\nsigners = ["release"]\n'


Action = Callable[[], None]
Prepared = Callable[[], Action]


def read_layout(place: Path) -> Prepared:
    layout = Layout(place / "layout")
    layout.add_manifest([layout.add_file("a", b"a")], tag="v1")

    def action() -> None:
        files = FolderFiles.open(layout.path)
        try:
            (blob, *_) = files.list("blobs/sha256", limit=10)
            opened = files.find(f"blobs/sha256/{blob}")
            assert opened is not None
            opened.close()
        finally:
            files.close()

    return lambda: action


def read_policy(place: Path) -> Prepared:
    path = write(place / "policy", POLICY)

    def action() -> None:
        assert policies.load(path, uid=os.getuid()).rules

    return lambda: action


def read_packed(place: Path) -> Prepared:
    (place / "a" / "b" / "c").mkdir(parents=True)
    (place / "a" / "b" / "c" / "file").write_bytes(b"x")

    def action() -> None:
        with Folder(str(place), "folder") as opened:
            assert len(opened.entries()) == 4

    return lambda: action


def prepare_target(place: Path) -> Prepared:
    store = place / "store"
    (store / "a").mkdir(parents=True)

    def action() -> None:
        with pytest.raises(MountError), prepare(str(store / "a"), store=str(store)):
            pass
        with prepare(str(store / "a"), store=str(place / "other")):
            pass

    return lambda: action


def append(place: Path) -> Prepared:
    """The last entry of a bundle and the first of the next, in a log that is open."""
    desk, record, number = Desk(place / "first"), decision(0), count()
    desk.grown(253)

    def prepared() -> Action:
        copy = Desk(place / str(next(number)))
        shutil.copytree(desk.base, copy.base)
        log = copy.open()
        log.append(record)

        def action() -> None:
            with log:
                log.append(record)
                log.append(record)

        return action

    return prepared


@pytest.mark.parametrize(
    ("make", "within"),
    [
        (read_layout, "registry/"),
        (read_layout, "local/"),
        (read_policy, "policy/folder"),
        (read_policy, "local/"),
        (read_packed, ""),
        (prepare_target, ""),
        (append, "audit/tlog/writer"),
        (append, "audit/tlog/anchor"),
        (append, "audit/tlog/locks"),
    ],
)
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # what an interrupt left to the collector
def test_an_interrupt_at_any_line_comes_out_as_itself(make: Callable[[Path], Prepared], within: str) -> None:
    with memory_folder() as place:
        place.chmod(0o700)
        prepared = make(place)
        assert len(set(interrupts(prepared, within=within))) >= 10
        prepared()()
