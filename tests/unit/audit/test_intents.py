"""An intent without outcome is found when, and only when, the process that wrote it is gone."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.logs import Desk, decision, effect


def begin(desk: Desk, number: int, *, die: bool = True) -> int:
    """Let a child write an intent, and die of it or wait for its end."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            desk.open().append(effect("mount.intent", number))
            os.write(told, b".")
            if die:
                os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()
        finally:
            os._exit(1)
    os.close(told)
    assert os.read(ready, 1) == b"."
    os.close(ready)
    if die:
        os.waitpid(child, 0)
    return child


def ids(desk: Desk) -> list[str | None]:
    with desk.open() as log:
        return [entry.record["decision_id"] for entry in log.unfinished()]


def test_an_intent_whose_process_died_is_found_until_it_is_settled(desk: Desk) -> None:
    desk.fill(3)
    begin(desk, 7)
    begin(desk, 8)
    wanted = [effect("check", number)["decision_id"] for number in (7, 8)]
    assert ids(desk) == wanted
    with desk.open() as log:
        log.append(effect("mount.failed", 7))
    assert ids(desk) == wanted[1:]
    with desk.open() as log:
        log.append(effect("mount.done", 8))
    assert ids(desk) == []


def test_an_intent_of_a_living_process_is_not_taken_for_a_dead_one(desk: Desk) -> None:
    child = begin(desk, 7, die=False)
    try:
        assert ids(desk) == []
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert len(ids(desk)) == 1


def test_an_intent_under_way_in_this_process_is_not_found_by_itself(desk: Desk) -> None:
    with desk.open() as log:
        log.append(effect("mount.intent", 1))
        assert log.unfinished() == ()
        log.append(effect("mount.done", 1))
        assert log.unfinished() == ()


@pytest.mark.parametrize("hint", [b"", b"junk", b"99999999"])
def test_the_hint_of_what_is_settled_can_only_be_lost(desk: Desk, hint: bytes) -> None:
    desk.fill(2)
    begin(desk, 7)
    assert len(ids(desk)) == 1
    (desk.folder / "settled").write_bytes(hint)
    assert len(ids(desk)) == 1


def test_a_large_log_is_searched_only_from_the_first_open_intent_on(desk: Desk) -> None:
    desk.grown(600)
    begin(desk, 1)
    assert len(ids(desk)) == 1
    assert (desk.folder / "settled").read_bytes() == b"601"
    desk.fill(2)
    assert len(ids(desk)) == 1


def test_two_processes_may_look_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.fill(2)
    begin(desk, 7)
    real = os.rename

    def other_first(old: str, new: str, **named: int) -> None:
        real(old, new, **named)
        real(old, new, **named)

    monkeypatch.setattr(os, "rename", other_first)
    assert len(ids(desk)) == 1


def test_no_log_has_no_intents_and_none_is_made(desk: Desk) -> None:
    assert ids(desk) == []
    assert not desk.folder.exists()


def test_a_settled_decision_that_mounts_anew_is_its_own_intent(desk: Desk) -> None:
    with desk.open() as log:
        log.append(decision(1))
        log.append(effect("mount.intent", 1))
        log.append(effect("mount.failed", 1))
    begin(desk, 1)
    assert len(ids(desk)) == 1
