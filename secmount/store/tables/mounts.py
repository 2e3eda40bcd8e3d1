"""Mounts as they were made: enough to list, inspect, check and take them away, and the objects that they need."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

from secmount.errors import StorageError
from secmount.oci.digest import Digest
from secmount.store.tables.connection import (
    Connection,
    Value,
    read_digest,
    read_list,
    read_text,
    write_list,
    write_text,
)
from secmount.value import dataclass

SCHEMA = (
    """CREATE TABLE mounts (
        id TEXT NOT NULL PRIMARY KEY,
        phase TEXT NOT NULL CHECK (phase IN ('intent', 'mounted')),
        target TEXT NOT NULL,
        reference TEXT NOT NULL,
        name TEXT NOT NULL,
        manifest TEXT NOT NULL,
        approved TEXT NOT NULL,
        tree TEXT NOT NULL,
        objects TEXT NOT NULL,
        backend TEXT NOT NULL,
        decision_id TEXT NOT NULL,
        policy_revision TEXT NOT NULL,
        options TEXT NOT NULL,
        enforced TEXT NOT NULL,
        partial INTEGER NOT NULL CHECK (partial IN (0, 1)),
        withheld TEXT NOT NULL,
        created_target INTEGER NOT NULL CHECK (created_target IN (0, 1)),
        mount_id INTEGER,
        device INTEGER,
        boot_id TEXT NOT NULL,
        since_ms INTEGER NOT NULL,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL)""",
    "CREATE INDEX mounts_target ON mounts (target)",
    """CREATE TABLE leases (
        mount TEXT NOT NULL REFERENCES mounts (id) ON DELETE CASCADE,
        digest TEXT NOT NULL,
        PRIMARY KEY (mount, digest))""",
    "CREATE INDEX leases_digest ON leases (digest)",
)

_COLUMNS = (
    "id, phase, target, reference, name, manifest, approved, tree, objects, backend, decision_id, policy_revision, "
    "options, enforced, partial, withheld, created_target, mount_id, device, boot_id, since_ms, files, bytes"
)
_MARKS = ", ".join("?" for _ in _COLUMNS.split(","))


@dataclass(frozen=True, slots=True)
class MountRow:
    """One mount. `phase` is `intent` from before the effect until it is known to stand.

    `tree` is the tree's digest, and the dump is stored under it. `objects` is every stored object that the mount reads
    from: layers, unpacked layers, the image. `mount_id` and `device` are the kernel's, None for copies; they mean
    something only under `boot_id`. `approved` holds the positions of the approved layers in the manifest.
    """

    id: str
    target: str  # absolute; odd bytes as surrogates, as os.fsdecode gives them
    reference: str
    name: str
    manifest: Digest
    approved: tuple[int, ...]
    tree: Digest
    objects: tuple[Digest, ...]
    backend: str
    decision_id: str
    policy_revision: str
    options: tuple[str, ...]
    enforced: tuple[str, ...]
    withheld: tuple[tuple[str, str], ...]  # (path, reason)
    created_target: bool
    boot_id: str
    since_ms: int
    files: int
    bytes: int
    phase: Literal["intent", "mounted"] = "intent"
    mount_id: int | None = None
    device: int | None = None

    @property
    def partial(self) -> bool:
        """Whether something of the artifact is not in the tree."""
        return bool(self.withheld)


class Mounts:
    """The table of mounts; a target may stand in several rows (a mount that is gone, a new one above it)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, row: MountRow) -> None:
        """Add `row` before the effect, with leases on its manifest, tree and objects; durable on return."""
        with self._connection.transaction():
            self._connection.run(f"INSERT INTO mounts ({_COLUMNS}) VALUES ({_MARKS})", _write(row))  # noqa: S608
            for digest in dict.fromkeys((row.manifest, row.tree, *row.objects)):
                self._connection.run("INSERT INTO leases (mount, digest) VALUES (?, ?)", (row.id, str(digest)))

    def finish(
        self,
        id: str,
        *,
        mount_id: int | None,
        device: int | None,
        options: Sequence[str],
        enforced: Sequence[str],
        image: Digest | None = None,
    ) -> None:
        """Say that the mount stands, as the kernel shows it.

        `image` is a stored object that it needs beside those of the row. Raise `StorageError` SM7022 if there is none.
        """
        with self._connection.transaction():
            row = self.find(id)
            if row is None:
                raise StorageError("SM7022", subject=self._connection.path, got=f"no mount {id}")
            objects = row.objects if image is None or image in row.objects else (*row.objects, image)
            sql = """UPDATE mounts SET phase = 'mounted', mount_id = ?, device = ?,
                options = ?, enforced = ?, objects = ? WHERE id = ?"""
            texts = [write_list(values) for values in (options, enforced, [str(digest) for digest in objects])]
            self._connection.run(sql, (mount_id, device, *texts, id))
            if image is not None:
                self._connection.run("INSERT OR IGNORE INTO leases (mount, digest) VALUES (?, ?)", (id, str(image)))

    def remove(self, id: str) -> bool:
        """Drop the row and its leases; say whether there was one."""
        return self._connection.run("DELETE FROM mounts WHERE id = ?", (id,)) > 0

    def find(self, id: str) -> MountRow | None:
        """Give the mount of that id."""
        return next(iter(self._read("WHERE id = ?", (id,))), None)

    def at(self, target: str) -> tuple[MountRow, ...]:
        """Give the mounts made at `target` (absolute, links resolved), the newest first."""
        return self._read("WHERE target = ? ORDER BY since_ms DESC, id DESC", (write_text(target),))

    def all(self) -> tuple[MountRow, ...]:
        """Give every mount, the oldest first."""
        return self._read("ORDER BY since_ms, id", ())

    def _read(self, clause: str, values: Sequence[Value]) -> tuple[MountRow, ...]:
        rows = self._connection.rows(f"SELECT {_COLUMNS} FROM mounts {clause}", values)  # noqa: S608
        return tuple(_parse(row, self._connection.path) for row in rows)


