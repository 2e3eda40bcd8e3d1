"""An EROFS mount that is nowhere yet, from descriptors only, and under a name of ours.

The kernel shows as source what it was given as a path to open (/proc/self/mountinfo, findmnt, df). So the path given
is the reference itself, relative to a directory in which it is a link to the image's descriptor. That directory is the
root of a tmpfs that is mounted nowhere: nobody else can reach it, and it ends with its descriptor, whatever happens.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from secmount.mount import linux
from secmount.mount.linux import Attribute

_ELLIPSIS = "…"
_DOTS = {".": "%2E", "..": "%2E%2E"}


def mount(image: int, devices: Sequence[int], source: str, attributes: Attribute) -> int:
    """Mount the image behind a descriptor, its blobs in order, nowhere; give the descriptor of the root.

    Raise `linux.KernelError`: EPERM no privilege, ENOTBLK not a file that can be mounted (tmpfs, overlayfs, a kernel
    without file-backed mounts), EINVAL, EBADMSG and EUCLEAN for a bad image. Other `OSError`s come from the tmpfs.
    """
    shown = source_name(source)
    with _directory(shown, f"/proc/self/fd/{image}") as directory, ExitStack() as stack:
        context = linux.open_context("erofs")
        stack.callback(os.close, context)
        linux.set_string(context, "source", os.fsencode(shown))
        linux.set_flag(context, "ro")
        for device in devices:
            linux.set_string(context, "device", f"/proc/self/fd/{device}".encode())
        linux.create(context, directory=directory)
        return linux.detached_mount(context, attributes)


def source_name(source: str) -> str:
    """Give the name under which `source` is shown: readable, one path below a directory, at most 255 bytes.

    What does not print, `%`, and components `.` and `..` are percent-encoded; of a longer one the end is shown, which
    holds the digest.
    """
    text = "".join(char if char.isprintable() and char != "%" else _percent(char) for char in source)
    text = "/".join(_DOTS.get(part, part) for part in text.split("/"))
    if text.startswith("/"):
        text = "%2F" + text[1:]
    if not text or text.endswith("/"):
        text = text[:-1] + "%2F"
    raw = os.fsencode(text)
    if len(raw) > linux.VALUE_LIMIT:
        room = linux.VALUE_LIMIT - len(os.fsencode(_ELLIPSIS))
        text = _ELLIPSIS + raw[-room:].decode("utf-8", "ignore")
    return text


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))


@contextmanager
def _directory(name: str, link: str) -> Iterator[int]:
    """Make a directory, out of everyone's reach, in which the path `name` is a link to `link`."""
    with ExitStack() as stack:
        context = linux.open_context("tmpfs")
        stack.callback(os.close, context)
        linux.set_string(context, "mode", b"0700")
        linux.create(context)
        nothing_else = Attribute.NOSUID | Attribute.NODEV | Attribute.NOEXEC
        root = here = linux.detached_mount(context, nothing_else)
        stack.callback(os.close, root)
        *folders, last = (part for part in name.split("/") if part)
        for folder in folders:
            os.mkdir(folder, 0o700, dir_fd=here)
            here = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)
            stack.callback(os.close, here)
        os.symlink(link, last, dir_fd=here)
        yield root
