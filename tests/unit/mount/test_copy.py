"""The copy backend: what it writes, that it checks it, and that it takes back exactly what it wrote."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from secmount.errors import ContentError, MountError, StorageError
from secmount.local.files import lock
from secmount.mount import linux
from secmount.mount.backend import Mounted, Opener, Options
from secmount.mount.copied.record import Entry, Record
from secmount.mount.copied.writing import Copier
from secmount.mount.copy import CopyBackend
from secmount.mount.target import prepare
from secmount.oci.digest import Digest
from secmount.tree.node import Directory, Extent, File, Tree
from tests.support.blobs import BytesBlob, Folder
from tests.support.trees import MTIME, Pack, file, folder, link, tree, whole

BIG = b"0123456789abcdef" * 70_000 + b"end"
STAGING = ".secmount-copying"
OWNER = Options("x", uid=os.geteuid(), gid=os.getegid())


@pytest.fixture
def store(tmp_path: Path) -> Folder:
    path = tmp_path / "store"
    path.mkdir()
    return Folder(path)


@pytest.fixture
def backend(tmp_path: Path) -> CopyBackend:
    tmp_path.chmod(0o700)
    return CopyBackend(str(tmp_path / "state" / "copies"))


def sample(store: Folder) -> Tree:
    pack, one = Pack(), whole(b"config")
    offset, _ = pack.add(b"member" * 300)
    name = store.add(bytes(pack.data))
    store.add(b"config")
    store.add(BIG)
    member = file(name, offset, b"member" * 300, mtime=-1, executable=True)
    inner = folder({"deep": folder({"member": member, "hard": one}), "caf\udce9": link("../config")}, mtime=MTIME + 7)
    empty = File(Extent(Digest.of(b""), 0, 0), Digest.of(b""), executable=False, mtime=MTIME, layer=0)
    return tree(folder({"config": one, "big": whole(BIG), "empty": empty, "dir": inner, "link": link("/etc/passwd")}))


def put(backend: CopyBackend, value: Tree, path: Path, opener: Opener, options: Options = OWNER) -> Mounted:
    with prepare(str(path)) as target:
        return backend.mount(value, target, options, opener)


def everything(path: Path) -> set[str]:
    return {str(found.relative_to(path)) for found in path.rglob("*")}


def test_the_files_are_those_of_the_tree(backend: CopyBackend, store: Folder, tmp_path: Path) -> None:
    mounted = put(backend, sample(store), tmp_path / "t", store.open)
    top = tmp_path / "t"
    assert (mounted.backend, mounted.options, mounted.enforced, mounted.created) == ("copy", (), (), True)
    assert everything(top) == {
        "config", "big", "empty", "dir", "dir/deep", "dir/deep/member", "dir/deep/hard", "dir/caf\udce9", "link",
    }  # fmt: skip
    assert (top / "big").read_bytes() == BIG
    assert (top / "dir/deep/member").read_bytes() == b"member" * 300
    assert os.readlink(top / "link") == "/etc/passwd"
    assert (top / "config").samefile(top / "dir/deep/hard")
    modes = {
        name: stat.S_IMODE((top / name).lstat().st_mode) for name in ("config", "dir/deep/member", "dir", "dir/deep")
    }
    assert modes == {"config": 0o444, "dir/deep/member": 0o555, "dir": 0o555, "dir/deep": 0o555}
    times = {name: (top / name).lstat().st_mtime_ns for name in ("config", "dir/deep/member", "dir", "link")}
    assert times == {"config": MTIME, "dir/deep/member": -1, "dir": MTIME + 7, "link": MTIME}


def test_unmount_leaves_nothing(backend: CopyBackend, store: Folder, tmp_path: Path) -> None:
    mounted = put(backend, sample(store), tmp_path / "t", store.open)
    assert backend.unmount(mounted, lazy=False) == ()
    assert not (tmp_path / "t").exists()
    assert os.listdir(tmp_path / "state" / "copies") == []


def test_a_directory_that_was_there_stays_empty(backend: CopyBackend, store: Folder, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    backend.unmount(put(backend, sample(store), tmp_path / "t", store.open), lazy=True)
    assert list((tmp_path / "t").iterdir()) == []


def test_files_that_are_not_ours_stay_and_are_named(backend: CopyBackend, store: Folder, tmp_path: Path) -> None:
    mounted = put(backend, sample(store), tmp_path / "t", store.open)
    top = tmp_path / "t"
    for directory in ("dir", "dir/deep"):
        (top / directory).chmod(0o755)
    (top / "dir/deep/notes").write_text("theirs")  # appeared
    (top / "big").unlink()
    (top / "big").write_bytes(BIG)  # another inode
    (top / "empty").chmod(0o644)
    (top / "empty").write_text("changed")
    (top / "link").unlink()
    (top / "link").symlink_to("/etc/passwd-")
    assert backend.unmount(mounted, lazy=False) == ("big", "dir/deep/notes", "empty", "link")
    assert everything(top) == {"big", "dir", "dir/deep", "dir/deep/notes", "empty", "link"}
    assert (top / "dir/deep/notes").read_text() == "theirs"
    with pytest.raises(MountError) as caught:
        backend.unmount(mounted, lazy=False)
    assert caught.value.code == "SM6030"


def test_a_directory_exchanged_for_a_link_is_not_entered(backend: CopyBackend, store: Folder, tmp_path: Path) -> None:
    mounted = put(backend, sample(store), tmp_path / "t", store.open)
    (tmp_path / "t" / "dir").chmod(0o755)  # or an ordinary user could not move it
    (tmp_path / "t" / "dir").rename(tmp_path / "elsewhere")
    (tmp_path / "t" / "dir").symlink_to(tmp_path / "elsewhere")
    assert backend.unmount(mounted, lazy=False) == ("dir",)
    assert (tmp_path / "elsewhere" / "deep" / "member").exists()


def test_a_directory_exchanged_for_another_is_not_entered(backend: CopyBackend, store: Folder, tmp_path: Path) -> None:
    mounted = put(backend, sample(store), tmp_path / "t", store.open)
    (tmp_path / "t" / "dir").chmod(0o755)  # or an ordinary user could not move it
    (tmp_path / "t" / "dir").rename(tmp_path / "elsewhere")
    (tmp_path / "t" / "dir" / "deep").mkdir(parents=True)
    os.link(tmp_path / "elsewhere" / "deep" / "member", tmp_path / "t" / "dir" / "deep" / "member")
    assert backend.unmount(mounted, lazy=False) == ("dir",)
    assert (tmp_path / "t" / "dir" / "deep" / "member").exists()


def wrong(value: Tree) -> Tree:
    """The same tree, but a file's digest is of other bytes."""
    entries = dict(value.root.entries)
    entries["zz"] = File(Extent(Digest.of(b"config"), 0, 6), Digest.of(b"other"), executable=False, mtime=0, layer=0)
    return tree(folder(entries))


