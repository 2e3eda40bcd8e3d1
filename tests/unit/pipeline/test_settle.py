"""What a killed command leaves, and what a living one does, is told apart; two commands never share a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from secmount.audit.log import AuditLog
from secmount.errors import MountError, StorageError
from secmount.mount.copy import CopyBackend
from secmount.pipeline.settle import target_lock
from secmount.store.cas import Store
from secmount.store.tables.mounts import MountRow, Mounts
from tests.support.command import ROOT, Desk, Result

REF = "oci:models/bert:v1"


def mount(secmount: Desk, where: str = "mnt") -> Result:
    return secmount.json("mount", REF, where, "--backend", "copy")


def kinds(secmount: Desk) -> list[str]:
    return [row["kind"] for row in secmount.log()]


def rows(secmount: Desk) -> tuple[MountRow, ...]:
    with Store(str(secmount.folder / "store"), uid=os.geteuid()) as store:
        return Mounts(store.state).all()


PROGRAM = """
import os, signal, sys
from secmount.audit.log import AuditLog
from secmount.cli.main import run
from secmount.mount.copy import CopyBackend
from secmount.store.tables.mounts import Mounts

place, name, when, *words = sys.argv[1:]
owner = {"AuditLog": AuditLog, "CopyBackend": CopyBackend, "Mounts": Mounts}[place]
real = getattr(owner, name)

def killed(*args, **named):
    if when in ("", "wait") or args[1]["kind"] == when:
        if when != "wait":
            os.kill(os.getpid(), signal.SIGKILL)
        made = real(*args, **named)
        print("ready", flush=True)
        sys.stdin.read(1)
        return made
    return real(*args, **named)

setattr(owner, name, killed)
sys.exit(run(words))
"""


def command(place: str, name: str, when: str) -> list[str]:
    words = ("mount", REF, "mnt", "--backend", "copy", "-q")
    return [sys.executable, "-c", PROGRAM, place, name, when, *words]


def killed(secmount: Desk, place: str, name: str, *, when: str = "") -> None:
    """Let a process that mounts be gone, without a word, when it first calls `name` (about a record of kind `when`)."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command(place, name, when), cwd=secmount.folder, env=environment, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@contextmanager
