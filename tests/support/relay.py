"""Copies a signed artifact from a source into a layout, each signature bundle changed on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.publish.layout import LayoutWriter
from secmount.registry.source import Source

Change = Callable[[dict[str, Any]], None]


def relay(source: Source, writer: LayoutWriter, tag: str, change: Change) -> str:
    """Copy `tag` and its referrers; give the artifact's digest."""
    head = source.head(tag, None)
    raw = source.manifest(head)
    _content(source, writer, json.loads(raw))
    writer.add_document(raw)
    for row in source.referrers(head.digest):
        document = json.loads(source.manifest(row))
        _content(source, writer, {"config": document["config"], "layers": []})
        layer = document["layers"][0]
        bundle = json.loads(source.small(_descriptor(layer), limit=1 << 20))
        change(bundle)
        written = writer.add_blob(json.dumps(bundle).encode(), layer["mediaType"])
        document["layers"] = [{**layer, "digest": str(written.digest), "size": written.size}]
        writer.add_document(json.dumps(document).encode())
    return str(head.digest)


def _content(source: Source, writer: LayoutWriter, document: dict[str, Any]) -> None:
    for part in (document["config"], *document["layers"]):
        wanted = _descriptor(part)
        with source.stream(wanted) as chunks:
            writer.put(wanted, chunks)


def _descriptor(part: dict[str, Any]) -> Descriptor:
    return Descriptor(part["mediaType"], Digest.parse(part["digest"]), part["size"])
