"""Keep what a decision was taken from: manifest, index, config and signature material, in the store's own layout.

The store is then itself a source: `LayoutSource(store.root)` resolves the artifact's logical name and finds its
evidence, so that `--offline` decides anew. Referrers stand in index.json beside what they are about (image-spec
v1.1 `manifest.md`, `subject`), without a name.
"""

from __future__ import annotations

import re

from secmount.oci.descriptor import Descriptor
from secmount.oci.manifest import INDEX_TYPES, MANIFEST_TYPES
from secmount.oci.reference import Reference
from secmount.registry.resolution import Resolution
from secmount.store.cas import Store
from secmount.store.index import REF_NAME
from secmount.trust.evidence import Evidence

# distribution-spec v1.1 `#referrers-tag-schema`; cosign's older tags add .sig or .att
_SUBJECT_TAG = re.compile(r"(?P<algorithm>sha256|sha512)-(?P<hex>[0-9a-f]+)(?:\.[a-z]{1,8})?", re.ASCII)
_LISTED = INDEX_TYPES | MANIFEST_TYPES


def keep(store: Store, resolution: Resolution, evidence: Evidence) -> None:
    """Put documents and evidence into `store` and list them; what is there already is not written again.

    Raise `StorageError` SM7033 (index.json), SM7001 to SM7006.
    """
    manifest, index = resolution.manifest, resolution.index
    artifact = Descriptor(manifest.media_type, manifest.digest, len(manifest.raw), artifact_type=manifest.artifact_type)
    store.put(manifest.config, (resolution.config,))
    store.put(artifact, (manifest.raw,))
    top = artifact
    rows: list[tuple[Descriptor, str | None]] = []
    if index is not None:
        top = Descriptor(index.media_type, index.digest, len(index.raw), artifact_type=index.artifact_type)
        store.put(top, (index.raw,))
        rows.append((artifact, None))
    rows.append((top, logical_name(resolution.reference)))
    names = set[str]()  # what counts comes first, and no tag of another repository takes its place
    for kept in evidence.kept:
        store.put(kept.descriptor, (kept.raw,))
        if kept.descriptor.media_type in _LISTED:
            name = _evidence_name(kept.descriptor, resolution)
            rows.append((kept.descriptor, None if name in names else name))
            names |= {name} if name is not None else set()
    store.index.add(rows)


def _evidence_name(descriptor: Descriptor, resolution: Resolution) -> str | None:
    """Give the tag that finds evidence by its subject's digest; any other name a source gives it is dropped.

    Otherwise a source could list its own manifest under the name of another artifact.
    """
    name = descriptor.annotations.get(REF_NAME)
    found = None if name is None else _SUBJECT_TAG.fullmatch(name)
    subjects = {(subject.algorithm, subject.hex) for subject in resolution.subjects}
    return name if found and (found["algorithm"], found["hex"]) in subjects else None


def logical_name(reference: Reference) -> str | None:
    """Give the name under which index.json lists the artifact: `ghcr.io/acme/model:v1`; None if asked for by digest.

    It is the reference's own name even where the user asserted another one (`--as`): an assertion is not remembered.
    """
    return None if reference.tag is None else f"{reference.name}:{reference.tag}"
