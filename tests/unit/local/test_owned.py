"""Nothing that someone else controls is believed: each way to control a path, tried."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from secmount.errors import StorageError
from secmount.local import owned

ME = os.getuid()
STRANGER = 4242  # a uid that owns nothing here


def check(path: Path, uid: int = ME) -> None:
    owned.check_owned(str(path), uid=uid, what="policy folder")


def refusal(code: str, path: Path, uid: int = ME) -> StorageError:
    with pytest.raises(StorageError) as caught:
        check(path, uid)
    assert caught.value.code == code
    return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the caller's, three levels down."""
    path = tmp_path / "a" / "b" / "c"
    path.mkdir(parents=True)
    for level in (path, path.parent, path.parent.parent):
        level.chmod(0o755)
    return path


def give_away(path: Path) -> int:
    """Make `path` somebody else's in the eyes of the uid that is given back."""
    if ME == 0:
        os.chown(path, STRANGER, -1, follow_symlinks=False)
        return 0
    return STRANGER


def test_own_folder_and_the_systems_own_are_believed(folder: Path) -> None:
    check(folder)
    check(Path("/"))
    check(Path("/etc/passwd"))


def test_relative_path_starts_at_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    check(Path("c"))
    folder.parent.chmod(0o777)
    assert refusal("SM7011", Path("c")).subject == f"policy folder {folder.parent}"


def test_absolute_path_needs_no_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    check(folder)
    refusal("SM7004", Path("c"))


def test_owner_of_the_thing_must_be_root_or_the_caller(folder: Path) -> None:
    error = refusal("SM7010", folder, give_away(folder))
    assert error.got is not None
    assert error.got.startswith("owned by uid ")


