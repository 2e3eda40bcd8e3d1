"""Where checkpoints go outside the log's folder, so that the folder cannot be put back without anyone noticing.

A copy under `state`, read again by every writer and by `audit verify`; the journal, if one listens; and the
configured witnesses: a file elsewhere, or a command that gets the checkpoint on its standard input. None of them can
stop an append: what failed is kept for the caller to report.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Literal

from secmount.audit.tlog.note import NOTE_LIMIT, Checkpoint, stated
from secmount.errors import StorageError
from secmount.local import files, owned
from secmount.value import dataclass

JOURNAL = "/run/systemd/journal/socket"  # systemd.journal native protocol
SECTOR = 512  # bytes; a checkpoint of ours has about 220
FAILURES = 16  # different ones that are kept
COMMAND_LIMIT = 10.0  # seconds that a witness command may take


@dataclass(frozen=True, slots=True)
class Witness:
    """`file`: a path the checkpoint is written to. `command`: an absolute path that is run with it."""

    kind: Literal["file", "command"]
    target: str


class Anchors:
    """The places outside one log's folder."""

    def __init__(
        self, log: str, *, state: str | None, uid: int, witnesses: tuple[Witness, ...] = (), journal: str = JOURNAL
    ) -> None:
        self._state, self._uid, self._witnesses, self._journal = state, uid, witnesses, journal
        self._name = (
            f"audit-{sha256(os.path.realpath(log).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.checkpoint"
        )
        self.failures: list[str] = []
        self._copy_handle, self._pid = -1, 0

    def close(self) -> None:
        """Give back the handle of the copy."""
        if self._copy_handle >= 0:
            handle, self._copy_handle = self._copy_handle, -1
            os.close(handle)

    @property
    def place(self) -> str | None:
        """Say where the remembered copy stands, if there is a place for one."""
        return None if self._state is None else os.path.join(self._state, self._name)

    def remembered(self) -> Checkpoint | None:
        """Read the copy under `state`, or None; raise `StorageError` SM7105 if it is no checkpoint."""
        if self._state is None:
            return None
        try:
            dirfd = owned.open_directory(self._state, uid=self._uid, what="state")
        except StorageError as err:
            if err.code == "SM7004":
                return None
            raise
        try:
            data, again = files.read_if_any(dirfd, self._name, NOTE_LIMIT), None
            while data != again:  # it is overwritten in place: believe what two looks agree on
                again, data = data, files.read_if_any(dirfd, self._name, NOTE_LIMIT)
        finally:
            os.close(dirfd)
        note = (data or b"").decode("utf-8", "replace").rstrip("\n")
        return stated(f"{note}\n", subject=self.place or "") if note else None

    def tell(self, checkpoint: Checkpoint) -> None:
        """Put `checkpoint` under `state` and into the journal; called in order, for every checkpoint."""
        if self._state is not None:
            try:
                self._remember(self._state, checkpoint)
            except (StorageError, OSError) as err:
                self._failed(f"checkpoint not kept under {self._state}: {err}")
        if os.path.exists(self._journal):
            try:
                self._journalise(checkpoint)
            except OSError as err:
                self._failed(f"checkpoint not sent to the journal: {err}")

    def witness(self, checkpoint: Checkpoint) -> None:
        """Hand `checkpoint` to the configured witnesses."""
        for witness in self._witnesses:
            try:
                if witness.kind == "file":
                    self._copy(witness.target, checkpoint)
                else:
                    owned.check_owned(witness.target, uid=self._uid, what="witness command")
                    _run(witness.target, checkpoint)
            except (StorageError, OSError) as err:
                self._failed(f"checkpoint not taken by {witness.kind} {witness.target}: {err}")

    def _failed(self, text: str) -> None:
        if text not in self.failures and len(self.failures) < FAILURES:
            self.failures.append(text)

    def _remember(self, state: str, checkpoint: Checkpoint) -> None:
        """Overwrite the copy, one sector, unflushed: a moment behind after power loss, it is still of the past."""
        if self._copy_handle < 0 or self._pid != os.getpid():
            dirfd = owned.make_directory(state, uid=self._uid, what="state")
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                self._copy_handle, self._pid = os.open(self._name, flags, 0o600, dir_fd=dirfd), os.getpid()
            finally:
                os.close(dirfd)
        os.pwrite(self._copy_handle, checkpoint.note.encode().ljust(SECTOR, b"\n"), 0)

    def _copy(self, path: str, checkpoint: Checkpoint) -> None:
        dirfd = owned.open_directory(os.path.dirname(path), uid=self._uid, what="witness")
        try:
            files.write_atomic(dirfd, os.path.basename(path), checkpoint.note.encode(), mode=0o644)
        finally:
            os.close(dirfd)

    def _journalise(self, checkpoint: Checkpoint) -> None:
        import socket

        rows = {
            "MESSAGE": f"audit log {checkpoint.origin}: checkpoint at {checkpoint.size} entries",
            "PRIORITY": "6",
            "SYSLOG_IDENTIFIER": "secmount-audit",
            "SECMOUNT_CHECKPOINT": checkpoint.note,
        }
        message = b"".join(_field(key, value.encode()) for key, value in rows.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)  # noqa: FBT003 - its only spelling
            channel.sendto(message, self._journal)


def _field(key: str, value: bytes) -> bytes:
    """Write one field of the journal's native protocol; the length form takes newlines."""
    return key.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"


def _run(path: str, checkpoint: Checkpoint) -> None:
    import subprocess

    try:
        done = (
            subprocess.run(  # an absolute path from the owned configuration, no shell, no environment of the caller's
                [path],
                input=checkpoint.note.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=COMMAND_LIMIT,
                check=False,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                cwd="/",
            )
        )
    except subprocess.TimeoutExpired as err:
        raise TimeoutError(f"no answer after {COMMAND_LIMIT:g} s") from err
    if done.returncode:
        raise OSError(f"exit status {done.returncode}")
