"""The log's own key: made at first use, 0600, or given by path. It signs checkpoints and nothing else (design 3.7)."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable

from secmount.audit.tlog.folder import VERIFIER, Folder
from secmount.audit.tlog.note import NOTE_LIMIT, Signer, Verifier
from secmount.errors import StorageError
from secmount.local import files, owned
from secmount.local.fault import faults

KEY = "log.key"
_HOST = re.compile(r"[^A-Za-z0-9.-]+", re.ASCII)


def open_signer(folder: Folder, *, path: str | None, uid: int) -> Signer | None:
    """Read the key at `path`, else the folder's own; None if the folder has none yet.

    Raise `StorageError` SM7103 if it is malformed or others may read it, SM7003 and the like if it cannot be read.
    """
    if path is not None:
        handle = owned.open_file(path, uid=uid, what="key of the audit log")
    else:
        try:
            handle = os.open(KEY, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.dirfd)
        except FileNotFoundError:
            return None
        except OSError as err:
            raise StorageError(
                "SM7103", subject=f"{folder.shown}/{KEY}", got=err.strerror, want="a readable key"
            ) from err
    shown = path or f"{folder.shown}/{KEY}"
    with faults(shown):
        try:
            mode = os.fstat(handle).st_mode
            text = os.read(handle, NOTE_LIMIT).decode("ascii", "replace")
        finally:
            os.close(handle)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StorageError("SM7103", subject=shown, got=f"mode {stat.S_IMODE(mode):04o}", want="0600")
    return Signer.parse(text)


def make_signer(folder: Folder, *, random: Callable[[int], bytes], host: str) -> Signer:
    """Make the folder's key and publish its public half; both survive power loss before this returns."""
    name = _HOST.sub("-", host).strip("-.")[:100] or "localhost"
    signer = Signer(f"{name}/secmount/audit/{random(4).hex()}", random(32))
    files.write_atomic(folder.dirfd, KEY, signer.text().encode() + b"\n", mode=0o600)
    return signer


def publish_verifier(folder: Folder, signer: Signer) -> None:
    """Put the public key beside the log, for readers."""
    if folder.text(VERIFIER) != f"{signer.verifier()}\n":
        files.write_atomic(folder.dirfd, VERIFIER, f"{signer.verifier()}\n".encode(), mode=0o644)


def read_verifier(folder: Folder) -> Verifier:
    """Read the public key that stands beside the log; raise `StorageError` SM7103."""
    text = folder.text(VERIFIER)
    if text is None:
        raise StorageError("SM7103", subject=f"{folder.shown}/{VERIFIER}", got="nothing", want="the log's public key")
    return Verifier.parse(text)
