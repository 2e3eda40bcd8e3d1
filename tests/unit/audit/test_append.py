"""Appending: durable before it returns, torn ends cut off, nothing acknowledged lost, refusals with a code."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from secmount.audit.tlog import locks
from secmount.audit.tlog.folder import Folder
from secmount.errors import StorageError
from tests.support.logs import Desk, decision, effect, log_bytes

SHORT = b'{"kind":"check","time":"2026-11-24T06:00:00.000Z"}'
NAMES = ("write", "fdatasync", "fsync", "rename")


def head(desk: Desk) -> Path:
    """The last bundle."""
    (found,) = (desk.folder / "tile/entries/000.p").iterdir()
    return found


def test_an_entry_is_flushed_before_a_checkpoint_covers_it_and_nothing_else_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.fill(1)
    calls: list[str] = []

    def paths(handle: int) -> str:
        return os.readlink(f"/proc/self/fd/{handle}").removeprefix(str(desk.base))

    real_write, real_sync, real_rename = os.write, os.fdatasync, os.rename

    def write(handle: int, data: Any) -> int:
        calls.append(f"write {paths(handle)}")
        return real_write(handle, data)

    def sync(handle: int) -> None:
        calls.append(f"sync {paths(handle)}")
        real_sync(handle)

    def rename(old: Any, new: Any, **named: Any) -> None:
        calls.append(f"rename {new}")
        real_rename(old, new, **named)

    with desk.open() as log:
        log.append(decision(1))
        monkeypatch.setattr(os, "write", write)
        monkeypatch.setattr(os, "fdatasync", sync)
        monkeypatch.setattr(os, "rename", rename)
        log.append(decision(2))
    wanted = [
        "write /log/tile/entries/000.p/3",
        "sync /log/tile/entries/000.p/3",
        "write /log/.checkpoint.new",
        "rename checkpoint",
    ]
    assert [call for call in calls if call in wanted] == wanted
    assert [call for call in calls if call.startswith("sync")] == wanted[1:2]  # one flush an append


def test_the_intent_is_marked_before_a_byte_of_it_is_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.fill(1)
    seen: list[int] = []
    real = locks.mark

    def mark(handle: int, position: int) -> None:
        seen.append(head(desk).stat().st_size)
        real(handle, position)

    monkeypatch.setattr(locks, "mark", mark)
    before = head(desk).stat().st_size
    with desk.open() as log:
        log.append(effect("mount.intent", 1))
    assert seen == [before]


def test_a_torn_end_is_cut_off_wherever_it_tears_and_nothing_acknowledged_goes(desk: Desk, tmp_path: Path) -> None:
    desk.fill(3)
    acknowledged = head(desk).stat().st_size
    kept = tmp_path / "kept"
    shutil.copytree(desk.base, kept)
    with desk.open() as log:
        log._writer.append([SHORT], prologue=lambda *_: [])
    whole = head(desk).read_bytes()
    assert len(whole) == acknowledged + 2 + len(SHORT)
    for length in range(acknowledged, len(whole)):
        shutil.rmtree(desk.base)
        shutil.copytree(kept, desk.base)
        (found,) = (desk.folder / "tile/entries/000.p").iterdir()
        found.write_bytes(whole[:length])
        with desk.open() as log:
            log.append(decision(9))
            rows = [entry.record for entry in log.read(newest_first=False)]
        names = [row["reference"] for row in rows if row["reference"]]
        assert names == [f"ghcr.io/acme/model-{number}:v1" for number in (0, 1, 2, 9)], length
        assert ("log.repaired" in [row["kind"] for row in rows]) == (length > acknowledged), length


def test_a_whole_entry_that_was_not_signed_yet_stays(desk: Desk) -> None:
    desk.fill(2)
    checkpoint = (desk.folder / "checkpoint").read_bytes()
    (copy,) = desk.state.glob("*.checkpoint")
    remembered = copy.read_bytes()
    desk.fill(1)
    (desk.folder / "checkpoint").write_bytes(checkpoint)
    copy.write_bytes(remembered)
    desk.fill(1)
    with desk.open() as log:
        rows = [entry.record["reference"] or entry.record["kind"] for entry in log.read(newest_first=False)]
    assert rows == ["log.created", *(f"ghcr.io/acme/model-{number}:v1" for number in (0, 1, 3, 3))]


@pytest.mark.parametrize("junk", [bytes(40), b"\0\5hello", b"\0\4true", b"\xff\xff{"])
def test_what_power_loss_leaves_behind_the_last_entry_is_no_entry(desk: Desk, junk: bytes) -> None:
    desk.fill(2)
    with head(desk).open("ab") as file:
        file.write(junk)
    desk.fill(1)
    assert len(desk.references()) == 3


def test_two_processes_follow_each_other_over_full_bundles(desk: Desk) -> None:
    with desk.open() as one, desk.open() as two:
        for number in range(0, 600, 2):
            one.append(decision(number))
            two.append(decision(number + 1))
    assert len(desk.references()) == 600
    assert {path.name for path in (desk.folder / "tile/entries").iterdir()} == {"000", "001", "002.p"}


def test_tiles_that_are_gone_or_wrong_are_made_again_from_the_entries(desk: Desk) -> None:
    desk.grown(600)
    (tile,) = (desk.folder / "tile/1/000.p").iterdir()
    tile.write_bytes(bytes(tile.stat().st_size))
    desk.fill(1)
    with desk.open() as log:
        kinds = [entry.record["kind"] for entry in log.read()]
    assert kinds.count("log.repaired") == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [("checkpoint", "SM7105"), ("log.key", "SM7103")],
)
def test_a_log_without_its_checkpoint_or_key_is_not_continued(desk: Desk, name: str, code: str) -> None:
    desk.fill(2)
    (desk.folder / name).unlink()
    with desk.open() as log, pytest.raises(StorageError) as caught:
        log.append(decision(2))
    assert caught.value.code == code


def test_a_key_that_others_may_read_is_refused(desk: Desk) -> None:
    desk.fill(1)
    (desk.folder / "log.key").chmod(0o640)
    with desk.open() as log, pytest.raises(StorageError) as caught:
        log.append(decision(1))
    assert (caught.value.code, caught.value.got) == ("SM7103", "mode 0640")


def test_a_folder_that_others_may_write_to_is_refused(desk: Desk) -> None:
    desk.fill(1)
    desk.folder.chmod(0o777)
    with desk.open() as log, pytest.raises(StorageError) as caught:
        log.append(decision(1))
    assert caught.value.code == "SM7101"
    desk.folder.chmod(0o700)
    assert len(desk.references()) == 1


def test_a_link_in_place_of_the_folder_is_refused(desk: Desk, tmp_path: Path) -> None:
    desk.folder.symlink_to(tmp_path)
    with desk.open() as log, pytest.raises(StorageError) as caught:
        log.append(decision(1))
    assert caught.value.code == "SM7101"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_fails_is_said_and_the_entry_not_acknowledged(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    desk.fill(1)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with desk.open() as log:
        log.append(decision(1))
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            if name == "fsync":  # only new names are flushed with it
                log.append(decision(2))
                return
            with pytest.raises(StorageError) as caught:
                log.append(decision(2))
        assert caught.value.code == "SM7102"
        log.append(decision(3))
    assert desk.references()[-1] == "ghcr.io/acme/model-3:v1"


def test_a_lock_that_is_held_too_long_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.fill(1)
    monkeypatch.setattr(locks, "WAIT", 0.05)
    holder = locks.Lock("lock")
    with Opened(desk.folder) as dirfd:
        holder.open(dirfd)
        with holder, desk.open() as log, pytest.raises(StorageError) as caught:
            log.append(decision(1))
        holder.close()
    assert caught.value.code == "SM7114"


class Opened:
    """A directory handle for a block."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> int:
        self._handle = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        return self._handle

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


def test_bytes_behind_a_full_bundle_are_not_read_as_entries(desk: Desk) -> None:
    desk.grown(300)
    raw = log_bytes(decision(77_777))
    with (desk.folder / "tile/entries/000").open("ab") as file:
        file.write(len(raw).to_bytes(2, "big") + raw)
    with Opened(desk.folder) as dirfd:
        rows = list(Folder(dirfd, "log").entries(0, 301))
    assert [index for index, _ in rows] == list(range(301))
    assert raw not in [entry for _, entry in rows]
