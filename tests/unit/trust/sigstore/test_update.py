"""Updates of a trust root from a TUF repository: what is taken, and every way in which one is refused."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secmount.errors import SecmountError, StorageError, TrustError
from secmount.trust.root import ROOT_LIMIT
from secmount.trust.roots import kept, public
from secmount.trust.sigstore import update
from secmount.upkeep import roots
from secmount.upkeep.roots import Change
from tests.support.minisig import MiniSigstore
from tests.support.tufrepo import Repository
from tests.unit.trust.world import NOW_MS

UID = os.geteuid()
ONE, TWO = MiniSigstore().trusted_root(), MiniSigstore().trusted_root()


class Place:
    """A state folder, a repository that is served, and the updates that were recorded."""

    def __init__(self, state: Path, repository: Repository, url: str) -> None:
        self.state, self.repository, self.url = str(state), repository, url
        self.recorded: list[Change] = []

    def update(self, **more: Any) -> Change:
        given = {"url": self.url, "bootstrap": self.repository.first, "record": self.recorded.append, **more}
        return roots.update(self.state, uid=UID, now_ms=NOW_MS, **given)

    def kept(self) -> bytes | None:
        found = kept.load(self.state, self.url, uid=UID)
        return None if found is None else found.root.raw

    def refused(self, **more: Any) -> SecmountError:
        before = self.kept()
        count = len(self.recorded)
        with pytest.raises(SecmountError) as caught:
            self.update(**more)
        assert (self.kept(), len(self.recorded)) == (before, count)
        return caught.value


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    os.chmod(tmp_path, 0o700)
    repository = Repository(ONE)
    with repository.serving() as url:
        yield Place(tmp_path / "state", repository, url)


def test_a_root_is_fetched_verified_recorded_and_kept(place: Place) -> None:
    change = place.update()
    assert (change.before, change.after, change.raw) == (None, kept.digest_of(ONE), ONE)
    assert place.recorded == [change]
    found = kept.load(place.state, place.url, uid=UID)
    assert found is not None
    assert (found.root.raw, found.root.updated_ms) == (ONE, NOW_MS)
    assert found.root.source.startswith(f"{place.url} at 2026-11-01T12:00:00")
    own = kept.folder(place.state, place.url)
    for folder in (place.state, os.path.dirname(own), own, os.path.join(own, "metadata")):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700


def test_what_cannot_be_recorded_does_not_count(place: Place) -> None:
    def full(_: Change) -> None:
        raise StorageError("SM7101", got="no space")

    assert place.refused(record=full).code == "SM7101"
    assert place.kept() is None


def test_a_newer_root_takes_the_older_ones_place(place: Place) -> None:
    place.update()
    place.repository.publish(TWO)
    change = place.update(bootstrap=None)
    assert (change.before, change.after) == (kept.digest_of(ONE), kept.digest_of(TWO))
    assert place.kept() == TWO
    assert place.update(bootstrap=None).before == kept.digest_of(TWO)


def test_a_rollback_is_refused(place: Place) -> None:
    place.update()
    old = dict(place.repository.files)
    place.repository.publish(TWO)
    place.update()
    place.repository.files = old
    assert place.refused().code == "SM2204"


def test_a_rollback_is_refused_also_after_the_kept_root_was_damaged(place: Place) -> None:
    place.update()
    old = dict(place.repository.files)
    place.repository.publish(TWO)
    place.update()
    name = kept.digest_of(TWO).partition(":")[2] + ".json"
    (Path(kept.folder(place.state, place.url)) / name).write_bytes(b"{}")
    place.repository.files = old
    with pytest.raises(TrustError) as caught:
        place.update()
    assert caught.value.code == "SM2204"


def test_a_freeze_is_refused(place: Place) -> None:
    place.update()
    place.repository.publish(TWO, days=-1)
    assert place.refused().code == "SM2204"


def test_keys_rotate_with_the_word_of_the_old_ones(place: Place) -> None:
    place.update()
    for role in ("root", "timestamp", "targets", "root"):
        place.repository.rotate(role)
    place.repository.publish(TWO)
    assert place.update().after == kept.digest_of(TWO)


def test_keys_do_not_rotate_without_it(place: Place) -> None:
    place.update()
    place.repository.rotate("root", by_old=False)
    place.repository.publish(TWO)
    assert place.refused().code == "SM2204"


def test_metadata_by_another_key_is_refused(place: Place) -> None:
    stranger = Repository(TWO)
    place.update()
    place.repository.files.update({name: raw for name, raw in stranger.files.items() if "root" not in name})
    place.repository.files["/timestamp.json"] = stranger.files["/timestamp.json"]
    assert place.refused().code == "SM2204"


def test_a_target_that_is_not_what_was_signed_is_refused(place: Place) -> None:
    digest = kept.digest_of(ONE).partition(":")[2]
    place.repository.files[f"/targets/{digest}.trusted_root.json"] = TWO[: len(ONE)].ljust(len(ONE))
    assert place.refused().code == "SM2204"


def test_a_root_may_be_as_long_as_one_can_be_read_and_no_longer(place: Place) -> None:
    for length, code in ((ROOT_LIMIT, None), (ROOT_LIMIT + 1, "SM2204")):
        place.repository.publish(ONE.ljust(length))
        assert (place.refused().code if code else place.update().raw) == (code or ONE.ljust(ROOT_LIMIT))
    (last,) = [path for path in place.repository.asked if path.startswith("/targets/")]
    assert kept.digest_of(ONE.ljust(ROOT_LIMIT)).partition(":")[2] in last  # the longer one was not asked for


def test_what_is_fetched_lies_nowhere_but_in_the_folder_that_nobody_else_controls(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    made: list[str] = []
    make = tempfile.mkdtemp

    def noted(*given: Any) -> str:
        made.append(make(*given))
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", noted)
    place.update()
    metadata = os.path.join(kept.folder(place.state, place.url), "metadata")
    assert [os.path.dirname(one) for one in made] == [metadata]
    assert os.listdir(tmp_path / "here") == []
    assert not {update.TARGET, os.path.basename(made[0])} & set(os.listdir(metadata))


def test_a_repository_cannot_lead_through_roots_without_end(place: Place) -> None:
    for _ in range(70):
        place.repository.rotate("timestamp")
    place.repository.publish(ONE)
    assert place.refused().code == "SM2204"
    assert len([path for path in place.repository.asked if path.endswith(".root.json")]) == 64


def test_a_fault_that_nobody_knows_is_a_refusal(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise KeyError("version")

    monkeypatch.setattr(update, "_target", fail)
    assert place.refused().got == "KeyError: 'version'"


def test_a_repository_is_told_who_asks(place: Place) -> None:
    place.update()
    assert {agent.partition("/")[0] for agent in place.repository.agents} == {"secmount python-tuf"}


def test_a_repository_that_never_answers_is_not_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update, "_TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert place.refused(url=url, bootstrap=place.repository.first).code == "SM2203"


@pytest.mark.parametrize("raw", [b"{}", b"not JSON", ONE.replace(b"tlogs", b"clogs")], ids=["empty", "text", "field"])
def test_a_target_that_is_no_trust_root_is_refused(place: Place, raw: bytes) -> None:
    place.repository.publish(raw)
    assert place.refused().code == "SM2204"


def test_a_repository_without_a_trust_root_is_refused(place: Place) -> None:
    place.repository.publish(ONE, name="other.json")
    assert place.refused().code == "SM2204"


def test_a_repository_that_begins_otherwise_is_refused(place: Place) -> None:
    assert place.refused(bootstrap=Repository(ONE).first).code == "SM2204"
    assert place.refused(bootstrap=b"{}").code == "SM2204"


def test_a_repository_that_does_not_answer_can_be_asked_again(place: Place) -> None:
    place.update()
    place.repository.files.pop("/timestamp.json")
    assert place.refused().code == "SM2203"
    assert place.refused(url="http://127.0.0.1:9", bootstrap=place.repository.first).code == "SM2203"


def test_what_was_seen_before_is_never_believed_without_its_signatures(place: Place) -> None:
    """The lesson of sigstore-python's `offline=True`, which takes whatever lies in its cache."""
    place.update()
    metadata = Path(kept.folder(place.state, place.url)) / "metadata"
    stranger = Repository(TWO)
    for role in ("timestamp", "snapshot", "targets"):
        name = "/timestamp.json" if role == "timestamp" else f"/1.{role}.json"
        (metadata / f"{role}.json").write_bytes(stranger.files[name])
    assert place.update().after == kept.digest_of(ONE)


@pytest.mark.parametrize(
    "more",
    [
        {"bootstrap": None},
        {"url": "http://tuf.example"},
        {"url": "https://user@tuf.example"},
        {"url": "ftp://tuf.example"},
        {"url": "https://tuf.example/?a"},
        {"url": "file:///etc"},
        {"url": None},
    ],
)
def test_what_is_not_asked_at_all(place: Place, more: dict[str, Any]) -> None:
    assert place.refused(**more).code == "SM2205"
    assert place.repository.asked == []


def test_the_beginning_of_trust_cannot_be_exchanged(place: Place) -> None:
    place.update()
    assert place.refused(bootstrap=Repository(ONE).first).code == "SM2205"


def test_the_public_one_begins_with_what_ships() -> None:
    assert b'"_type": "root"' in public.bootstrap() or b'"_type":"root"' in public.bootstrap()
