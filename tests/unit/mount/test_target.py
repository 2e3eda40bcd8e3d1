from __future__ import annotations

import os
from pathlib import Path

import pytest

from secmount.errors import MountError
from secmount.mount.target import Target, prepare, remove_created


def refused(path: str | Path, store: Path | None = None) -> str:
    with pytest.raises(MountError) as caught, prepare(str(path), store=None if store is None else str(store)):
        pass
    return caught.value.code


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with prepare(str(tmp_path / "d")) as target:
        assert (target.path, target.name, target.created) == (str(tmp_path / "d"), "d", False)
        assert os.path.samestat(os.fstat(target.directory), os.stat(tmp_path / "d"))
        assert os.path.samestat(os.fstat(target.parent), os.stat(tmp_path))
    assert (tmp_path / "d").is_dir()


@pytest.mark.parametrize("spelling", ["d", "./d", "d/", "d//", "e/../d", "d/."])
def test_spellings_of_one_directory_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "e").mkdir()
    monkeypatch.chdir(tmp_path)
    with prepare(spelling) as target:
        assert (target.path, target.name) == (str(tmp_path / "d"), "d")


def test_the_current_directory_is_known_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with prepare(".") as target:
        assert target.name == tmp_path.name


def test_a_missing_directory_is_made(tmp_path: Path) -> None:
    with prepare(str(tmp_path / "new")) as target:
        assert target.created
    assert (tmp_path / "new").is_dir()
    remove_created(str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_directory_that_was_made_goes_again_when_the_mount_fails(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    with pytest.raises(failure), prepare(str(tmp_path / "new")):
        raise failure
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_was_there_stays_when_the_mount_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), prepare(str(tmp_path)):
        raise RuntimeError
    assert tmp_path.is_dir()


def test_a_directory_in_use_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "theirs").touch()
    remove_created(str(tmp_path / "d"))
    remove_created(str(tmp_path / "gone"))
    assert (tmp_path / "d" / "theirs").exists()


def test_a_missing_parent_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "no" / "d") == "SM6010"
    (tmp_path / "f").touch()
    assert refused(tmp_path / "f" / "d") == "SM6010"


@pytest.mark.parametrize("ending", ["", "/", "//"])
def test_a_link_is_not_followed(tmp_path: Path, ending: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert refused(f"{tmp_path}/link{ending}") == "SM6012"


def test_a_link_to_nothing_is_not_made_real(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("new")
    assert refused(tmp_path / "link") == "SM6012"
    assert not (tmp_path / "new").exists()


def test_a_link_on_the_way_is_resolved_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with prepare(str(tmp_path / "link" / "d")) as target:
        assert target.path == str(tmp_path / "real" / "d")


def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    os.mkfifo(tmp_path / "p")
    assert refused(tmp_path / "f") == refused(tmp_path / "p") == "SM6011"


def test_a_directory_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".hidden").touch()
    assert refused(tmp_path) == "SM6013"


@pytest.mark.parametrize("path", ["/proc", "/"])
def test_a_mount_point_is_refused(path: str) -> None:
    assert refused(path) == "SM6014"


def test_a_directory_in_the_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store" / "derived").mkdir(parents=True)
    (tmp_path / "link").symlink_to("store")
    for path in ("store/derived", "store/new", "link/derived/new"):
        assert refused(tmp_path / path, tmp_path / "store") == "SM6015"
    assert sorted(os.listdir(tmp_path / "store")) == ["derived"]
    assert not list((tmp_path / "store" / "derived").iterdir())
    with prepare(str(tmp_path / "beside"), store=str(tmp_path / "store")) as target:
        assert target.created


def test_the_store_itself_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, tmp_path) == "SM6015"


@pytest.mark.parametrize("path", ["a\0b", "n" * 300])
def test_what_the_system_refuses_is_an_error_with_its_reason(tmp_path: Path, path: str) -> None:
    assert refused(f"{tmp_path}/{path}") == "SM6016"


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = count()
    with prepare(str(tmp_path / "new"), store="/nowhere") as target:
        assert isinstance(target, Target)
    refused(tmp_path / "no" / "d")
    refused("/proc")
    assert count() == before


def test_an_exchange_after_the_check_does_not_reach_the_exchanged(tmp_path: Path) -> None:
    """What is mounted on is the directory that was looked at, whatever its name leads to now."""
    (tmp_path / "d").mkdir()
    with prepare(str(tmp_path / "d")) as target:
        seen = os.fstat(target.directory)
        (tmp_path / "d").rename(tmp_path / "moved")
        (tmp_path / "d").symlink_to("/etc")
        assert os.path.samestat(os.fstat(target.directory), seen)
        assert os.path.samestat(seen, os.stat(tmp_path / "moved"))
