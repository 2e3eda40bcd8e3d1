"""Mounts that the state knows: found by folder, and as their backend sees them."""

from __future__ import annotations

import os

from secmount.errors import InputError
from secmount.mount.backend import Mounted
from secmount.store.tables.mounts import MountRow, Mounts

GONE = "SM6030"  # nothing of ours is there any more


def at(mounts: Mounts, path: str) -> MountRow:
    """Give the newest mount at the folder `path`; raise `InputError` SM1012 where none is known."""
    rows = mounts.at(os.path.realpath(path)) or mounts.at(os.path.abspath(path))
    if not rows:
        raise InputError("SM1012", subject=path, got="no mount known there", want="one that `secmount ls` lists")
    return rows[0]


def mounted_of(row: MountRow) -> Mounted:
    """Give the backend's view of a mount that the state remembers."""
    return Mounted(
        target=row.target,
        backend=row.backend,
        options=row.options,
        enforced=row.enforced,
        mount_id=row.mount_id,
        device=row.device,
        tree_digest=row.tree,
        source=f"{row.name}@{row.manifest}",
        created=row.created_target,
    )
