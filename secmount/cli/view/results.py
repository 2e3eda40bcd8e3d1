"""Results of the pipeline as outcomes: the text a person reads and the fields a program reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from secmount.cli.view import document, render
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.oci import instant
from secmount.pipeline import records, refusal
from secmount.pipeline.admission import Admission
from secmount.pipeline.fetch import Pulled
from secmount.pipeline.mount import Placed
from secmount.pipeline.origin import Meaning, shown_age
from secmount.pipeline.unmount import Removed
from secmount.policy.decision import Denied
from secmount.store.tables.mounts import MountRow

UNRECORDED = "the log took no record of this: see `secmount audit log` and the space on its disk"


def admission(verb: str, value: Admission, settings: Settings, *, now_ms: int) -> Outcome:
    """Show a decision; a denial with its reasons and the nearest miss."""
    artifact, decision = document.artifact(value.resolution), document.decision(value.decision)
    rows = [records.considered(item) for item in value.evidence.considered]
    fields = {"considered": rows} if verb == "verify" else {}
    if isinstance(value.outcome, Denied):
        error = refusal.error(value, now_ms=now_ms)
        return Outcome(verb, fields=fields, artifact=artifact, decision=decision, error=error)
    text = (
        (str(value.resolution.digest),)
        if settings.quiet
        else tuple(_decision(value, ((item.path, item.reason) for item in value.decision.withheld)))
    )
    return Outcome(verb, text, fields, artifact, decision, warnings=_warnings(value))


def resolved(value: Meaning, settings: Settings, *, now_ms: int) -> Outcome:
    """Show what a reference means."""
    resolution = value.resolution
    top = resolution.manifest if resolution.index is None else resolution.index
    lines = [f"{resolution.name}@{top.digest}"]
    if resolution.index is not None and not settings.quiet:
        lines.append(f"{resolution.name}@{resolution.digest}  ({resolution.platform})")
    fields = {
        "index": None if resolution.index is None else str(resolution.index.digest),
        "kept_since": None if value.resolved_ms is None else instant.render(value.resolved_ms),
    }
    return Outcome(
        "resolve",
        tuple(render.escape(line) for line in lines),
        fields,
        document.artifact(resolution),
        warnings=_age(resolution.reference.tag, value.resolved_ms, now_ms),
    )


def pulled(value: Pulled, settings: Settings) -> Outcome:
    """Show what is held."""
    admission, layers = value.admission, [row.descriptor for row in value.held.layers]
    size = sum(layer.size for layer in layers)
    lines = [*_decision(admission, ((item.path, item.reason) for item in admission.decision.withheld)), ""]
    lines.append(f"held      {len(layers)} layers, {render.size(size)}")
    text = (str(admission.resolution.digest),) if settings.quiet else tuple(lines)
    resolved = admission.origin.resolved_ms
    return Outcome(
        "pull",
        text,
        {
            "pulled": {"layers": len(layers), "bytes": size},
            "kept_since": None if resolved is None else instant.render(resolved),
        },
        artifact=document.artifact(admission.resolution),
        decision=document.decision(admission.decision),
        warnings=_warnings(admission),
    )


def placed(value: Placed, settings: Settings) -> Outcome:
    """Show what was mounted, or copied, and what was withheld."""
    row, mount = value.row, mounted(value.row)
    lines = [*_decision(value.admission, row.withheld), ""]
    word = "mounted" if row.enforced else "copied "
    lines.append(f"{word}  {render.escape(row.target)}  ({standing(row)})")
    lines.append(f"         {row.files} files, {render.size(row.bytes)}, tree {row.tree}")
    text = (str(row.manifest),) if settings.quiet else tuple(lines)
    return Outcome(
        "mount",
        text,
        {"mount": mount},
        artifact=document.artifact(value.admission.resolution),
        decision={**document.decision(value.admission.decision), "withheld": withheld(row)},
        warnings=_warnings(value.admission),
    )


def removed(value: Removed) -> Outcome:
    """Show what was taken away."""
    row = value.row
    lines = [f"unmounted  {render.escape(row.target)}" if row.enforced else f"removed  {render.escape(row.target)}"]
    lines += [f"left       {render.escape(path)}" for path in value.left]
    warnings = () if value.recorded else (UNRECORDED,)
    return Outcome("unmount", tuple(lines), {"mount": mounted(row), "left": list(value.left)}, warnings=warnings)


def mounted(row: MountRow) -> dict[str, Any]:
    """Show a mount."""
    return {
        "target": row.target,
        "backend": row.backend,
        "options": list(row.options),
        "enforced": list(row.enforced),
        "tree_digest": str(row.tree),
        "files": row.files,
        "bytes": row.bytes,
        "partial": row.partial,
    }


def standing(row: MountRow) -> str:
    """Say in words what the kernel holds to."""
    if not row.enforced:
        return "copied, not mounted: nothing is enforced"
    return f"{row.backend} {','.join(row.enforced)}"


def withheld(row: MountRow) -> list[Mapping[str, str]]:
    """Show every path that is not in the tree, archive members among them."""
    return [{"path": path, "reason": reason} for path, reason in row.withheld]


def _decision(value: Admission, withheld: Iterable[tuple[str, str]]) -> list[str]:
    decision, resolution = value.decision, value.resolution
    signers = ", ".join(decision.signers) if decision.signers else "nobody (the rule asks for no signature)"
    rows = [
        ("allowed", resolution.reference.text),
        ("digest", str(resolution.digest)),
        ("rule", f"{decision.rule}  (policy.toml:{decision.rule_line})"),
        ("signed", f"by {signers}"),
        *(("withheld", f"{path}  ({reason})") for path, reason in withheld),
        ("audit", decision.id),
    ]
    return [f"{word:<8}  {render.escape(text)}" for word, text in rows]


def _warnings(value: Admission) -> tuple[str, ...]:
    reference = value.resolution.reference
    warnings = []
    if value.resolution.name_source == "asserted":
        warnings.append(f"the name {value.resolution.name} was asserted with --as, not resolved; the log says so")
    if reference.tag is not None and reference.digest is not None:
        warnings.append(f"the digest decides; that tag {reference.tag} names it was not checked")
    if value.evidence.truncated:
        warnings.append("more signatures are attached than were read")
    return (*warnings, *_age(reference.tag, value.origin.resolved_ms, value.taken_ms))


def _age(tag: str | None, resolved_ms: int | None, now_ms: int) -> tuple[str, ...]:
    if resolved_ms is None:
        return ()
    return (f"tag {tag} was last resolved {shown_age(resolved_ms, now_ms)}; its registry was not asked",)
