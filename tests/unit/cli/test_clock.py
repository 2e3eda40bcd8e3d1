"""A clock that was set back decides nothing: what had expired would pass once more. Design, promise 3."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from secmount.app import assembly
from secmount.oci.digest import Digest
from secmount.pipeline import admit
from secmount.registry.resolution import Resolution
from secmount.registry.resolve import resolve
from secmount.store.cas import STATE
from secmount.store.state import State
from secmount.store.tables.memory import History
from tests.support.command import Desk, Result

REF = "oci:models/bert:v1"
MOUNT = ("mount", REF, "mnt", "--backend", "copy")
MINUTE, DAY = 60_000, 86_400_000
Turn = Callable[[int], None]


@pytest.fixture
def turn(secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> Turn:
    """Make a signed model, and give what sets the clock to so many milliseconds after that."""
    secmount.ready()
    began = now = assembly.now_ms()

    def to(ms: int) -> None:
        nonlocal now
        now = began + ms

    monkeypatch.setattr(assembly, "now_ms", lambda: now)
    return to


def came_of(result: Result) -> tuple[int, str | None]:
    return result.exit, result.code


def test_what_expired_does_not_come_back_with_an_earlier_clock(secmount: Desk, turn: Turn) -> None:
    policy = secmount.folder / "policy" / "policy.toml"
    policy.write_text(policy.read_text().replace('signers = ["release"]', 'signers = ["release"]\nmax-age = "1d"'))
    assert secmount.json("verify", REF).exit == 0
    turn(3 * DAY)
    assert came_of(secmount.json(*MOUNT)) == (20, "SM3013")  # a denial says what time it was, too
    turn(0)
    assert came_of(secmount.json(*MOUNT)) == (21, "SM3097")
    assert not (secmount.folder / "mnt").exists()
    last = secmount.log()[-1]
    assert (last["kind"], last["verdict"], last["deny"]) == ("decision", "undecided", ["SM3097"])


def test_forward_and_two_days_back(secmount: Desk, turn: Turn) -> None:
    assert secmount.json("verify", REF).exit == 0
    turn(2 * DAY)
    assert secmount.json(*MOUNT).exit == 0
    turn(0)
    for words in (("verify", REF), ("inspect", REF), ("pull", REF), ("mount", REF, "other", "--backend", "copy")):
        assert came_of(secmount.json(*words)) == (21, "SM3097"), words
    assert not (secmount.folder / "other").exists()
    for line in ("ls", "check", "inspect mnt", "audit verify", "audit log", "unmount mnt"):
        assert secmount(*line.split()).exit == 0, line
    assert not (secmount.folder / "mnt").exists()
    for path in (secmount.folder / "store").glob("state.db*"):
        path.rename(secmount.folder / path.name)
    assert secmount.json(*MOUNT).exit == 0  # as the explanation says


def test_set_back_while_it_decides(secmount: Desk, turn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    assert secmount.json("verify", REF).exit == 0

    def late(*words: Any, **more: Any) -> Resolution:
        turn(-2 * DAY)
        return resolve(*words, **more)

    monkeypatch.setattr(admit, "resolve", late)
    assert came_of(secmount.json(*MOUNT)) == (21, "SM3097")


def test_little_steps_back_do_not_add_up(secmount: Desk, turn: Turn) -> None:
    found = []
    for minutes in (0, -4, -5, -6, -9, 1):
        turn(minutes * MINUTE)
        found.append(secmount.json("verify", REF).code)
    assert found == [None, None, None, "SM3097", "SM3097", None]


def test_behind_the_last_answer_about_a_tag(secmount: Desk, turn: Turn) -> None:
    with State(str(secmount.folder / "store" / STATE), uid=os.geteuid()) as state:
        state.tags.put("ghcr.io/acme/model", "v1", Digest.of(b"x"), assembly.now_ms() + DAY)
    assert secmount.json("verify", REF).code == "SM3097"
    turn(DAY)
    assert secmount.json("verify", REF).exit == 0


def test_decisions_in_quick_succession_write_one_mark(
    secmount: Desk, turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    note = History.note

    def noted(history: History, origin: str, name: str, tag: str, rule: str, ms: int) -> None:
        written.append(ms)
        note(history, origin, name, tag, rule, ms)

    monkeypatch.setattr(History, "note", noted)
    for ms in (0, 1000, MINUTE, MINUTE + 1, MINUTE + 2, -1000):
        turn(ms)
        assert secmount.json("verify", REF).exit == 0
    assert written == [written[0], written[0] + MINUTE + 1]
