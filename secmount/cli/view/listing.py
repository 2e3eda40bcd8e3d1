"""What `ls` shows: artifacts by the store's index, mounts by the state, each with how it really stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from secmount.cli.view import render
from secmount.cli.view.outcome import Outcome
from secmount.oci import instant
from secmount.store.tables.mounts import MountRow, Mounts

if TYPE_CHECKING:
    from secmount.store.cas import Store
    from secmount.upkeep.artifacts import HeldArtifact

_NOT_THERE = frozenset({"gone", "unsettled"})


def overview(store: Store | None) -> Outcome:
    """List artifacts and mounts; a row that cannot be read never hides the others."""
    held = () if store is None or not store.index.rows() else _held(store)
    rows = () if store is None else Mounts(store.state).all()
    shown = _mounts(rows) if rows else []
    style = render.Style(colour=False)
    lines = ["nothing is held and nothing is mounted"]
    if held:
        cells = [(item.reference, str(item.digest)[7:19], render.size(item.size), item.artifact_type) for item in held]
        lines = render.table(cells, style, ("ARTIFACT", "DIGEST", "SIZE", "TYPE"))
    if shown:
        places = [
            (row["target"], row["reference"], row["backend"], row["standing"], row["since"][:19]) for row in shown
        ]
        head = ("MOUNT", "REFERENCE", "BACKEND", "STANDS", "SINCE")
        lines = [*(lines if held else ()), *([""] if held else ()), *render.table(places, style, head)]
    return Outcome("ls", tuple(lines), {"artifacts": [_artifact(item) for item in held], "mounts": shown})


def _held(store: Store) -> tuple[HeldArtifact, ...]:
    from secmount.upkeep.artifacts import artifacts

    return artifacts(store)


def _mounts(rows: Iterable[MountRow]) -> list[dict[str, Any]]:
    from secmount.local.boot import boot_id
    from secmount.mount import table
    from secmount.upkeep.standing import standing

    kernel, boot = table.rows(), boot_id()
    return [_mount(row, standing(row, kernel, boot)) for row in rows]


def _artifact(item: HeldArtifact) -> dict[str, Any]:
    return {
        "reference": item.reference,
        "digest": str(item.digest),
        "artifact_type": item.artifact_type,
        "size": item.size,
        "complete": item.complete,
    }


def _mount(row: MountRow, stands: str) -> dict[str, Any]:
    return {
        "target": row.target,
        "reference": row.reference,
        "digest": str(row.manifest),
        "backend": row.backend,
        "live": stands not in _NOT_THERE,
        "standing": stands,
        "partial": row.partial,
        "since": instant.render(row.since_ms),
        "decision_id": row.decision_id,
    }
