"""Which of the mounts that the state remembers are there. Pure: the kernel's table and the boot's id are passed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from secmount.mount import present
from secmount.mount.table import Row
from secmount.pipeline.known import mounted_of
from secmount.store.tables.mounts import MountRow

Standing = Literal["mounted", "covered", "moved", "copied", "gone", "unsettled"]


def standing(row: MountRow, table: Sequence[Row], boot_id: str) -> Standing:
    """Say how a mount stands.

    `mounted`: there and on top; `covered`: there, but another mount lies over it; `moved`: there, but elsewhere;
    `copied`: ordinary files, which no table shows; `gone`: taken away by another hand or a restart; `unsettled`:
    begun, its outcome not known.
    """
    if row.phase == "intent":
        return "unsettled"
    if row.mount_id is None:
        return "copied"
    found = present.find(mounted_of(row), table) if row.boot_id == boot_id else None
    if found is None:
        return "gone"
    if found.target != row.target:
        return "moved"
    return "covered" if _is_covered(found, table) else "mounted"


def _is_covered(found: Row, table: Sequence[Row]) -> bool:
    """Whether a mount that `found` does not stand on lies at its target or above it in the path."""
    rows = {row.id: row for row in table}
    below = {found.id}
    row = found
    while row.parent in rows and row.parent not in below:
        row = rows[row.parent]
        below.add(row.id)
    return any(row.id not in below and _is_at_or_above(row.target, found.target) for row in table)


def _is_at_or_above(path: str, target: str) -> bool:
    return target == path or target.startswith(path.rstrip("/") + "/")