class Leases:
    """Which stored objects mounts still need."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def holders(self, digest: Digest) -> tuple[str, ...]:
        """Give the ids of mounts that need `digest`."""
        rows = self._connection.rows("SELECT mount FROM leases WHERE digest = ? ORDER BY mount", (str(digest),))
        return tuple(str(row[0]) for row in rows)

    def all(self) -> Collection[Digest]:
        """Give every digest that some mount needs: manifests, trees and objects."""
        rows = self._connection.rows("SELECT DISTINCT digest FROM leases")
        return frozenset(read_digest(row[0], self._connection.path) for row in rows)


def _write(row: MountRow) -> tuple[Value, ...]:
    return (
        row.id,
        row.phase,
        write_text(row.target),
        write_text(row.reference),
        write_text(row.name),
        str(row.manifest),
        write_list([str(position) for position in row.approved]),
        str(row.tree),
        write_list([str(digest) for digest in row.objects]),
        row.backend,
        row.decision_id,
        row.policy_revision,
        write_list(row.options),
        write_list(row.enforced),
        int(row.partial),
        write_list([part for pair in row.withheld for part in pair]),
        int(row.created_target),
        row.mount_id,
        row.device,
        row.boot_id,
        row.since_ms,
        row.files,
        row.bytes,
    )


def _parse(row: tuple[Any, ...], path: str) -> MountRow:
    digests = read_list(row[8], path)
    positions = read_list(row[6], path)
    pairs = read_list(row[15], path)
    if len(pairs) % 2 or not all(position.isdecimal() for position in positions):
        raise StorageError("SM7020", subject=path, got=f"mount {row[0]}")
    return MountRow(
        id=row[0],
        phase=row[1],
        target=read_text(row[2], path),
        reference=read_text(row[3], path),
        name=read_text(row[4], path),
        manifest=read_digest(row[5], path),
        approved=tuple(int(position) for position in positions),
        tree=read_digest(row[7], path),
        objects=tuple(read_digest(digest, path) for digest in digests),
        backend=row[9],
        decision_id=row[10],
        policy_revision=row[11],
        options=read_list(row[12], path),
        enforced=read_list(row[13], path),
        withheld=tuple(zip(pairs[::2], pairs[1::2], strict=True)),
        created_target=bool(row[16]),
        mount_id=row[17],
        device=row[18],
        boot_id=row[19],
        since_ms=row[20],
        files=row[21],
        bytes=row[22],
    )
