"""Taking away never waits for the log: what cannot be appended waits in the reserve, and joins the log once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from secmount.audit.log import AuditLog
from secmount.audit.reserve import SIZE, Reserve
from secmount.audit.tlog import tilewriter
from secmount.errors import StorageError
from tests.support.logs import Desk, decision, effect


@contextmanager
def full(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    """Let a step of appending find the disk full."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tilewriter, name, fail)
        yield


def unmounts(log: AuditLog) -> list[str]:
    return [entry.record["target"] for entry in log.read(newest_first=False) if entry.record["kind"] == "unmount"]


def unmount(number: int, **named: Any) -> dict[str, Any]:
    return effect("unmount", number, target=f"/mnt/{number}", **named)


@pytest.mark.parametrize("step", ["open_head", "put_checkpoint"])
def test_an_unmount_on_a_full_disk_waits_and_then_joins_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """`put_checkpoint`: the record stood in the bundle already, unsigned, when the disk was full."""
    desk.fill(1)
    with desk.open() as log:
        with full(monkeypatch, step):
            for number in range(3):
                entry = log.append_essential(unmount(number))
                assert (entry.index, entry.kept) == (None, True)
            with pytest.raises(StorageError) as caught:
                log.append(decision(2))
            assert caught.value.code == "SM7102"
        log.append(decision(3))
        log.append(decision(4))
        assert sorted(unmounts(log)) == ["/mnt/0", "/mnt/1", "/mnt/2"]
        assert Reserve(log._writer.folder()).waiting() == []


def test_what_comes_into_the_reserve_while_another_append_joins_it_is_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.fill(1)
    with desk.open() as log, desk.open() as other:
        with full(monkeypatch, "open_head"):
            log.append_essential(unmount(1))
        real = tilewriter.put_checkpoint

        def late(*args: Any, **named: Any) -> None:
            late_raw = b'{"kind":"unmount","late":true}'
            assert Reserve(other._writer.folder()).put(late_raw)
            real(*args, **named)

        with monkeypatch.context() as patch:
            patch.setattr(tilewriter, "put_checkpoint", late)
            log.append(decision(2))
        assert Reserve(other._writer.folder()).waiting() == [b'{"kind":"unmount","late":true}']


def test_a_reserve_that_is_full_says_that_the_record_is_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.fill(1)
    with desk.open() as log, full(monkeypatch, "open_head"):
        kept = [log.append_essential(unmount(0, details={"pad": "x" * 4000})).kept for _ in range(300)]
    assert kept[0] and not kept[-1]
    assert (desk.folder / "reserve").stat().st_size == SIZE


def test_the_reserve_has_its_blocks_from_the_beginning(desk: Desk) -> None:
    desk.fill(1)
    info = (desk.folder / "reserve").stat()
    assert (info.st_size, info.st_mode & 0o777) == (SIZE, 0o600)
    assert info.st_blocks * 512 >= SIZE


def test_a_record_of_any_size_fits_the_reserve_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.fill(1)
    vast = unmount(1, enforced=["x" * 4000] * 40, withheld=[{"path": "p" * 900, "reason": "exclude"}] * 900)
    with desk.open() as log:
        with full(monkeypatch, "open_head"):
            assert log.append_essential(vast).kept
        log.append(decision(2))
        assert unmounts(log) == ["/mnt/1"]


def test_a_log_without_its_key_does_not_stop_an_unmount(desk: Desk) -> None:
    desk.fill(1)
    key = (desk.folder / "log.key").read_bytes()
    (desk.folder / "log.key").unlink()
    with desk.open() as log:
        assert log.append_essential(unmount(1)).kept
    (desk.folder / "log.key").write_bytes(key)
    (desk.folder / "log.key").chmod(0o600)
    with desk.open() as log:
        log.append(decision(1))
        assert unmounts(log) == ["/mnt/1"]


def test_a_folder_that_is_no_log_says_that_the_record_is_lost(desk: Desk) -> None:
    desk.folder.write_text("a file")
    with desk.open() as log:
        assert not log.append_essential(unmount(1)).kept


def test_masks_hold_in_the_reserve_even_without_the_salt(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.fill(1)
    secret = "s3cretuser"
    asked = {**decision(0)["request"], "user": secret}
    with desk.open(masks=["/request/user"]) as log:
        with full(monkeypatch, "open_head"), monkeypatch.context() as patch:
            patch.setattr(log, "_salt", lambda: (_ for _ in ()).throw(StorageError("SM7001", subject="salt")))
            assert log.append_essential(unmount(1, request=asked)).kept
        log.append(decision(2))
    names = [str(path) for path in desk.folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert names == []


def test_a_half_written_reserve_keeps_what_is_whole(desk: Desk) -> None:
    desk.fill(1)
    with (desk.folder / "reserve").open("r+b") as file:
        file.write(b'\0\x02{}\0\xff{"half"')
        os.fsync(file.fileno())
    with desk.open() as log:
        log.append(decision(1))
        raws = [entry.raw for entry in log.read()]
    assert b"{}" in raws and not any(raw.startswith(b'{"half"') for raw in raws)
