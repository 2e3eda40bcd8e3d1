"""Checkpoints outside the folder: what is remembered is compared, and what cannot be told stops nothing."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from secmount.audit.tlog.anchor import Witness
from secmount.errors import StorageError
from tests.support.logs import Desk, decision


def test_each_checkpoint_is_remembered_under_state(desk: Desk) -> None:
    for count in (1, 2):
        desk.fill(count)
        (copy,) = desk.state.glob("audit-*.checkpoint")
        assert copy.read_text().rstrip("\n") + "\n" == (desk.folder / "checkpoint").read_text()
        assert copy.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("back", ["older copy", "nothing", "another log"])
def test_a_log_put_back_is_not_continued(desk: Desk, tmp_path: Path, back: str) -> None:
    desk.fill(2)
    shutil.copytree(desk.folder, tmp_path / "old")
    desk.fill(2)
    shutil.rmtree(desk.folder)
    if back == "older copy":
        shutil.copytree(tmp_path / "old", desk.folder)
    if back == "another log":
        os.rename(desk.state, desk.base / "remembered")
        desk.fill(9)
        shutil.rmtree(desk.state)
        os.rename(desk.base / "remembered", desk.state)
    with desk.open(host="other") as log, pytest.raises(StorageError) as caught:
        log.append(decision(5))
    assert caught.value.code == "SM7107"


def test_what_is_remembered_but_not_in_the_checkpoint_yet_is_found_in_the_entries(desk: Desk) -> None:
    """Power loss may take the newest checkpoint, never an entry that it covered."""
    desk.fill(2)
    old = (desk.folder / "checkpoint").read_bytes()
    desk.fill(2)
    (desk.folder / "checkpoint").write_bytes(old)
    desk.fill(1)
    assert len(desk.references()) == 5


def test_the_journal_gets_each_checkpoint_in_its_native_protocol(desk: Desk) -> None:
    path = str(desk.base / "journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(path)
        desk.fill(1, journal=path)
        message = channel.recv(1 << 16)
    note = (desk.folder / "checkpoint").read_bytes()
    assert b"SECMOUNT_CHECKPOINT\n" + len(note).to_bytes(8, "little") + note + b"\n" in message


def test_witnesses_get_each_checkpoint(desk: Desk) -> None:
    elsewhere = desk.base / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    script = elsewhere / "take"
    script.write_text(f"#!/bin/sh\ncat > {elsewhere}/taken; env > {elsewhere}/environment\n")
    script.chmod(0o700)
    desk.fill(1, witnesses=[Witness("file", f"{elsewhere}/copy"), Witness("command", str(script))])
    note = (desk.folder / "checkpoint").read_text()
    assert (elsewhere / "copy").read_text() == (elsewhere / "taken").read_text() == note
    assert "HOME" not in (elsewhere / "environment").read_text()


def test_no_witness_stops_an_append_and_what_failed_is_said_once(desk: Desk) -> None:
    shut = desk.base / "shut"
    shut.mkdir()
    shut.chmod(0o777)
    rows = [Witness("file", f"{shut}/copy"), Witness("command", "/bin/false"), Witness("command", f"{shut}/gone")]
    with desk.open(witnesses=rows, journal=str(shut)) as log:
        for number in range(5):
            log.append(decision(number))
        assert len(log.warnings) == len(rows) + 1
    assert not (shut / "copy").exists()
    assert len(desk.references()) == 5


@pytest.mark.parametrize("text", [b"junk", b"\xff\xfe", b"a\nb\nc\n\n"])
def test_a_remembered_copy_that_is_none_is_said(desk: Desk, text: bytes) -> None:
    desk.fill(1)
    (copy,) = desk.state.glob("audit-*.checkpoint")
    copy.write_bytes(text)
    with desk.open() as log, pytest.raises(StorageError) as caught:
        log.append(decision(1))
    assert caught.value.code == "SM7105"
