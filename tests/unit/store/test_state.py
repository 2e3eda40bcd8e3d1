"""A state is never believed when it is damaged, foreign or newer, and never made anew where one was."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secmount.errors import StorageError
from secmount.oci.digest import Digest
from secmount.store.state import State
from secmount.store.tables import memory
from tests.support.mounts import row
from tests.unit.store.conftest import UID

A, B, C, IMAGE = (Digest.of(text) for text in (b"a", b"b", b"c", b"image"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def state(path: Path) -> Iterator[State]:
    with State(str(path), uid=UID) as opened:
        yield opened


def refusal(path: Path) -> str:
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StorageError) as caught, State(str(path), uid=UID) as opened:
        opened.mounts.all()
    assert str(path) in str(caught.value.subject)
    assert (path.read_bytes() if path.is_file() else None) == before
    return caught.value.code


def change(path: Path, sql: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(sql)
    connection.close()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def overwritten(path: Path) -> None:
    path.write_bytes(b"not a database, but as long as one may be" * 200)


def scrambled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(byte ^ 0x5A for byte in data[4096:])
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def foreign(path: Path) -> None:
    change(path, "PRAGMA application_id = 1")


def unversioned(path: Path) -> None:
    change(path, "PRAGMA user_version = 0")


def tableless(path: Path) -> None:
    change(path, "DROP TABLE mounts")


@pytest.mark.parametrize("harm", [emptied, overwritten, scrambled, cut, foreign, unversioned, tableless])
def test_damaged_state_is_refused_and_left_as_it_is(path: Path, harm: Callable[[Path], None]) -> None:
    with State(str(path), uid=UID) as state:
        state.mounts.begin(row())
    harm(path)
    assert refusal(path) == "SM7020"


def test_newer_state_is_refused(state: State, path: Path) -> None:
    state.close()
    change(path, "PRAGMA user_version = 2")
    assert refusal(path) == "SM7021"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("manifest", "sha256:zz"),
        ("tree", ""),
        ("objects", "no list"),
        ("objects", '["sha256:zz"]'),
        ("approved", '["-1"]'),
        ("approved", "[1]"),
        ("withheld", '["odd"]'),
        ("options", '{"a":1}'),
        ("target", "bare"),
        ("target", "[]"),
    ],
)
def test_row_that_does_not_parse_is_damage(path: Path, column: str, value: str) -> None:
    with State(str(path), uid=UID) as state:
        state.mounts.begin(row())
    change(path, f"UPDATE mounts SET {column} = '{value}'")
    assert refusal(path) == "SM7020"


def test_wrong_types_are_not_written(state: State) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        state.mounts.begin(row(since_ms="yesterday"))
    assert state.mounts.all() == ()
    assert state.leases.all() == frozenset()


def test_link_pipe_and_foreign_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real.db").write_bytes(b"")
    (tmp_path / "link.db").symlink_to("real.db")
    os.mkfifo(tmp_path / "pipe.db")
    (tmp_path / "open.db").write_bytes(b"x")
    (tmp_path / "open.db").chmod(0o666)
    codes = {}
    for name in ("link.db", "pipe.db", "open.db"):
        with pytest.raises(StorageError) as caught:
            State(str(tmp_path / name), uid=UID)
        codes[name] = caught.value.code
    assert codes == {"link.db": "SM7013", "pipe.db": "SM7013", "open.db": "SM7011"}


def test_files_are_the_owners_alone(state: State, path: Path) -> None:
    state.memos.put("answer", "k", "v", valid_from=0, valid_until=None)
    names = sorted(os.listdir(path.parent))
    assert names == ["state.db", "state.db-shm", "state.db-wal"]
    assert {(path.parent / name).stat().st_mode & 0o777 for name in names} == {0o600}


def test_a_look_creates_nothing(tmp_path: Path) -> None:
    assert State.if_any(str(tmp_path / "missing" / "state.db"), uid=UID) is None
    assert os.listdir(tmp_path) == []


def test_making_that_was_broken_off_is_begun_again(path: Path) -> None:
    (path.parent / ".state.db.new").write_bytes(b"half")
    with State(str(path), uid=UID) as state:
        assert state.mounts.all() == ()
    assert not (path.parent / ".state.db.new").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_fault_while_making_leaves_no_state(path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fail)
        with pytest.raises(StorageError) as caught:
            State(str(path), uid=UID)
    assert caught.value.code == {errno.ENOSPC: "SM7001", errno.EIO: "SM7005"}[number]
    assert not path.exists()


def test_mounts_round_trip_with_odd_names(state: State) -> None:
    odd = row(target="/mnt/\udcff\n'\"", reference="oci:/\udcfe", name="oci:/\udcfe", withheld=())
    state.mounts.begin(odd)
    assert state.mounts.find("1") == odd
    assert state.mounts.at(odd.target) == (odd,)
    assert not odd.partial
    assert state.mounts.at("/mnt") == ()


def test_mount_is_an_intent_until_it_is_finished(state: State) -> None:
    state.mounts.begin(row())
    assert [found.phase for found in state.mounts.all()] == ["intent"]
    state.mounts.finish("1", mount_id=7, device=42, options=("ro", "nodev"), enforced=("ro",))
    found = state.mounts.find("1")
    assert found == row(phase="mounted", mount_id=7, device=42, options=("ro", "nodev"), enforced=("ro",))
    assert found.partial
    state.mounts.finish("1", mount_id=7, device=42, options=(), enforced=(), image=IMAGE)
    found = state.mounts.find("1")
    assert found is not None
    assert found.objects == (C, IMAGE)
    assert state.leases.holders(IMAGE) == ("1",)
    with pytest.raises(StorageError) as caught:
        state.mounts.finish("2", mount_id=None, device=None, options=(), enforced=())
    assert caught.value.code == "SM7022"


def test_leases_live_as_long_as_a_mount(state: State) -> None:
    state.mounts.begin(row("1"))
    state.mounts.begin(row("2", objects=(A, B)))
    assert state.leases.all() == {A, B, C}
    assert state.leases.holders(A) == ("1", "2")
    assert state.mounts.remove("1")
    assert state.leases.all() == {A, B}
    assert not state.mounts.remove("1")


def test_newest_mount_at_a_target_comes_first(state: State) -> None:
    for mount, since in (("1", 5), ("2", 9), ("3", 7)):
        state.mounts.begin(row(mount, since_ms=since))
    assert [found.id for found in state.mounts.at("/mnt/models")] == ["2", "3", "1"]
    assert [found.id for found in state.mounts.all()] == ["1", "3", "2"]


def test_memo_is_used_inside_its_time_only(state: State) -> None:
    state.memos.put("answer", "k", "v", valid_from=10, valid_until=20)
    assert [state.memos.get("answer", "k", now_ms=ms) for ms in (9, 10, 19, 20)] == [None, "v", "v", None]
    assert state.memos.get("other", "k", now_ms=15) is None
    state.memos.put("answer", "k", "w", valid_from=10, valid_until=None)
    assert state.memos.get("answer", "k", now_ms=10**15) == "w"
    assert state.memos.drop("answer") == 1
    assert state.memos.get("answer", "k", now_ms=15) is None


def test_memos_are_bounded(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MEMOS_LIMIT", 3)
    for instant in range(6):
        state.memos.put("answer", str(instant), "v", valid_from=instant, valid_until=None)
    kept = [key for key in range(6) if state.memos.get("answer", str(key), now_ms=9)]
    assert kept == [3, 4, 5]


def test_history_never_goes_back(state: State) -> None:
    for ms in (5, 9, 7):
        state.history.note("policy", "oci:/\udcff", "v1", "rule", ms)
    assert state.history.newest("policy", "oci:/\udcff", "v1", "rule") == 9
    for other in (
        ("p2", "oci:/\udcff", "v1", "rule"),
        ("policy", "n2", "v1", "rule"),
        ("policy", "oci:/\udcff", "", "rule"),
    ):
        assert state.history.newest(*other) is None


def test_tags_remember_the_last_answer(state: State) -> None:
    state.tags.put("ghcr.io/acme/model", "v1", A, 5)
    state.tags.put("ghcr.io/acme/model", "v1", B, 9)
    assert state.tags.get("ghcr.io/acme/model", "v1") == (B, 9)
    assert state.tags.get("ghcr.io/acme/model", "v2") is None


def test_transaction_is_all_or_nothing(state: State) -> None:
    with pytest.raises(KeyboardInterrupt), state.transaction():
        state.tags.put("n", "a", A, 1)
        state.mounts.begin(row())
        raise KeyboardInterrupt
    assert state.tags.get("n", "a") is None
    assert state.mounts.all() == ()


def test_busy_state_says_so(state: State, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secmount.store.state.BUSY_MS", 10)
    with State(str(path), uid=UID) as other, state.transaction():
        assert other.mounts.all() == ()  # readers are not held up
        with pytest.raises(StorageError) as caught:
            other.tags.put("n", "a", A, 1)
    assert caught.value.code == "SM7006"


def test_problems_are_named(state: State, path: Path) -> None:
    assert state.problems() == ()
    for number in range(50):
        state.mounts.begin(row(str(number)))
    state.close()
    data = bytearray(path.read_bytes())
    data[-2000:] = os.urandom(2000)
    path.write_bytes(data)
    with State(str(path), uid=UID) as damaged:
        assert damaged.problems() != ()
