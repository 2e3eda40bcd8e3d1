"""The system calls of mounting that Python does not have; the only module that uses ctypes.

The mount API of Linux 5.2 (fsopen, fsconfig, fsmount, move_mount), umount2 and fstatfs. Numbers from 424 on are the
same on x86_64, aarch64 and riscv64. Everything is said with descriptors; no function here takes a path of the user's.
"""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from enum import IntFlag
from functools import cache

EROFS_MAGIC = 0xE0F5E1E2  # statfs f_type, linux/magic.h
VALUE_LIMIT = 255  # bytes of a string parameter, fs/fsopen.c

_MOVE_MOUNT, _FSOPEN, _FSCONFIG, _FSMOUNT = 429, 430, 431, 432
_SET_FLAG, _SET_STRING, _CMD_CREATE = 0, 1, 6
_CLOEXEC = 1  # FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC
_FROM_DESCRIPTOR, _TO_DESCRIPTOR = 0x04, 0x40  # MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH
_DETACH, _NOFOLLOW = 2, 8  # MNT_DETACH, UMOUNT_NOFOLLOW
_NOREPLACE = 1  # RENAME_NOREPLACE
_CLONE_FS = 0x200


class Attribute(IntFlag):
    """What a mount forbids; linux/mount.h MOUNT_ATTR_*."""

    RDONLY = 0x1
    NOSUID = 0x2
    NODEV = 0x4
    NOEXEC = 0x8
    NOSYMFOLLOW = 0x200000


class KernelError(OSError):
    """What the kernel refused; `log` holds the messages it left in the file system context."""

    def __init__(self, number: int, call: str, log: tuple[str, ...] = ()) -> None:
        super().__init__(number, os.strerror(number))
        self.call = call
        self.log = log

    def __str__(self) -> str:
        text = f"{self.call}: {errno.errorcode.get(self.errno or 0, self.errno)} ({self.strerror})"
        return "; ".join((text, *self.log))


def open_context(fstype: str) -> int:
    """Begin a file system of a type; give the context's descriptor. ENODEV: no such type, EPERM: no privilege."""
    return _call("fsopen", _FSOPEN, ctypes.c_char_p(fstype.encode()), ctypes.c_long(_CLOEXEC))


def set_string(context: int, key: str, value: bytes) -> None:
    """Give a parameter with a value of at most VALUE_LIMIT bytes."""
    _configure(context, _SET_STRING, key.encode(), value)


def set_flag(context: int, key: str) -> None:
    """Give a parameter without a value."""
    _configure(context, _SET_FLAG, key.encode(), None)


def create(context: int, *, directory: int | None = None) -> None:
    """Make the file system; relative names in its parameters are looked up in `directory`.

    The current directory belongs to the whole process, so the step is taken by a thread that has one of its own.
    """
    if directory is None:
        _configure(context, _CMD_CREATE, None, None)
        return
    failure: list[BaseException] = []

    def work() -> None:
        try:
            _call("unshare", None, ctypes.c_int(_CLONE_FS))
            os.fchdir(directory)
            _configure(context, _CMD_CREATE, None, None)
        except BaseException as err:  # noqa: BLE001  (raised again by the caller's thread)
            failure.append(err)

    thread = threading.Thread(target=work, name="secmount-create")
    thread.start()
    try:
        thread.join()
    finally:
        thread.join()  # an interrupt must not let the caller close descriptors that the kernel is just opening
    if failure:
        raise failure[0]


def detached_mount(context: int, attributes: Attribute) -> int:
    """Mount what was created, nowhere: the descriptor given is its root, and with it the mount goes."""
    return _call("fsmount", _FSMOUNT, ctypes.c_long(context), ctypes.c_long(_CLOEXEC), ctypes.c_long(attributes))


def attach(mount: int, directory: int) -> None:
    """Put a detached mount on the directory behind the descriptor `directory`."""
    empty = ctypes.c_char_p(b"")
    flags = ctypes.c_long(_FROM_DESCRIPTOR | _TO_DESCRIPTOR)
    _call("move_mount", _MOVE_MOUNT, ctypes.c_long(mount), empty, ctypes.c_long(directory), empty, flags)


def unmount(parent: int, name: str, *, lazy: bool) -> None:
    """Unmount what is on top of `name` in the directory `parent`; a link is not followed. EBUSY: in use.

    With `lazy` it vanishes from the names at once and ends with its last user.
    """
    path = os.fsencode(f"/proc/self/fd/{parent}/{name}")
    _call("umount2", None, ctypes.c_char_p(path), ctypes.c_int(_NOFOLLOW | (_DETACH if lazy else 0)))


def detach(mount: int) -> None:
    """Take the very mount whose root `mount` is an open descriptor of out of the names; it ends with its last user."""
    _call("umount2", None, ctypes.c_char_p(f"/proc/self/fd/{mount}".encode()), ctypes.c_int(_DETACH))


def rename_new(source: int, name: str, directory: int) -> None:
    """Move `name` from the directory `source` to `directory`, never onto something; EEXIST then."""
    raw = ctypes.c_char_p(os.fsencode(name))
    _call("renameat2", None, ctypes.c_int(source), raw, ctypes.c_int(directory), raw, ctypes.c_uint(_NOREPLACE))


def sync_filesystem(descriptor: int) -> None:
    """Flush the file system that `descriptor` lies in."""
    _call("syncfs", None, ctypes.c_int(descriptor))


def magic(descriptor: int) -> int:
    """Give the number of the file system's type: statfs f_type."""
    buffer = (ctypes.c_ulong * 32)()  # struct statfs is 15 longs on 64-bit; its first is f_type
    _call("fstatfs", None, ctypes.c_int(descriptor), ctypes.byref(buffer))
    return buffer[0] & 0xFFFFFFFF


def _configure(context: int, command: int, key: bytes | None, value: bytes | None) -> None:
    try:
        _call(
            "fsconfig",
            _FSCONFIG,
            ctypes.c_long(context),
            ctypes.c_long(command),
            ctypes.c_char_p(key),
            ctypes.c_char_p(value),
            ctypes.c_long(0),
        )
    except KernelError as err:
        raise KernelError(err.errno or 0, err.call, _log(context)) from err


def _log(context: int) -> tuple[str, ...]:
    """Read the messages waiting in a context: `e erofs: …` lines, at most 64."""
    lines: list[str] = []
    for _ in range(64):
        try:
            lines.append(os.read(context, 4096).decode("utf-8", "replace").strip())
        except OSError:  # ENODATA: no more
            break
    return tuple(lines)


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(name: str, number: int | None, *arguments: object) -> int:
    """Call by number where the C library may be too old to know the name (glibc before 2.36)."""
    library = _library()
    if number is None:
        function, given = library[name], arguments
    else:
        function, given = library.syscall, (ctypes.c_long(number), *arguments)
    function.restype = ctypes.c_long if number is not None else ctypes.c_int
    result = int(function(*given))
    if result < 0:
        raise KernelError(ctypes.get_errno(), name)
    return result
