"""What is recorded once a log: it stands in this log, and a log that was made anew gets it again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from secmount.audit.events import config_loaded, key_used, policy_loaded, trust_updated
from secmount.audit.log import AuditLog
from secmount.audit.record import FIELDS, request
from secmount.errors import StorageError
from tests.support.logs import NOW, Desk

WHO = request(face="cli", use="cli", verb="sign")
EVENTS: tuple[Mapping[str, Any], ...] = (
    policy_loaded(now_ms=NOW, revision="sha256:11", path="/p", files={"policy.toml": "sha256:22"}),
    config_loaded(now_ms=NOW, digest="sha256:33"),
    trust_updated(now_ms=NOW, request=WHO, place="/s", before=None, after="sha256:44", origin="tuf"),
    key_used("artifact signature", now_ms=NOW, request=WHO, principal="sha256:55", subject="sha256:66", reference=None),
)


def once(log: AuditLog, mark: str = "config.loaded-1") -> bool:
    entry = log.append_once(mark, lambda: EVENTS[1], kept=lambda: {"config": b"{}"})
    return entry is not None


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["kind"])
def test_every_event_is_a_record(event: Mapping[str, Any]) -> None:
    assert tuple(sorted(event)) == FIELDS


def test_it_stands_there_once(tmp_path: Path) -> None:
    with Desk(tmp_path).open() as log:
        assert [once(log), once(log), once(log, "config.loaded-2")] == [True, False, True]
    with Desk(tmp_path).open() as log:
        assert not once(log)
        assert [entry.record["kind"] for entry in log.read()] == ["config.loaded", "config.loaded", "log.created"]
        assert all(list(entry.record["parts"]) == ["config"] for entry in log.read() if entry.index)


def test_a_log_made_anew_gets_it_again_though_the_state_is_kept(tmp_path: Path) -> None:
    with Desk(tmp_path).open() as log:
        assert once(log)
    (tmp_path / "log").rename(tmp_path / "old")
    for path in (tmp_path / "state").iterdir():  # as whoever starts anew must: else the log counts as rolled back
        path.unlink()
    with Desk(tmp_path).open() as log:
        assert once(log)


def test_a_lost_mark_costs_an_entry(tmp_path: Path) -> None:
    with Desk(tmp_path).open() as log:
        once(log)
        shutil.rmtree(tmp_path / "log/once")
        assert once(log)


def test_no_mark_without_its_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Desk(tmp_path).open() as log:
        monkeypatch.setattr(log, "append", _full)
        with pytest.raises(StorageError) as caught:
            once(log)
        assert caught.value.code == "SM7102"
        monkeypatch.undo()
        assert once(log)


def test_a_log_says_by_which_key(tmp_path: Path) -> None:
    with Desk(tmp_path).open() as log:
        once(log)
        created = list(log.read())[-1].record
    assert created["details"] == {"key": (tmp_path / "log/log.vkey").read_text().strip()}


def _full(*_: object, **__: object) -> None:
    raise StorageError("SM7102", subject="log")
