"""What `sign` shows: before, what is about to be signed; after, what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secmount.cli.view import render
from secmount.oci.layer import TITLE
from secmount.oci.manifest import Index
from secmount.oci.reference import Reference

if TYPE_CHECKING:
    from secmount.publish.attach import Attached, Subject

_ROWS = 20  # of layers or annotations


def about_to_be_signed(subject: Subject, place: Reference, repository: str) -> list[str]:
    """Say what a signature would be about, in the words of the artifact itself."""
    found, document = subject.descriptor, subject.document
    lines = [
        f"signing     {render.escape(place.text)}",
        f"  digest    {found.digest}",
        f"  for       {render.escape(repository)}",
        f"  type      {render.escape(document.artifact_type or document.media_type)}",
    ]
    notes = [f"{name}={text}" for name, text in sorted(document.annotations.items())]
    lines += [f"  {'says' if at == 0 else '':8}  {render.escape(note)}" for at, note in enumerate(notes[:_ROWS])]
    index = isinstance(document, Index)
    rows = document.manifests if isinstance(document, Index) else document.layers
    for at, row in enumerate(rows[:_ROWS]):
        named = row.annotations.get(TITLE) or (str(row.platform) if row.platform else row.media_type)
        head = ("manifests" if index else "layers") if at == 0 else ""
        shown = f"{render.size(row.size)}  {row.digest.algorithm}:{row.digest.hex[:12]}…  {render.escape(named)}"
        lines.append(f"  {head:8}  {shown}")
    left = max(0, len(rows) - _ROWS) + max(0, len(notes) - _ROWS)
    return [*lines, *([f"  {'':8}  and {left} more"] if left else [])]


def signed(done: Attached, place: Reference, repository: str, format: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Show the signature: as lines, and as the document's field."""
    shown = {
        "subject": str(done.subject),
        "principal": done.principal,
        "referrer": str(done.referrer),
        "repository": repository,
        "signed_at": done.signed_at,
        "format": format,
        "tag": done.tag,
    }
    lines = (
        f"signed    {render.escape(place.text)}",
        f"digest    {done.subject}",
        f"for       {render.escape(repository)}",
        f"by        {done.principal}",
        f"referrer  {done.referrer}" if done.tag is None else f"at        :{done.tag}",
    )
    return lines, shown
