"""What `discover` shows: a tree, each line a digest, what it is, and who of the policy's signers vouches for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from secmount.app.assembly import Application
from secmount.authoring.discover import Discovery, Node, discover
from secmount.cli.view import document, render
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.errors import InputError, catalog
from secmount.oci.reference import LayoutReference
from secmount.pipeline.admission import Wanted
from secmount.pipeline.origin import Origin, judged
from secmount.policy import rules
from secmount.registry.resolve import resolve
from secmount.trust.evidence import Considered
from secmount.trust.signer import Signer

_OUTCOMES = {"counts": ("✔", "good"), "unacceptable": ("!", "warn"), "invalid": ("✖", "bad")}
_TYPE_LIMIT = 60  # characters of a type


def of_reference(application: Application, wanted: Wanted, settings: Settings) -> Outcome:
    """Walk over what is attached. A registry is asked only if a rule is for the name, as for everything else."""
    signers, warning = _signers(application, wanted)

    def judge(origin: Origin) -> Discovery:
        resolution = resolve(
            wanted.reference,
            origin.source,
            name=wanted.name,
            name_source="asked",
            platform=wanted.platform,
            digest=origin.digest,
        )
        return discover(resolution, origin.source, signers, now_ms=application.parts.clock())

    if isinstance(wanted.reference, LayoutReference):
        found = judge(Origin(application.parts.open_source(wanted.reference)))
    else:
        found = judged(application.parts, wanted.reference, judge, suffices=lambda _: False)
    style = render.Style(colour=render.coloured(settings.color, sys.stdout, os.environ))
    lines = [render.escape(wanted.reference.text), *_lines(found.root, style, "", "", settings.verbose)]
    if not found.root.attached:
        lines.append("nothing is attached")
    warnings = [warning] if warning else []
    if found.truncated:
        warnings.append("more is attached than is shown")
    fields = {"root": _document(found.root), "truncated": found.truncated}
    artifact = document.artifact(found.resolution)
    return Outcome("discover", tuple(lines), fields, artifact, warnings=tuple(warnings))


def _signers(application: Application, wanted: Wanted) -> tuple[Mapping[str, Signer], str | None]:
    """Give the policy's signers; a layout can be looked at without a policy, or without a rule for it."""
    layout = isinstance(wanted.reference, LayoutReference)
    try:
        policy = application.parts.policy()
    except InputError as err:
        if err.code != "SM1105" or not layout:
            raise
        return {}, "there is no policy, so nobody's signature is known: secmount policy init --from REF"
    if not layout:
        rules.choose(policy, wanted.name, asserted=False)
    return policy.signers, None


def _lines(node: Node, style: render.Style, lead: str, below: str, verbose: int) -> Iterator[str]:
    shown = str(node.digest) if verbose or node.found == "itself" else str(node.digest)[:19]
    kind = render.escape((node.artifact_type or node.media_type)[:_TYPE_LIMIT])
    parts = [shown, kind, render.size(node.size) if node.size else "", _name(node)]
    yield lead + "  ".join(filter(None, [*parts, *_verdicts(node, style)]))
    for at, child in enumerate(node.attached):
        last = at == len(node.attached) - 1
        yield from _lines(child, style, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "), verbose)


def _name(node: Node) -> str:
    if node.tag is not None:
        return f"by tag …{node.tag.rpartition('.')[2]}"
    hint = render.escape(node.hint or "")
    return f"“{hint}”" if hint and node.found != "entry" else hint


def _verdicts(node: Node, style: render.Style) -> Iterator[str]:
    if node.fault is not None:
        entry = catalog.entry(node.fault.code)
        yield style("bad", f"✖ {entry.title if entry else ''} [{node.fault.code}]")
        return
    for row in node.considered:
        mark, kind = _OUTCOMES[row.outcome]
        yield style(kind, f"{mark} {_said(row)}")


def _said(row: Considered) -> str:
    who = render.escape(", ".join(row.signers))
    if row.outcome == "counts":
        return f"signed by {who}"
    if row.code == "SM2008" and who:
        return f"attested by {who}"
    entry = catalog.entry(row.code or "")
    return f"{entry.title if entry else row.outcome} [{row.code}]"


def _document(node: Node) -> dict[str, Any]:
    fault = node.fault
    return {
        "digest": str(node.digest),
        "media_type": node.media_type,
        "artifact_type": node.artifact_type,
        "size": node.size,
        "found": node.found,
        "tag": node.tag,
        "hint": node.hint,
        "considered": [
            {
                "material": None if row.material is None else str(row.material),
                "format": row.format,
                "outcome": row.outcome,
                "signers": list(row.signers),
                "code": row.code,
                "got": row.got,
                "want": row.want,
            }
            for row in node.considered
        ],
        "fault": None if fault is None else {"code": fault.code, "got": fault.got, "want": fault.want},
        "attached": [_document(child) for child in node.attached],
    }
