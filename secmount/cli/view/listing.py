"""What `ls` shows: artifacts by the store's index, mounts by the state, each with whether it is really there."""

from __future__ import annotations

from typing import Any

from secmount.app.assembly import Application
from secmount.cli.view import render
from secmount.cli.view.outcome import Outcome
from secmount.mount import table
from secmount.oci import instant
from secmount.store.tables.mounts import MountRow, Mounts
from secmount.upkeep.artifacts import HeldArtifact, artifacts


def overview(application: Application) -> Outcome:
    """List artifacts and mounts; a row that cannot be read never hides the others."""
    store = application.parts.store()
    held = artifacts(store)
    mounts = Mounts(store.state).all()
    live = {(row.target, row.id) for row in table.rows()}
    shown = [_mount(row, live) for row in mounts]
    style = render.Style(colour=False)
    lines = render.table(
        [(item.reference, str(item.digest)[7:19], render.size(item.size), item.artifact_type) for item in held],
        style,
        ("ARTIFACT", "DIGEST", "SIZE", "TYPE"),
    )
    if shown:
        rows = [
            (r["target"], r["reference"], r["backend"], "yes" if r["live"] else "GONE", r["since"][:19]) for r in shown
        ]
        lines += ["", *render.table(rows, style, ("MOUNT", "REFERENCE", "BACKEND", "LIVE", "SINCE"))]
    if not held and not shown:
        lines = ["nothing is held and nothing is mounted"]
    return Outcome("ls", tuple(lines), {"artifacts": [_artifact(item) for item in held], "mounts": shown})


def _artifact(item: HeldArtifact) -> dict[str, Any]:
    return {
        "reference": item.reference,
        "digest": str(item.digest),
        "artifact_type": item.artifact_type,
        "size": item.size,
        "complete": item.complete,
    }


def _mount(row: MountRow, live: set[tuple[str, int]]) -> dict[str, Any]:
    return {
        "target": row.target,
        "reference": row.reference,
        "digest": str(row.manifest),
        "backend": row.backend,
        "live": row.mount_id is None or (row.target, row.mount_id) in live,
        "partial": row.partial,
        "since": instant.render(row.since_ms),
        "decision_id": row.decision_id,
    }
