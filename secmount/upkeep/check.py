"""`secmount check`: whether the bytes are still what was approved.

For a mount, from the top down: the manifest hashes to the approved digest; the objects that the mount reads from
hash to theirs, and are approved layers or derived by us; the stored list of files hashes to the tree's digest; and
what stands at the target is that list, byte for byte. For the store: every object hashes to its name. All is read
from the disk anew. A stored object that has changed is set aside, so that the next pull brings it back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import field
from itertools import islice

from secmount.errors import ContentError, InputError, SecmountError, StorageError
from secmount.local.fault import storage_error
from secmount.mount import table
from secmount.oci import manifest
from secmount.oci.digest import Digest
from secmount.oci.manifest import Manifest
from secmount.store.cas import Store
from secmount.store.tables.mounts import MountRow
from secmount.store.tables.objects import Area
from secmount.tree import dump
from secmount.upkeep.files import Comparison
from secmount.upkeep.finding import FINDINGS_LIMIT, Finding
from secmount.upkeep.standing import Standing, standing
from secmount.value import dataclass

_AREAS: tuple[Area, ...] = ("blobs", "derived")
_ABSENT = {
    "gone": ("SM7041", "no such mount in the kernel's table"),
    "moved": ("SM7041", "the mount was moved elsewhere"),
    "covered": ("SM7042", "another mount lies over it"),
}


@dataclass(frozen=True, slots=True)
class MountReport:
    """What was found of one mount; `files` and `bytes` at its target were read and are as approved."""

    row: MountRow
    standing: Standing
    findings: tuple[Finding, ...]
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; `objects` and `bytes` of the store were read and are sound."""

    mounts: tuple[MountReport, ...]
    findings: tuple[Finding, ...]
    objects: int
    bytes: int

    @property
    def all(self) -> tuple[Finding, ...]:
        """Every finding, those of the mounts first."""
        return tuple(finding for mount in self.mounts for finding in mount.findings) + self.findings


def check(store: Store, rows: Sequence[MountRow], mounts: Sequence[table.Row], *, boot_id: str, whole: bool) -> Report:
    """Check the mounts `rows` and, if `whole`, all of the store; `mounts` is the kernel's table.

    What is wrong is in the report; raise only what keeps us from looking: `StorageError` SM7006, SM7020, `MountError`
    SM6050.
    """
    reader = _Reader(store)
    reports = tuple(_mount(reader, row, mounts, boot_id) for row in rows)
    findings = tuple(islice(_store(reader), FINDINGS_LIMIT)) if whole else ()
    return Report(reports, findings, len(reader.sound), sum(reader.sound.values()))


@dataclass(slots=True)
class _Reader:
    """Hashes every object once; `sound` holds sizes."""

    store: Store
    sound: dict[tuple[Area, Digest], int] = field(default_factory=dict)
    bad: dict[tuple[Area, Digest], SecmountError] = field(default_factory=dict)

    def read(self, area: Area, digest: Digest) -> bool:
        """Whether there is such an object; raise what is wrong with it."""
        key = (area, digest)
        if key in self.bad:
            raise self.bad[key]
        if key not in self.sound:
            try:
                size = self.store.verify(area, digest)
            except (ContentError, StorageError) as err:
                self.bad[key] = err
                raise
            if size is None:
                return False
            self.sound[key] = size
        return True

    def find(self, digest: Digest) -> Area:
        """Give the area of a sound object; raise what is wrong with it, SM7040 if there is none."""
        for area in _AREAS:
            if self.read(area, digest):
                return area
        raise StorageError("SM7040", subject=str(digest), got=f"nothing of that digest in {self.store.root}")

    def content(self, digest: Digest) -> bytes:
        """Give all bytes of a sound object."""
        self.find(digest)
        with self.store.open(digest) as blob:
            return blob.pread(blob.size, 0)


def _store(reader: _Reader) -> Iterator[Finding]:
    for area in _AREAS:
        for algorithm, name in reader.store.names(area):
            try:
                reader.read(area, Digest.parse(f"{algorithm}:{name}"))
            except InputError:
                place = os.path.join(reader.store.root, area, algorithm, name)
                yield Finding("SM7044", place, repr(name), f"a digest of {algorithm}")
            except (ContentError, StorageError) as err:
                yield Finding.of(err)
    for problem in reader.store.state.problems():
        yield Finding("SM7020", reader.store.state.path, problem)
    try:
        reader.store.index.rows()
    except StorageError as err:
        yield Finding.of(err)


def _mount(reader: _Reader, row: MountRow, mounts: Sequence[table.Row], boot_id: str) -> MountReport:
    stands = standing(row, mounts, boot_id)
    findings = list(_objects(reader, row))
    if stands in _ABSENT:
        code, got = _ABSENT[stands]
        findings.append(Finding(code, row.target, got))
    files = total = 0
    try:
        listed = {item.path: item for item in dump.parse(reader.content(row.tree))}
    except SecmountError as err:
        findings.append(Finding.of(err))
    else:
        if stands in ("mounted", "copied"):
            comparison = Comparison(listed, row.target, folder_modes=stands == "mounted")
            findings += islice(_target(row, comparison), FINDINGS_LIMIT)
            files, total = comparison.files, comparison.bytes
    return MountReport(row, stands, tuple(findings), files, total)


def _objects(reader: _Reader, row: MountRow) -> Iterator[Finding]:
    approved: frozenset[Digest] | None = None
    try:
        approved = _approved(reader, row)
    except SecmountError as err:
        yield Finding.of(err)
    for digest in row.objects:
        try:
            area = reader.find(digest)
            ours = area == "derived" or approved is None or digest in approved or reader.read("derived", digest)
        except SecmountError as err:
            yield Finding.of(err)
            continue
        if not ours:
            yield Finding("SM7045", f"{row.target}, {digest}", "no layer that was approved, nor derived from one")


def _approved(reader: _Reader, row: MountRow) -> frozenset[Digest]:
    """Give the digests of the approved layers, as the manifest has them."""
    raw = reader.content(row.manifest)
    document = manifest.parse(raw, expected=None, subject=str(row.manifest), algorithm=row.manifest.algorithm)
    if not isinstance(document, Manifest) or any(position >= len(document.layers) for position in row.approved):
        raise ContentError("SM5012", subject=str(row.manifest), got="no manifest with the approved layers")
    return frozenset(document.layers[position].digest for position in row.approved)


def _target(row: MountRow, comparison: Comparison) -> Iterator[Finding]:
    try:
        root = os.open(row.target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as err:
        yield Finding.of(storage_error(err, row.target), code="SM7041")
        return
    try:
        if row.mount_id is not None and table.mount_id(root) != row.mount_id:
            yield Finding("SM7042", row.target, "another mount", f"mount {row.mount_id}")
            return
        yield from comparison.run(root)
    finally:
        os.close(root)