def test_owner_of_an_ancestor_must_be_root_or_the_caller(folder: Path) -> None:
    refusal("SM7010", folder, give_away(folder.parent))


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o772, 0o770, 0o702, 0o777, 0o1777, 0o2775, 0o3777])
def test_thing_that_others_may_write_to_is_refused(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    error = refusal("SM7011", folder)
    assert error.help == (f"chmod go-w {folder}",)


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_ancestor_that_others_may_write_to_is_refused_by_name(folder: Path, mode: int) -> None:
    folder.parent.chmod(mode)
    assert refusal("SM7011", folder).subject == f"policy folder {folder.parent}"


def test_file_that_its_group_may_write_to_is_refused(folder: Path) -> None:
    file = folder / "policy.toml"
    file.write_text("version = 1\n")
    file.chmod(0o664)
    refusal("SM7011", file)
    file.chmod(0o644)
    check(file)


def test_sticky_ancestor_is_believed_only_if_it_is_roots(folder: Path) -> None:
    folder.parent.chmod(0o1777)
    if ME == 0:
        check(folder)
        os.chown(folder.parent, STRANGER, -1)
        refusal("SM7010", folder)
    else:
        refusal("SM7011", folder)


def test_sticky_directory_does_not_make_what_is_in_it_ones_own(folder: Path) -> None:
    folder.parent.chmod(0o1777)
    uid = give_away(folder)
    with pytest.raises(StorageError):
        check(folder, uid)


def test_hard_link_in_a_sticky_directory_is_refused(folder: Path) -> None:
    folder.parent.chmod(0o1777)
    file = folder.parent / "policy.toml"
    file.write_text("")
    file.chmod(0o644)
    (folder / "real").hardlink_to(file)
    with pytest.raises(StorageError):
        check(file)


def test_link_on_the_way_is_followed_and_its_target_judged(folder: Path) -> None:
    link = folder.parent.parent / "link"
    link.symlink_to(folder.parent)
    check(link / "c")
    folder.parent.chmod(0o777)
    assert refusal("SM7011", link / "c").subject == f"policy folder {folder.parent}"


@pytest.mark.parametrize("target", ["b/c", "./b/../b/c", "b/c/.", "../a/b/c"])
def test_relative_links_lead_where_the_kernel_leads(folder: Path, target: str) -> None:
    link = folder.parent.parent / "link"
    link.symlink_to(target)
    check(link)
    folder.chmod(0o777)
    refusal("SM7011", link)


@pytest.mark.parametrize("target", [".", "..", "/"])
def test_link_to_the_directory_itself_does_not_end_the_checks(folder: Path, target: str) -> None:
    link = folder / "link"
    link.symlink_to(target)
    check(link)
    folder.chmod(0o777)
    refusal("SM7011", link)


def test_link_of_someone_elses_is_not_followed(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)
    if ME != 0:
        pytest.skip("giving a link away needs root")
    os.lchown(link, STRANGER, -1)
    refusal("SM7012", link)
    refusal("SM7012", link / "x")


def test_link_in_a_directory_of_everyones_is_not_followed(folder: Path) -> None:
    folder.parent.chmod(0o1777)
    (folder.parent / "link").symlink_to(folder)
    with pytest.raises(StorageError) as caught:
        check(folder.parent / "link")
    assert caught.value.code == ("SM7012" if ME == 0 else "SM7011")


def test_links_are_not_followed_for_ever(folder: Path) -> None:
    (folder / "x").symlink_to("y")
    (folder / "y").symlink_to("x")
    refusal("SM7012", folder / "x")


def test_dot_dot_after_a_link_is_the_real_parent(folder: Path) -> None:
    elsewhere = folder.parent.parent / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (elsewhere / "link").symlink_to(folder)
    folder.parent.chmod(0o777)
    assert refusal("SM7011", elsewhere / "link" / ".." / "c").subject == f"policy folder {folder.parent}"


@pytest.mark.parametrize("opener", [owned.open_directory, owned.make_directory, owned.open_file])
def test_last_link_is_not_followed_by_an_opener(folder: Path, opener: Callable[..., int]) -> None:
    (folder / "real").mkdir()
    (folder / "link").symlink_to("real")
    with pytest.raises(StorageError) as caught:
        opener(str(folder / "link"), uid=ME, what="store")
    assert caught.value.code == "SM7012"
    assert "real" in str(caught.value.got)


def test_open_directory_gives_the_checked_one(folder: Path) -> None:
    handle = owned.open_directory(str(folder), uid=ME, what="store")
    try:
        assert os.path.samestat(os.fstat(handle), folder.stat())
        assert not os.get_inheritable(handle)
    finally:
        os.close(handle)


def test_directory_exchanged_between_check_and_opening_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def exchange(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "c" and flags & os.O_DIRECTORY and not flags & os.O_PATH:
            folder.rename(folder.parent / "old")
            folder.mkdir()
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", exchange)
    with pytest.raises(StorageError) as caught:
        owned.open_directory(str(folder), uid=ME, what="store")
    assert caught.value.code == "SM7010"


def test_open_file_takes_regular_files_only(folder: Path) -> None:
    (folder / "file").write_bytes(b"x")
    os.mkfifo(folder / "pipe", 0o600)
    handle = owned.open_file(str(folder / "file"), uid=ME, what="key")
    try:
        assert os.read(handle, 9) == b"x"
    finally:
        os.close(handle)
    for name in ("pipe", "."):
        with pytest.raises(StorageError) as caught:
            owned.open_file(str(folder / name), uid=ME, what="key")
        assert caught.value.code == "SM7013"


def test_make_directory_makes_what_is_missing_for_the_owner_alone(folder: Path) -> None:
    os.close(owned.make_directory(str(folder / "x" / "y"), uid=ME, what="store"))
    assert (folder / "x").stat().st_mode & 0o777 == 0o700
    assert (folder / "x" / "y").stat().st_mode & 0o777 == 0o700
    os.close(owned.make_directory(str(folder / "x" / "y"), uid=ME, what="store"))


def test_make_directory_makes_nothing_below_what_is_refused(folder: Path) -> None:
    folder.chmod(0o777)
    with pytest.raises(StorageError) as caught:
        owned.make_directory(str(folder / "x"), uid=ME, what="store")
    assert caught.value.code == "SM7011"
    assert not (folder / "x").exists()


def test_what_is_not_there_and_what_is_no_directory_have_their_codes(folder: Path) -> None:
    (folder / "file").write_bytes(b"")
    refusal("SM7004", folder / "missing")
    refusal("SM7013", folder / "file" / "x")
    for path in ("", "a\0b"):
        with pytest.raises(StorageError) as caught:
            owned.check_owned(path, uid=ME, what="store")
        assert caught.value.code == "SM7013"


def test_no_descriptor_is_left_open(folder: Path) -> None:
    (folder / "link").symlink_to("/etc")
    before = len(os.listdir("/proc/self/fd"))
    check(folder)
    refusal("SM7004", folder / "link" / "missing")
    refusal("SM7004", folder / "missing")
    with pytest.raises(StorageError):
        owned.open_directory(str(folder / "link"), uid=ME, what="store")
    assert len(os.listdir("/proc/self/fd")) == before
