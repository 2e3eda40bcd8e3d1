"""Whether EROFS images over files can be mounted here, and whether this kernel reads them safely.

Kernels without upstream eade54040384 (Linux 7.0, stable 6.12.y and 6.18.y of April 2026) answer a short read of a
backing file with zeros and keep them: a process killed during a read leaves pages of zeros in a verified file. Asked by
mounting a file whose blob is shorter than the image says: EIO is the mended kernel, zeros are the other.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Literal

from secmount.errors import StorageError
from secmount.local.files import read_if_any, write_atomic
from secmount.local.owned import open_directory
from secmount.mount import detached, linux, scratch
from secmount.mount.image import layout
from secmount.mount.image.emission import emit
from secmount.mount.image.graph import collect
from secmount.mount.linux import Attribute
from secmount.oci.digest import Digest
from secmount.tree.node import Directory, Extent, File, Tree
from secmount.value import dataclass

Reading = Literal["fails", "zeros"]  # what a short read of a blob becomes

ZEROS = (
    "this kernel gives zeros for data that it could not read (it lacks upstream fix eade54040384, Linux 7.0, 6.18.y)"
)
_NAME, _LIMIT = "erofs-probe", 256  # file in the state directory, its largest size in bytes
_BOOT = "/proc/sys/kernel/random/boot_id"
_SHORT = 100  # bytes of the probe's blob; the image says 512


def reason(*, state: str | None, directories: Sequence[str]) -> str | None:
    """Say why EROFS is not to be had, or None. `directories`: where the probe's image can lie.

    The kernel's answer is kept in the directory `state`, for this boot and this kernel.
    """
    try:
        os.close(linux.open_context("erofs"))
    except linux.KernelError as err:
        return _explain(err)
    reading = _remembered(state)
    if reading is None:
        try:
            reading = attempt(directories)
        except OSError as err:
            return _explain(err)
        if reading is None:
            return f"no file system for images among {', '.join(directories)} (tmpfs and overlayfs are none)"
        _remember(state, reading)
    return ZEROS if reading == "zeros" else None


def attempt(directories: Sequence[str]) -> Reading | None:
    """Ask the kernel; None where no directory can hold an image. Raise `OSError` if it cannot be asked."""
    image = b"".join(_image())
    with ExitStack() as stack:
        device = os.memfd_create("secmount-probe", os.MFD_CLOEXEC)
        stack.callback(os.close, device)
        os.write(device, b"x" * _SHORT)
        files = scratch.unnamed(directories, [image])
        stack.callback(files.close)
        for handle in files:
            try:
                root = detached.mount(handle, [device], "secmount-probe", Attribute.RDONLY | Attribute.NOEXEC)
            except linux.KernelError as err:
                if err.errno == errno.ENOTBLK:
                    continue
                raise
            stack.callback(os.close, root)
            return _read(root)
    return None


def _read(root: int) -> Reading:
    file = os.open("probe", os.O_RDONLY | os.O_CLOEXEC, dir_fd=root)
    try:
        os.read(file, layout.BLOCK)
    except OSError as err:
        if err.errno != errno.EIO:
            raise
        return "fails"
    finally:
        os.close(file)
    return "zeros"


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A blob that is a block long as far as the image knows."""

    digest: Digest
    size: int = layout.BLOCK
    complete: bool = True

    def pread(self, length: int, offset: int) -> bytes:
        return bytes(max(0, min(length, self.size - offset)))

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        return None


def _image() -> list[bytes]:
    digest = Digest.of(b"")
    file = File(Extent(digest, 0, layout.BLOCK), digest, executable=False, mtime=0, layer=0)
    root = Directory({"probe": file}, 0, 0)
    tree = Tree(root, digest, 1, layout.BLOCK, (), (), (digest,))
    return list(emit(layout.plan(tree, collect(root), {digest: _Claimed(digest)}, layout.Owner())))


def _remembered(state: str | None) -> Reading | None:
    if state is None:
        return None
    handle = open_directory(state, uid=os.geteuid(), what="state directory")
    try:
        text = read_if_any(handle, _NAME, _LIMIT)
    except StorageError as err:
        if err.code in ("SM7012", "SM7013", "SM7014"):  # not what was written here; it is written anew
            return None
        raise
    finally:
        os.close(handle)
    for reading in ("fails", "zeros"):
        if text == _line(reading):
            return reading
    return None


def _remember(state: str | None, reading: Reading) -> None:
    if state is None:
        return
    handle = open_directory(state, uid=os.geteuid(), what="state directory")
    try:
        write_atomic(handle, _NAME, _line(reading), mode=0o600)
    finally:
        os.close(handle)


def _line(reading: Reading) -> bytes:
    """Bind the answer to this boot and this kernel."""
    with open(_BOOT, encoding="ascii") as file:
        boot = file.read().strip()
    return f"{boot} {os.uname().release} {reading}\n".encode()


def _explain(err: OSError) -> str:
    known = {
        errno.EPERM: "mounting needs CAP_SYS_ADMIN in the first user namespace: run it as root",
        errno.ENODEV: "the kernel has no erofs (CONFIG_EROFS_FS)",
        errno.ENOSYS: "the kernel has no mount API (Linux 5.2), or a seccomp filter hides it",
    }
    return known.get(err.errno or 0, str(err))
