"""Makes a tree that is not kept yet: unpack, flatten, hold against the obligations, narrow, name by digest."""

from __future__ import annotations

import gc
import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from secmount.errors import ContentError
from secmount.oci import descriptor, exact
from secmount.oci.digest import Digest
from secmount.oci.layer import IMAGE_CONFIGS, LayerShape, shape
from secmount.policy.decision import Approved
from secmount.registry.source import CONFIG_LIMIT
from secmount.store.cas import Store
from secmount.store.pull import Held
from secmount.tree import cache, dump, links, portable, select
from secmount.tree.archive.entry import Layer
from secmount.tree.dump import walk
from secmount.tree.flatten import flatten
from secmount.tree.limits import Limits
from secmount.tree.node import Directory, Dropped, File, Symlink, Tree
from secmount.tree.obligations import denied, finished
from secmount.tree.options import Options
from secmount.tree.unpack import Request, unpack

_SAMPLE = 4  # files that a tree keeps at hand


def assemble(held: Held, store: Store, options: Options, key: str) -> Tree:
    """Make the tree of `held` and keep it under `key`; raise as `tree.build.build` says."""
    with _uncollected():
        return _assemble(held, store, options, key)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Hold the garbage collector off: it would look at a growing tree of live values again and again, in vain."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _assemble(held: Held, store: Store, options: Options, key: str) -> Tree:
    approved = held.approved
    asked = approved.obligations
    limits = options.limits
    if asked.max_unpacked_size is not None:
        limits = replace(limits, unpacked=min(limits.unpacked, asked.max_unpacked_size))
    flat = flatten(_layers(approved, store, limits), on_conflict=options.on_conflict)
    denied.check_files(flat.root, asked.forbid_digests, store)
    root, withheld = finished.meet(flat.root, asked)
    withheld += tuple((item.path, item.reason) for item in approved.decision.withheld)
    if asked.files is not None:
        finished.check_files(root, asked.files, withheld, partial=asked.files_partial)
    root, narrowed = select.narrow(root, options.selection)
    if asked.symlinks == "inside":
        links.check(root, ((path, node) for path, node in walk(root) if isinstance(node, Symlink)))
    colliding = portable.collisions(root)
    if options.portable:
        portable.check(root, colliding)
    tree = _named(root, store, key, withheld=withheld, dropped=flat.dropped + narrowed, collisions=colliding)
    cache.keep(store, key, tree)
    return tree


def _layers(approved: Approved, store: Store, limits: Limits) -> Iterator[Layer]:
    """Unpack one layer after the other, each within what those before it left of the limits."""
    manifest = approved.resolution.manifest
    shapes = [shape(layer, position, manifest) for position, layer in enumerate(manifest.layers)]
    diff_ids = _diff_ids(approved, shapes)
    left = limits
    for found, layer in zip(shapes, manifest.layers, strict=True):
        if found.position not in approved.decision.approved:
            yield _withheld(found)
            continue
        denied.check_layer(layer, found.position, approved.obligations.forbid_digests, store)
        unpacked = (*filter(None, (found.unpacked,)), *diff_ids[found.position : found.position + 1])
        entries = unpack(Request(layer, found, unpacked if found.kind == "archive" else (), left), store)
        left = replace(
            left,
            entries=left.entries - len(entries.entries),
            unpacked=left.unpacked - sum(entry.size for entry in entries.entries),
            names=left.names - sum(len(entry.path) + len(entry.target) for entry in entries.entries),
        )
        yield entries


def _withheld(found: LayerShape) -> Layer:
    if found.path is None or found.kind != "file":
        raise ContentError("SM5123", subject=f"layer {found.position}", got=f"kind {found.kind}", want="a file")
    return Layer(found.position, Digest.of(b""), (), mask=found.path)


def _diff_ids(approved: Approved, shapes: list[LayerShape]) -> tuple[Digest, ...]:
    """Give what an image's config says that its layers unpack to. OCI image-spec v1.1 `config.md`, rootfs."""
    resolution = approved.resolution
    if resolution.manifest.config.media_type not in IMAGE_CONFIGS or not any(found.image for found in shapes):
        return ()
    subject = f"config {resolution.manifest.config.digest}"
    config = exact.read(resolution.config, limit=CONFIG_LIMIT, subject=subject)
    rootfs = config.get("rootfs") if isinstance(config, dict) else None
    texts = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ContentError("SM5012", subject=subject, got="no rootfs.diff_ids", want="a digest for each layer")
    if len(texts) != len(shapes):
        raise ContentError("SM5105", subject=subject, got=f"{len(texts)} diff_ids", want=f"{len(shapes)}, one a layer")
    return tuple(descriptor.digest(text, subject=subject) for text in texts)


def _named(
    root: Directory,
    store: Store,
    key: str,
    *,
    withheld: finished.Withheld,
    dropped: tuple[Dropped, ...],
    collisions: tuple[tuple[str, ...], ...],
) -> Tree:
    """Give the tree its digest: that of its dump, which the store keeps."""
    with store.derive(cache.DUMP, key, lambda out: dump.write(root, out)) as kept:
        digest = kept.digest
    files = [(path, node) for path, node in walk(root) if isinstance(node, File)]
    return Tree(
        root=root,
        digest=digest,
        files=len(files),
        bytes=sum(node.extent.length for _, node in files),
        withheld=tuple(sorted(dict(reversed(withheld)).items())),
        dropped=dropped,
        blobs=tuple({node.extent.blob: None for _, node in files}),
        collisions=collisions,
        key=key,
        sample=tuple(
            heapq.nlargest(_SAMPLE, (row for row in files if row[1].size), key=lambda row: row[1].extent.length)
        ),
    )