def alive(secmount: Desk) -> Iterator[Callable[[], int]]:
    """Have another process in the middle of a mount; what is given lets it go on and tells its exit status."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command("CopyBackend", "mount", "wait"),
        cwd=secmount.folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"

        def finish() -> int:
            child.communicate(b".")
            return child.returncode

        try:
            yield finish
        finally:
            child.kill()


@pytest.mark.parametrize("then", ["verify", "mount", "unmount"])
@pytest.mark.parametrize("point", [("CopyBackend", "mount"), ("Mounts", "finish")], ids=["before", "after the effect"])
def test_what_a_killed_mount_left_is_taken_away_by_the_next_command(
    secmount: Desk, point: tuple[str, str], then: str
) -> None:
    killed(secmount.ready(), *point)
    assert kinds(secmount)[-1] == "mount.intent"
    words = {"verify": ("verify", REF), "mount": ("mount", REF, "other", "--backend", "copy")}
    assert secmount.json(*words.get(then, ("unmount", "mnt"))).exit == 0
    failed = [row for row in secmount.log() if row["kind"] == "mount.failed"]
    assert [row["error"]["code"] for row in failed] == ["SM6060"] and failed[0]["details"] == {"settled": True}
    assert not Path("mnt").exists() and "unmount" not in kinds(secmount)
    assert [row.target for row in rows(secmount)] == ([str(secmount.folder / "other")] if then == "mount" else [])
    assert mount(secmount).exit == 0


@pytest.mark.parametrize("then", ["verify", "unmount"])
def test_a_mount_whose_process_died_before_its_last_word_stands(secmount: Desk, then: str) -> None:
    killed(secmount.ready(), "AuditLog", "append_essential", when="mount.done")
    assert Path("mnt/config.json").exists()
    assert secmount.json(*(("verify", REF) if then == "verify" else ("unmount", "mnt"))).exit == 0
    assert kinds(secmount).count("mount.done") == 1 and "mount.failed" not in kinds(secmount)
    assert Path("mnt").exists() == (then == "verify")


def test_a_living_intent_is_left_alone(secmount: Desk) -> None:
    with alive(secmount.ready()) as finish:
        assert secmount.json("verify", REF).exit == 0
        busy = secmount.json("unmount", "mnt")
        assert (busy.exit, busy.code) == (75, "SM7006") and busy.document["error"]["subject"].endswith("/mnt")
        assert mount(secmount).exit == 75
        assert Path("mnt/config.json").exists()
        assert finish() == 0
    assert kinds(secmount).count("mount.done") == 1
    assert Path("mnt/config.json").exists() and [row.phase for row in rows(secmount)] == ["mounted"]
    failed = [row["error"]["code"] for row in secmount.log() if row["kind"] == "mount.failed"]
    assert failed == ["SM7006"]  # of the second mount at the same folder


def test_a_mount_that_was_finished_after_its_row_was_read_stands(
    secmount: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount(secmount.ready())
    stale = tuple(replace(row, phase="intent", mount_id=None, device=None) for row in rows(secmount))
    with monkeypatch.context() as patch:
        patch.setattr(Mounts, "all", lambda _: stale)
        assert secmount.json("verify", REF).exit == 0
    assert Path("mnt/config.json").exists() and [row.phase for row in rows(secmount)] == ["mounted"]


def test_a_dead_intent_does_not_take_away_what_stands_at_its_folder_now(secmount: Desk) -> None:
    mount(secmount.ready())
    standing = rows(secmount)[0]
    with Store(str(secmount.folder / "store"), uid=os.geteuid()) as store:
        Mounts(store.state).begin(replace(standing, id="dead", phase="intent", since_ms=standing.since_ms - 1))
    assert secmount.json("verify", REF).exit == 0
    assert Path("mnt/config.json").exists() and [row.id for row in rows(secmount)] == [standing.id]


def test_a_folder_at_which_another_command_works_is_busy(secmount: Desk) -> None:
    secmount.ready().json("verify", REF)
    target = str(secmount.folder / "mnt")
    with Store(str(secmount.folder / "store"), uid=os.geteuid()) as store, target_lock(store, target):
        result = mount(secmount)
    assert (result.exit, result.code) == (75, "SM7006")
    assert not Path("mnt").exists() and kinds(secmount)[-1] == "mount.failed"
    assert mount(secmount).exit == 0


def test_leftovers_that_cannot_be_taken_away_do_not_stop_others(
    secmount: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(secmount.ready(), "Mounts", "finish")

    def refuse(*_: object, **__: object) -> None:
        raise MountError("SM6032", subject="mnt", got="EBUSY")

    with monkeypatch.context() as patch:
        patch.setattr(CopyBackend, "unmount", refuse)
        assert secmount.json("verify", REF).exit == 0
        assert mount(secmount).code == "SM6013"
    assert [row.phase for row in rows(secmount)] == ["intent"]
    assert [row["decision_id"] for row in secmount.log() if row["kind"] == "mount.done"] == []
    assert secmount.json("verify", REF).exit == 0
    assert not Path("mnt").exists() and rows(secmount) == ()


def test_an_unmount_works_where_the_log_does_not(secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(secmount.ready(), "AuditLog", "append_essential", when="mount.done")

    def broken(*_: object, **__: object) -> None:
        raise StorageError("SM7102", got="ENOSPC")

    with monkeypatch.context() as patch:
        patch.setattr(AuditLog, "append", broken)
        assert secmount.json("unmount", "mnt").exit == 0
        assert secmount.json("verify", REF).exit == 50
    assert not Path("mnt").exists()
