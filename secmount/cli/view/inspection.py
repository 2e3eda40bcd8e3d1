"""What `inspect` shows of a mount or of a reference."""

from __future__ import annotations

from typing import Any

from secmount.app.assembly import Application
from secmount.cli.view import document, render, results
from secmount.cli.view.learning import Learning
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.oci.layer import shape
from secmount.oci.manifest import Manifest
from secmount.pipeline import identity, known, records, refusal
from secmount.pipeline.admission import Admission, Wanted
from secmount.pipeline.admit import consider
from secmount.policy.decision import Denied
from secmount.store.tables.mounts import MountRow, Mounts


def of_mount(application: Application, path: str) -> Outcome:
    """Show the mount at `path`; raise `InputError` SM1012 if none is known there."""
    row = known.at(Mounts(application.parts.store().state), path)
    lines = [
        f"mount     {render.escape(row.target)}  ({results.standing(row)})",
        f"artifact  {render.escape(row.reference)}",
        f"digest    {row.manifest}",
        f"tree      {row.tree}  ({row.files} files, {render.size(row.bytes)})",
        f"audit     {row.decision_id}",
        *_withheld(row),
    ]
    return Outcome("inspect", tuple(lines), {"mount": results.mounted(row), "withheld": results.withheld(row)})


def of_reference(application: Application, wanted: Wanted, settings: Settings) -> Outcome:
    """Show layers, signatures and the decision that would be taken; nothing is recorded, for nothing is granted."""
    parts = application.parts
    decision_id = identity.decision_id(parts.clock(), parts.random)
    admission = consider(parts, wanted, parts.policy(), decision_id, Learning(settings))
    layers = _layers(admission.resolution.manifest, admission)
    fields = {
        "layers": layers,
        "withheld": document.decision(admission.decision)["withheld"],
        "considered": [records.considered(item) for item in admission.evidence.considered],
    }
    style = render.Style(colour=False)
    rows = [
        (
            str(r["position"]),
            r["kind"],
            r["path"] or "",
            render.size(r["size"]),
            r["media_type"],
            "yes" if r["approved"] else "no",
        )
        for r in layers
    ]
    lines = [
        f"artifact  {render.escape(admission.resolution.reference.text)}",
        f"digest    {admission.resolution.digest}",
        f"type      {render.escape(admission.resolution.manifest.artifact_type)}",
        f"decision  {admission.decision.verdict} by rule {render.escape(admission.decision.rule)}",
        "",
        *render.table(rows, style, ("#", "KIND", "PATH", "SIZE", "TYPE", "APPROVED")),
    ]
    error = refusal.error(admission, now_ms=parts.clock()) if isinstance(admission.outcome, Denied) else None
    artifact, decision = document.artifact(admission.resolution), document.decision(admission.decision)
    return Outcome("inspect", tuple(lines), fields, artifact, decision, error)


def of_tree(application: Application, wanted: Wanted, settings: Settings) -> Outcome:
    """Pull what the policy approves, flatten it, and show every path with its layer, and what is not there and why."""
    from secmount.pipeline.fetch import Pulled, pull
    from secmount.tree import listing
    from secmount.tree.options import Options

    parts = application.parts
    result = pull(parts, wanted, Learning(settings))
    if not isinstance(result, Pulled):
        return results.admission("inspect", result, settings, now_ms=parts.clock())
    admission, tree = result.admission, application.build(Options())(result.held, parts.store())
    rows = [
        (
            line.type,
            f"{line.mode:04o}",
            str(line.size),
            str(line.layer),
            line.path + (f" -> {line.target}" if line.target else ""),
        )
        for line in listing.lines(tree)
    ]
    lines = [
        *render.table(rows, render.Style(colour=False), ("TYPE", "MODE", "SIZE", "LAYER", "PATH")),
        *(f"withheld  {render.escape(path)}  ({render.escape(reason)})" for path, reason in tree.withheld),
        *(f"dropped   {render.escape(drop.path)}  ({render.escape(drop.reason)})" for drop in tree.dropped),
        f"tree      {tree.digest}  ({tree.files} files, {render.size(tree.bytes)})",
    ]
    artifact, decision = document.artifact(admission.resolution), document.decision(admission.decision)
    fields = {"tree": listing.document(tree), "layers": _layers(admission.resolution.manifest, admission)}
    return Outcome("inspect", tuple(lines), fields, artifact, decision)


def _layers(manifest: Manifest, admission: Admission) -> list[dict[str, Any]]:
    approved = set(admission.decision.approved)
    rows = []
    for position, layer in enumerate(manifest.layers):
        form = shape(layer, position, manifest)
        rows.append(
            {
                "position": position,
                "digest": str(layer.digest),
                "media_type": layer.media_type,
                "size": layer.size,
                "kind": form.kind,
                "path": form.path,
                "approved": position in approved,
            }
        )
    return rows


def _withheld(row: MountRow) -> list[str]:
    return [f"withheld  {render.escape(path)}  ({render.escape(reason)})" for path, reason in row.withheld]
