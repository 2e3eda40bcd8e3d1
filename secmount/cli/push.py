"""`push`."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from secmount.cli import context
from secmount.cli.configured import configured
from secmount.cli.options import common, pairs
from secmount.cli.view import render
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.progress import Progress
from secmount.cli.view.settings import Settings
from secmount.errors import InputError, StorageError
from secmount.oci.layer import TITLE
from secmount.oci.reference import LayoutReference, Reference

if TYPE_CHECKING:
    from secmount.publish.pack.layers import Format
    from secmount.publish.pack.package import Package
    from secmount.publish.upload import Pushed

EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"  # reproducible-builds.org/specs/source-date-epoch
_NEVER = 1 << 62  # seconds; later than any file

Paths = Annotated[
    list[str], typer.Argument(metavar="PATH[:MEDIA-TYPE]…", help="Files, and folders, which become tar+gzip.")
]
ArtifactType = Annotated[
    str | None, typer.Option("--artifact-type", metavar="TYPE", help="What the artifact is, as a media type.")
]
Annotation = Annotated[
    list[str] | None, typer.Option("--annotation", "-a", metavar="K=V", help="Of the manifest; repeatable.")
]
ArtifactConfig = Annotated[
    str | None, typer.Option("--artifact-config", metavar="FILE[:TYPE]", help="The artifact's config.")
]
Form = Annotated[
    str, typer.Option("--format", metavar="plain|modelpack", help="modelpack: a layer for each file of a model.")
]
KeepTimes = Annotated[bool, typer.Option("--keep-times", help="Keep modification times in folders; else they are 0.")]
ChunkSize = Annotated[
    int | None,
    typer.Option("--chunk-size", metavar="MIB", min=1, max=1024, help="Send blobs in chunks, not in one piece."),
]


def register(application: typer.Typer) -> None:
    """Add the command of this module."""
    application.command()(push)


@common("push", network=True)
def push(
    settings: Settings,
    ref: Annotated[str, typer.Argument(metavar="REF", help="HOST/NAME[:TAG] or oci:PATH[:TAG].")],
    paths: Paths,
    artifact_type: ArtifactType = None,
    annotation: Annotation = None,
    artifact_config: ArtifactConfig = None,
    format: Form = "plain",
    keep_times: KeepTimes = False,
    chunk_size: ChunkSize = None,
) -> Outcome:
    """Push files and folders to a registry or into a layout; the same content gives the same digest.

    secmount push ghcr.io/acme/bert:v1 config.json weights.safetensors tokenizer
    secmount push oci:/srv/models/bert:v1 ./bert
    """
    from secmount.app import publishing
    from secmount.publish.pack.layers import Options
    from secmount.publish.pack.package import pack
    from secmount.publish.upload import upload

    parsed, config, ways = _place(settings, ref), configured(settings), context.ways(settings)
    options = Options(
        name=parsed.name.rpartition("/")[2] or "artifact",
        format=_format(format),
        artifact_type=artifact_type,
        annotations=pairs(annotation or []),
        config=artifact_config,
        newest=_newest() if keep_times else None,
    )
    if not isinstance(parsed, LayoutReference):
        publishing.check_online(parsed, ways)
    with (
        Progress.on(settings, sys.stderr, stage="packing", moving="sending") as progress,
        pack(paths, options) as package,
        publishing.writer(parsed, config, ways, chunk_size=chunk_size and chunk_size << 20) as writer,
    ):
        if progress:
            progress.expect([blob.descriptor for blob in package.blobs])
        done = upload(package, writer, tag=parsed.tag, progress=progress.show if progress else None)
        if not isinstance(parsed, LayoutReference):
            try:
                publishing.remember(config, parsed, done.manifest.digest)
            except StorageError as err:
                settings.learned["warnings"] = (f"pushed, but sign will not take the tag, only the digest: {err}",)
        return _outcome(settings, parsed, package, done)


def _place(settings: Settings, text: str) -> Reference:
    parsed = context.named(settings, text)
    if isinstance(parsed, LayoutReference) and parsed.archive:
        raise InputError("SM1036", subject=text, got="an archive", want="a layout folder, oci:PATH[:TAG]")
    if parsed.digest is not None:
        raise InputError("SM1036", subject=text, got="a digest", want="a tag, or nothing after the name")
    return parsed


def _format(text: str) -> Format:
    if text not in ("plain", "modelpack"):
        raise InputError("SM1010", subject="--format", got=text, want="plain or modelpack")
    return "modelpack" if text == "modelpack" else "plain"


def _newest() -> int:
    """Give the latest time that is kept: SOURCE_DATE_EPOCH, if it is set."""
    text = os.environ.get(EPOCH_VARIABLE)
    if text is None:
        return _NEVER
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise InputError("SM1010", subject=EPOCH_VARIABLE, got=text, want="seconds since 1970")
    return int(text)


def _outcome(settings: Settings, place: Reference, package: Package, done: Pushed) -> Outcome:
    made, layers = done.manifest, package.blobs[:-1]
    full = f"oci:{place.path}" if isinstance(place, LayoutReference) else place.name
    size = sum(layer.descriptor.size for layer in layers)
    command = f"secmount sign {shlex.quote(f'{full}@{made.digest}')} --key release.key"
    shown = {
        "sent": done.sent,
        "present": done.present,
        "layers": [
            {
                "title": layer.descriptor.annotations[TITLE],
                "media_type": layer.descriptor.media_type,
                "digest": str(layer.descriptor.digest),
                "size": layer.descriptor.size,
            }
            for layer in layers
        ],
        "next": command,
    }
    artifact = {
        "reference": place.text,
        "name": place.name,
        "tag": place.tag,
        "digest": str(made.digest),
        "platform": None,
        "media_type": made.media_type,
        "artifact_type": made.artifact_type,
        "size": size,
    }
    lines = (
        f"pushed  {render.escape(full)}{f':{place.tag}' if place.tag else ''}",
        f"digest  {made.digest}",
        f"layers  {len(layers)}, {render.size(size)}; sent {render.size(done.sent)}, "
        f"{render.size(done.present)} were there",
        f"next    {render.escape(command)}",
    )
    return Outcome("push", (str(made.digest),) if settings.quiet else lines, {"pushed": shown}, artifact=artifact)
