"""Whoever asks for refused things for ever writes a bounded number of bytes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from secmount.audit import record
from secmount.audit.log import AuditLog
from secmount.audit.repeats import BUDGET, BUDGET_WINDOW, FULL, IDS, REQUESTERS, WINDOW
from tests.support.logs import NOW, Desk, decision, decision_id

HOUR = 3_600_000


def deny(log: AuditLog, number: int, *, artifact: int = 0, verdict: str = "denied", **who: str) -> bool:
    """Append a denial; say whether it was only counted."""
    named = {"face": "csi", "use": "csi", "verb": "mount", **who}
    row = decision(number, verdict=verdict, request=record.request(**named), reference=f"r.io/a:{artifact}")
    row["subject"] = f"sha256:{artifact:064x}"
    kept = {"manifest": f"manifest {artifact}".encode()}
    return log.append(row, document=f'{{"now_ms":{number}}}'.encode(), kept=kept).repeated


def records(desk: Desk) -> list[dict[str, Any]]:
    with desk.open() as log:
        return [dict(entry.record) for entry in log.read(newest_first=False) if entry.record["kind"] == "decision"]


def sized(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != "reserve")


@pytest.mark.parametrize("verdict", ["denied", "undecided"])
def test_the_same_refusal_again_and_again_is_counted(desk: Desk, verdict: str) -> None:
    with desk.open() as log:
        counted = [deny(log, number, verdict=verdict, user="mallory") for number in range(40)]
        assert counted == [False] * FULL + [True] * (40 - FULL)
        desk.clock.now += WINDOW
        deny(log, 99, artifact=1, verdict=verdict, user="mallory")
    rows = records(desk)
    (summed,) = [row for row in rows if row["repeated"]]
    assert summed["repeated"]["count"] == 40 - FULL
    assert summed["repeated"]["decision_ids"] == [decision_id(number) for number in range(40)][-IDS:]
    assert (summed["verdict"], summed["reference"]) == (verdict, "r.io/a:0")
    assert len(rows) == FULL + 2


def test_a_counted_denial_leaves_no_part_behind(desk: Desk) -> None:
    with desk.open() as log:
        for number in range(FULL):
            deny(log, number, user="mallory")
        before = len(list((desk.folder / "parts").rglob("*")))
        for number in range(FULL, 50):
            assert deny(log, number, user="mallory")
    assert len(list((desk.folder / "parts").rglob("*"))) == before


def test_different_refusals_of_one_requester_are_under_a_budget(desk: Desk) -> None:
    with desk.open() as log:
        counted = [deny(log, number, artifact=number, user="mallory") for number in range(2 * BUDGET)]
        assert counted.count(False) == BUDGET
        assert not deny(log, 5, artifact=5, user="alice"), "another requester has a budget of their own"
        desk.clock.now += BUDGET_WINDOW
        assert not deny(log, 6, artifact=9_999, user="mallory")
    (summed,) = [row for row in records(desk) if row["repeated"]]
    assert summed["repeated"]["count"] == BUDGET
    assert (summed["reference"], summed["subject"], summed["input_sha256"]) == (None, None, None)


def test_a_pod_author_with_many_names_fills_no_disk(desk: Desk) -> None:
    with desk.open() as log:
        log.append(decision(0))
        beside = log._beside()
        with log._counting(beside.folder) as repeats:
            alone = 0
            for number in range(3 * REQUESTERS):
                named = {"face": "csi", "use": "csi", "verb": "mount", "service_account": f"sa-{number}"}
                row = decision(number, verdict="denied", request=record.request(**named))
                alone += repeats.note(row, NOW)
            repeats.save()
        assert alone <= REQUESTERS + BUDGET
    assert len(json.loads((desk.folder / "repeats.json").read_bytes())["budgets"]) == REQUESTERS + 1
    assert (desk.folder / "repeats.json").stat().st_size < 4 << 20


def test_counting_goes_on_in_another_process_and_no_window_lasts_for_ever(desk: Desk) -> None:
    for number in range(FULL + 2):
        with desk.open() as log:
            deny(log, number, user="mallory")
    os.utime(desk.folder / "repeats.json", (0, 0))
    desk.clock.now += WINDOW
    with desk.open() as log:
        log.append(decision(50))
    assert [row["repeated"]["count"] for row in records(desk) if row["repeated"]] == [2]


def test_a_clock_that_goes_back_ends_the_window(desk: Desk) -> None:
    with desk.open() as log:
        for number in range(FULL + 1):
            deny(log, number, user="mallory")
        desk.clock.now -= HOUR
        assert not deny(log, 20, user="mallory")
    assert [row["repeated"]["count"] for row in records(desk) if row["repeated"]] == [1]


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b'{"counted":[],"budgets":{}}'])
def test_a_damaged_count_stops_nothing(desk: Desk, junk: bytes) -> None:
    desk.fill(1)
    (desk.folder / "repeats.json").write_bytes(junk)
    with desk.open() as log:
        assert not deny(log, 1, user="mallory")


def test_allowed_decisions_are_never_counted_together(desk: Desk) -> None:
    with desk.open() as log:
        assert not any(log.append(decision(1)).repeated for _ in range(10))


def test_what_is_masked_is_not_in_the_counts_either(desk: Desk) -> None:
    with desk.open(masks=["/request", "/error", "/reference"]) as log:
        for number in range(FULL + 2):
            deny(log, number, user="mallory-the-secret")
    held = [path for path in desk.folder.rglob("*") if path.is_file() and b"mallory" in path.read_bytes()]
    assert held == []
    assert (desk.folder / "repeats.json").exists()