def test_a_file_that_is_not_what_the_tree_says_undoes_everything(
    backend: CopyBackend, store: Folder, tmp_path: Path
) -> None:
    with pytest.raises(ContentError) as caught:
        put(backend, wrong(sample(store)), tmp_path / "t", store.open)
    assert (caught.value.code, caught.value.subject) == ("SM5001", "zz")
    assert not (tmp_path / "t").exists()
    assert os.listdir(tmp_path / "state" / "copies") == []


def test_nothing_has_its_name_before_everything_is_verified(
    backend: CopyBackend, store: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []
    finish = Copier._finish

    def spy(self: Copier, handle: int, mtime: int, mode: int) -> None:
        seen.append({name for name in os.listdir(tmp_path / "t")})
        finish(self, handle, mtime, mode)

    monkeypatch.setattr(Copier, "_finish", spy)
    put(backend, sample(store), tmp_path / "t", store.open)
    assert seen
    assert all(names == {STAGING} for names in seen)


def test_a_tree_may_hold_the_staging_name(backend: CopyBackend, store: Folder, tmp_path: Path) -> None:
    store.add(b"x")
    value = tree(folder({".secmount-copying": whole(b"x"), ".secmount-copying~": folder({})}))
    mounted = put(backend, value, tmp_path / "t", store.open)
    assert everything(tmp_path / "t") == {".secmount-copying", ".secmount-copying~"}
    assert backend.unmount(mounted, lazy=False) == ()


def failing(number: int) -> Callable[..., int]:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_help_of_the_kernel_it_copies_itself(
    backend: CopyBackend, store: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "copy_file_range", failing(number))
    put(backend, sample(store), tmp_path / "t", store.open)
    assert (tmp_path / "t" / "big").read_bytes() == BIG


def test_a_blob_without_a_file_behind_it_is_copied(backend: CopyBackend, tmp_path: Path) -> None:
    put(backend, tree(folder({"f": whole(BIG)})), tmp_path / "t", lambda _: BytesBlob.of(BIG))
    assert (tmp_path / "t" / "f").read_bytes() == BIG


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "SM6041"), (errno.EDQUOT, "SM6041"), (errno.EIO, "SM6040")]
)
def test_a_full_disk_undoes_everything(
    backend: CopyBackend, store: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    monkeypatch.setattr(os, "copy_file_range", failing(number))
    (tmp_path / "t").mkdir()
    with pytest.raises(MountError) as caught:
        put(backend, sample(store), tmp_path / "t", store.open)
    assert caught.value.code == code
    assert list((tmp_path / "t").iterdir()) == []


def test_a_blob_that_ends_early_is_refused(backend: CopyBackend, tmp_path: Path) -> None:
    with pytest.raises(MountError) as caught:
        put(backend, tree(folder({"f": whole(BIG)})), tmp_path / "t", lambda digest: BytesBlob(digest, BIG[:-1]))
    assert caught.value.code == "SM6022"


@pytest.mark.parametrize("step", ["sync_filesystem", "rename_new"])
def test_an_interrupt_undoes_everything(
    backend: CopyBackend, store: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    calls: list[object] = []
    real = getattr(linux, step)

    def interrupted(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == (3 if step == "rename_new" else 1):
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(linux, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        put(backend, sample(store), tmp_path / "t", store.open)
    assert not (tmp_path / "t").exists()


def killed(monkeypatch: pytest.MonkeyPatch, backend: CopyBackend, store: Folder, path: Path, step: str) -> Mounted:
    """Stop in the middle as if the process had been killed: nothing of it cleans up."""
    calls: list[object] = []
    real = getattr(linux, step)

    def stop(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == (3 if step == "rename_new" else 1):
            raise SystemExit
        real(*arguments)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(linux, step, stop)
        patch.setattr(CopyBackend, "_take_back", lambda *_: None)
        put(backend, sample(store), path, store.open)
    return Mounted(str(path), "copy", (), (), None, None, Digest.of(b""), created=True)


@pytest.mark.parametrize("step", ["sync_filesystem", "rename_new"])
def test_what_a_killed_process_left_can_be_taken_away(
    backend: CopyBackend, store: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    mounted = killed(monkeypatch, backend, store, tmp_path / "t", step)
    assert everything(tmp_path / "t")
    assert backend.unmount(mounted, lazy=False) == ()
    assert not (tmp_path / "t").exists()


def test_a_foreign_file_in_the_staging_directory_stays(
    backend: CopyBackend, store: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = killed(monkeypatch, backend, store, tmp_path / "t", "sync_filesystem")
    (tmp_path / "t" / ".secmount-copying" / "theirs").touch()
    assert ".secmount-copying/theirs" in backend.unmount(mounted, lazy=False)
    assert (tmp_path / "t" / ".secmount-copying" / "theirs").exists()


def unable(*_: object) -> None:
    """A file system that knows no RENAME_NOREPLACE."""
    raise linux.KernelError(errno.EINVAL, "renameat2")


@pytest.mark.parametrize("promised", [True, False])
def test_a_name_that_appears_meanwhile_is_not_replaced(
    backend: CopyBackend, store: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promised: bool
) -> None:
    real = linux.sync_filesystem

    def appear(handle: int) -> None:
        (tmp_path / "t" / "link").write_text("theirs")
        real(handle)

    monkeypatch.setattr(linux, "sync_filesystem", appear)
    if not promised:
        monkeypatch.setattr(linux, "rename_new", unable)
    (tmp_path / "t").mkdir()
    with pytest.raises(MountError) as caught:
        put(backend, sample(store), tmp_path / "t", store.open)
    assert caught.value.code == "SM6040"
    assert everything(tmp_path / "t") == {"link"}


def test_a_file_system_that_cannot_promise_it_gets_a_copy(
    backend: CopyBackend, store: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linux, "rename_new", unable)
    put(backend, sample(store), tmp_path / "t", store.open)
    assert (tmp_path / "t" / "big").read_bytes() == BIG


def test_a_staging_directory_of_someone_else_is_not_written_to(
    backend: CopyBackend, store: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns the target could put a directory of theirs in the place of ours between mkdir and open."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1 if (tmp_path / "t" / STAGING).exists() else os.getuid())
    with pytest.raises(MountError) as caught:
        put(backend, sample(store), tmp_path / "t", store.open)
    assert (caught.value.code, caught.value.got) == ("SM6040", "EPERM (Operation not permitted)")


def test_a_file_that_is_there_already_is_not_written_into(store: Folder, tmp_path: Path) -> None:
    store.add(b"config")
    (tmp_path / "victim").write_bytes(b"victim")
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "f").hardlink_to(tmp_path / "victim")
    handle = os.open(tmp_path / "s", os.O_RDONLY)
    copier = Copier(handle, OWNER, store.open)
    try:
        with pytest.raises(FileExistsError):
            copier.directory(folder({"f": whole(b"config")}), handle, "")
    finally:
        copier.close()
        os.close(handle)
    assert (tmp_path / "victim").read_bytes() == b"victim"


def test_two_copies_into_one_directory_do_not_mix(backend: CopyBackend, store: Folder, tmp_path: Path) -> None:
    value = sample(store)
    with prepare(str(tmp_path / "t")) as target:
        backend.mount(value, target, OWNER, store.open)
        with pytest.raises(MountError) as caught:
            backend.mount(value, target, OWNER, store.open)
    assert caught.value.code == "SM6013"
    assert (tmp_path / "t" / "big").read_bytes() == BIG


def test_a_copy_under_way_is_not_disturbed(backend: CopyBackend, store: Folder, tmp_path: Path) -> None:
    mounted = put(backend, sample(store), tmp_path / "t", store.open)
    handle = os.open(tmp_path / "state" / "copies", os.O_RDONLY)
    try:
        name = f"{Digest.of(os.fsencode(mounted.target)).hex}.lock"
        with lock(handle, name, exclusive=True, wait=0), pytest.raises(StorageError) as caught:
            backend.unmount(mounted, lazy=False)
    finally:
        os.close(handle)
    assert caught.value.code == "SM7006"


def test_a_damaged_record_removes_nothing(backend: CopyBackend, store: Folder, tmp_path: Path) -> None:
    mounted = put(backend, sample(store), tmp_path / "t", store.open)
    (record,) = (tmp_path / "state" / "copies").iterdir()
    record.write_bytes(record.read_bytes()[:-30])
    before = everything(tmp_path / "t")
    with pytest.raises(MountError) as caught:
        backend.unmount(mounted, lazy=False)
    assert caught.value.code == "SM6042"
    assert everything(tmp_path / "t") == before


def test_records_are_refused_where_others_could_write_them(backend: CopyBackend, store: Folder, tmp_path: Path) -> None:
    (tmp_path / "state" / "copies").mkdir(parents=True)
    (tmp_path / "state" / "copies").chmod(0o777)
    with pytest.raises(StorageError):
        put(backend, sample(store), tmp_path / "t", store.open)


@pytest.mark.parametrize(
    "data", [b"", b"secmount copy 2\0finished\0s", b"secmount copy 1\0done\0s", b"secmount copy 1\0begun\0s\0f 1 2 3"]
)
def test_what_is_no_record_is_not_read(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"record|unpack"):
        Record.parse(data)


def test_a_record_is_read_as_it_was_written() -> None:
    record = Record(".s", finished=True, entries=(Entry("d", "a b"), Entry("f", "a b/\udcff\n", 1 << 63, 5, -7)))
    assert Record.parse(record.to_bytes()) == record


def test_an_empty_tree_is_copied(backend: CopyBackend, tmp_path: Path, store: Folder) -> None:
    value = tree(Directory({}, 0, 0))
    assert backend.unmount(put(backend, value, tmp_path / "t", store.open), lazy=False) == ()
