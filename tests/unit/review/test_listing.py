"""`audit log` and its index: every filter, the same with and without the index, and an index that lies."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack
from pathlib import Path

import pytest

from secmount.audit import record
from secmount.audit.tlog.tiles import frame
from secmount.errors import StorageError
from secmount.review import filter as filters
from secmount.review import listing, show
from secmount.review.filter import Filter
from secmount.review.index import NAME
from secmount.review.reader import Reader
from tests.support.logs import NOW, Desk, decision, decision_id, effect, log_bytes

RED = f"sha256:{'ed' * 32}"


@pytest.fixture
def filled(desk: Desk) -> Desk:
    with desk.open() as log:
        for number in range(6):
            log.append(decision(number))
        who = record.request(face="csi", use="csi", verb="mount", user="bob", namespace="ml-a", pod="p")
        fault = {"code": "SM4010", "subject": "x", "got": None, "want": None}
        log.append(decision(6, verdict="denied", request=who, subject=RED, signers=["qa", "release"], error=fault))
        log.append(decision(7, policy_revision=RED, signers=["qa"]))
        log.append(effect("mount.intent", 7, target="/mnt/7"))
        log.append(effect("mount.done", 7, target="/mnt/7"))
    return desk


def found(reader: Reader, **named: object) -> list[int | None]:
    return [entry.index for entry in listing.log(reader, Filter(**named), newest_first=False)]  # type: ignore[arg-type]


FILTERS: tuple[tuple[dict[str, object], list[int]], ...] = (
    ({"verdict": "denied"}, [7]),
    ({"digest": "ed"}, [7]),
    ({"digest": RED}, [7]),
    ({"digest": "sha256:e"}, [7]),
    ({"reference": "model-7"}, [8, 9, 10]),
    ({"reference": "model_7"}, []),
    ({"reference": "%"}, []),
    ({"signer": "qa"}, [7, 8]),
    ({"signer": "q"}, []),
    ({"revision": RED}, [8]),
    ({"namespace": "ml-a"}, [7]),
    ({"user": "bob"}, [7]),
    ({"user": "BOB"}, []),
    ({"code": "SM3010"}, [7]),
    ({"code": "SM4010"}, [7]),
    ({"code": "SM301"}, []),
    ({"kind": "mount.done"}, [10]),
    ({"since": NOW + 5, "until": NOW + 7}, [6, 7]),
    ({"user": "alice", "verdict": "allowed", "since": NOW + 4}, [5, 6, 8]),
    ({"user": "x' OR '1'='1"}, []),
)


@pytest.mark.parametrize("small", [True, False], ids=["read through", "by index"])
@pytest.mark.parametrize(("wanted", "indices"), FILTERS, ids=[str(row[0]) for row in FILTERS])
def test_a_filter_finds_what_it_says(
    filled: Desk, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, object], indices: list[int], *, small: bool
) -> None:
    if not small:
        monkeypatch.setattr(listing, "SMALL", 0)
    with filled.reader() as reader:
        assert found(reader, **wanted) == indices
        both = [entry.index for entry in listing.log(reader, Filter(**wanted))]  # type: ignore[arg-type]
        assert both == indices[::-1]
    assert (filled.folder / NAME).exists() != small


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("90s", NOW - 90_000),
        ("7d", NOW - 7 * 86_400_000),
        ("2026-11-24", 1_795_478_400_000),
        ("2026-11-24T06:00:00Z", NOW),
    ],
)
def test_points_in_time(text: str, ms: int) -> None:
    assert filters.parse_time(text, now_ms=NOW) == ms


@pytest.mark.parametrize("text", ["7", "d", "-7d", "7 d", "٧d", "yesterday", "2026-13-01", "2026-11-24T06:00:00", ""])
def test_what_is_no_point_in_time_is_said(text: str) -> None:
    with pytest.raises(StorageError) as caught:
        filters.parse_time(text, now_ms=NOW)
    assert caught.value.code == "SM7115"


def test_a_verdict_that_there_is_not_is_said() -> None:
    with pytest.raises(StorageError) as caught:
        filters.parse(now_ms=NOW, verdict="maybe")
    assert caught.value.code == "SM7115"


@pytest.mark.parametrize("small", [True, False])
def test_decisions_are_found_by_id_beginning_and_index(
    filled: Desk, monkeypatch: pytest.MonkeyPatch, *, small: bool
) -> None:
    if not small:
        monkeypatch.setattr(show, "SMALL", 0)
    with filled.reader() as reader:
        assert [entry.index for entry in show.find(reader, decision_id(7))] == [8, 9, 10]
        assert [entry.index for entry in show.find(reader, "8")] == [8]
        for text, got in (("019c", "8 decisions"), ("ffff", "nothing"), ("", "nothing"), ("019", "8 decisions")):
            if text or small:
                with pytest.raises(StorageError) as caught:
                    show.find(reader, text)
                assert caught.value.code == "SM7112"
                assert got in str(caught.value.got)
        with pytest.raises(StorageError):
            show.find(reader, "99")


def test_a_beginning_of_digits_only_is_a_decision_and_no_index(desk: Desk) -> None:
    with desk.open() as log:
        log.append(decision(1, decision_id="01923456-0000-7000-8000-000000000000"))
    with desk.reader() as reader:
        assert [entry.index for entry in show.find(reader, "01923456")] == [1]


def test_an_index_that_claims_an_entry_which_does_not_match_is_not_believed(
    filled: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "SMALL", 0)
    with filled.reader() as reader:
        assert found(reader, verdict="denied") == [7]
        with sqlite3.connect(filled.folder / NAME) as database:
            row = database.execute("SELECT verdict FROM entries WHERE position = 7").fetchone()
            database.execute("UPDATE entries SET verdict = ? WHERE position = 3", row)
        database.close()
        with pytest.raises(StorageError) as caught:
            found(reader, verdict="denied")
        assert caught.value.code == "SM7110"


@pytest.mark.parametrize("junk", [b"", b"no database", b"SQLite format 3\0" + bytes(200)])
def test_a_damaged_index_is_made_again(filled: Desk, monkeypatch: pytest.MonkeyPatch, junk: bytes) -> None:
    monkeypatch.setattr(listing, "SMALL", 0)
    (filled.folder / NAME).write_bytes(junk)
    with filled.reader() as reader:
        assert found(reader, verdict="denied") == [7]


def test_the_index_of_another_log_or_of_more_entries_is_made_again(
    filled: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "SMALL", 0)
    for change in ("UPDATE meta SET origin = 'x'", "UPDATE meta SET size = 999", "UPDATE meta SET version = 0"):
        with filled.reader() as reader:
            assert found(reader, verdict="denied") == [7]
        with sqlite3.connect(filled.folder / NAME) as database:
            database.execute(change)
        database.close()
        with filled.reader() as reader:
            assert found(reader, verdict="denied") == [7], change


def test_an_index_that_is_a_link_is_not_followed(filled: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(listing, "SMALL", 0)
    (tmp_path / "victim").write_text("precious")
    (filled.folder / NAME).symlink_to(tmp_path / "victim")
    with filled.reader() as reader:
        assert found(reader, verdict="denied") == [7]
    assert (tmp_path / "victim").read_text() == "precious"


def test_the_index_takes_in_what_came_since(filled: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "SMALL", 0)
    with filled.reader() as reader:
        assert found(reader, verdict="denied") == [7]
    with filled.open() as log:
        log.append(decision(50, verdict="denied"))
    with filled.reader() as reader:
        assert found(reader, verdict="denied") == [7, 11]


def test_an_entry_that_is_no_record_is_said(desk: Desk) -> None:
    desk.fill(1)
    with desk.open() as log:
        log._writer.append([b'{"kind":1}'], prologue=lambda *_: [])
    with desk.reader() as reader, pytest.raises(StorageError) as caught:
        found(reader, verdict="denied")
    assert caught.value.code == "SM7113"


def test_follow_gives_what_comes_and_nothing_twice(filled: Desk) -> None:
    seen: list[int | None] = []
    rounds = iter(range(3))

    def wait(_: float) -> None:
        if next(rounds, None) is None:
            raise KeyboardInterrupt
        filled.fill(1)

    with ExitStack() as stack, pytest.raises(KeyboardInterrupt):
        opened = lambda: stack.enter_context(filled.reader())  # noqa: E731
        for entry in listing.follow(opened, Filter(kind="decision"), start=11, wait=wait):
            seen.append(entry.index)  # noqa: PERF401 - what was seen before the end counts
    assert seen == [11, 12, 13]


def test_lines_are_json_with_the_index(filled: Desk) -> None:
    with filled.reader() as reader:
        entry = reader.entry(7)
        assert listing.line(entry) == b'{"index":7,' + entry.raw[1:] + b"\n"
        assert listing.cells(entry)[1:5] == (
            "decision",
            "denied SM3010 SM4010",
            "ghcr.io/acme/model-6:v1",
            "qa, release",
        )


def test_a_missing_entry_ends_a_search_by_index_with_a_code(filled: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "SMALL", 0)
    with filled.reader() as reader:
        assert found(reader, kind="mount.done") == [10]
        (bundle,) = (filled.folder / "tile/entries/000.p").iterdir()
        bundle.write_bytes(frame(log_bytes(decision(0))))
        with pytest.raises(StorageError) as caught:
            found(reader, kind="mount.done")
        assert caught.value.code == "SM7106"
