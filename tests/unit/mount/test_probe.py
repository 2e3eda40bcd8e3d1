"""What the probe concludes and remembers, with a kernel that says what the test wants."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from secmount.errors import MountError, StorageError
from secmount.mount import linux, probe
from secmount.mount.backend import Options
from secmount.mount.erofs import ErofsBackend
from secmount.mount.target import prepare
from tests.support.blobs import Folder
from tests.support.trees import folder, tree


class Kernel:
    """Answers `fsopen` and the test mount; counts the test mounts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reading: probe.Reading | None = "fails"
        self.failure: OSError | None = None
        self.refusal: int | None = None
        self.asked = 0
        monkeypatch.setattr(linux, "open_context", self.open_context)
        monkeypatch.setattr(probe, "attempt", self.attempt)

    def open_context(self, fstype: str) -> int:
        if self.refusal is not None:
            raise linux.KernelError(self.refusal, "fsopen")
        return os.open(f"/proc/self/{'fd' if fstype == 'erofs' else fstype}", os.O_PATH)

    def attempt(self, directories: tuple[str, ...]) -> probe.Reading | None:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return self.reading


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(monkeypatch)


@pytest.fixture
def state(tmp_path: Path) -> str:
    tmp_path.chmod(0o700)
    return str(tmp_path)


def ask(state: str | None) -> str | None:
    return probe.reason(state=state, directories=("/somewhere",))


def test_a_mended_kernel_is_asked_once(kernel: Kernel, state: str) -> None:
    assert ask(state) is None
    assert ask(state) is None
    assert kernel.asked == 1


def test_a_kernel_that_reads_zeros_is_refused_every_time(kernel: Kernel, state: str) -> None:
    kernel.reading = "zeros"
    assert ask(state) == ask(state) == probe.ZEROS
    assert kernel.asked == 1


def test_without_a_state_directory_the_kernel_is_asked_each_time(kernel: Kernel) -> None:
    assert ask(None) is ask(None) is None
    assert kernel.asked == 2


@pytest.mark.parametrize("what", ["boot", "release"])
def test_an_answer_holds_for_one_boot_of_one_kernel(
    kernel: Kernel, state: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    ask(state)
    if what == "boot":
        (tmp_path / "boot").write_text("00000000-0000-4000-8000-000000000000\n")
        monkeypatch.setattr(probe, "_BOOT", str(tmp_path / "boot"))
    else:
        monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "n", "6.12.1", "v", "m")))
    kernel.reading = "zeros"
    assert ask(state) == probe.ZEROS
    assert kernel.asked == 2


@pytest.mark.parametrize("data", [b"", b"fails", b"x" * 1000, b"\xff\n"])
def test_what_it_did_not_write_is_not_believed(kernel: Kernel, state: str, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "erofs-probe").write_bytes(data)
    assert ask(state) is None
    assert kernel.asked == 1


def test_a_link_in_its_place_is_not_read(kernel: Kernel, state: str, tmp_path: Path) -> None:
    (tmp_path / "erofs-probe").symlink_to("elsewhere")
    assert ask(state) is None
    assert kernel.asked == 1
    assert not (tmp_path / "erofs-probe").is_symlink()


def test_a_state_directory_that_others_may_write_is_not_believed(kernel: Kernel, state: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(StorageError):
        ask(state)


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EPERM, "CAP_SYS_ADMIN"), (errno.ENODEV, "no erofs"), (errno.ENOSYS, "mount API"), (errno.EIO, "EIO")],
)
def test_a_kernel_that_will_not_is_explained_and_not_remembered(
    kernel: Kernel, state: str, tmp_path: Path, number: int, words: str
) -> None:
    kernel.refusal = number
    assert words in (ask(state) or "")
    kernel.refusal, kernel.failure = None, linux.KernelError(number, "fsconfig", ("e erofs: no",))
    assert words in (ask(state) or "")
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_a_file_system_for_images_is_explained(kernel: Kernel, state: str, tmp_path: Path) -> None:
    kernel.reading = None
    assert "/somewhere" in (ask(state) or "")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_mounted_where_the_probe_fails_even_if_nobody_chose(
    kernel: Kernel, state: str, tmp_path: Path
) -> None:
    kernel.reading = "zeros"
    store = Folder(tmp_path)
    backend = ErofsBackend(store, state, ())
    with pytest.raises(MountError) as caught, prepare(str(tmp_path / "t")) as target:
        backend.mount(tree(folder({})), target, Options("x"), store.open)
    assert (caught.value.code, caught.value.got) == ("SM6003", probe.ZEROS)
    assert not (tmp_path / "t").exists()


def test_the_error_of_the_kernel_says_call_number_and_log() -> None:
    error = linux.KernelError(errno.EINVAL, "fsconfig", ("e erofs: Bad value for 'device'",))
    assert str(error) == "fsconfig: EINVAL (Invalid argument); e erofs: Bad value for 'device'"
