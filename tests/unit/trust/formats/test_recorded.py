"""What the real cosign 2 wrote, kept as it was: a signature and attestations by a Sigstore whose keys are gone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from secmount.oci import manifest
from secmount.oci.manifest import Manifest
from secmount.trust.evidence import Evidence
from secmount.trust.gather import gather
from secmount.trust.root import TrustRoot
from tests.support import legacy, shelf
from tests.support.layouts import OCI_MANIFEST, Json, encode
from tests.support.shelf import Shelf
from tests.unit.trust import world

RECORD: Json = json.loads((Path(__file__).parent / "cosign2.json").read_text())
LOG, STAMP = {legacy.BUNDLE}, {legacy.STAMP}
ATTESTED = {
    "https://example.test/logged-and-stamped": LOG | STAMP,
    "https://example.test/stamped": STAMP,
    "https://example.test/logged-as-intoto": LOG,
    "https://example.test/logged-as-intoto-and-stamped": LOG | STAMP,
}


def looked_at(layers: Json | None = None) -> Evidence:
    """Gather what was recorded; `layers`: the attestations' manifest with others."""
    about = manifest.parse(RECORD["artifact"].encode(), expected=None, subject="model")
    assert isinstance(about, Manifest)
    source = Shelf()
    for blob in RECORD["blobs"]:
        source.put(blob.encode())
    for suffix, document in RECORD["tags"].items():
        raw = document.encode() if layers is None or suffix == ".sig" else encode(layers)
        source.tags[str(about.digest).replace(":", "-") + suffix] = source.put(raw, OCI_MANIFEST)
    raw = json.dumps(RECORD["root"]).encode()
    root = TrustRoot("recorded", f"sha256:{hashlib.sha256(raw).hexdigest()}", raw)
    by = world.signer(issuer=RECORD["issuer"], pattern=RECORD["identity"], root=root, claims={})
    return gather(shelf.resolved(about), source, {"ci": by})


def test_all_of_it_counts() -> None:
    found = looked_at()
    (signature,) = found.signatures
    assert (signature.identity, signature.bound_to) == (RECORD["identity"], RECORD["repository"])
    assert {one.predicate_type for one in found.attestations} == set(ATTESTED)
    assert {one.code for one in found.considered} == {None, "SM2008"}
    assert signature.time.not_after and all(one.time.not_after for one in found.attestations)


@pytest.mark.parametrize("kind", ATTESTED)
def test_stamps_and_entries_of_another_envelope(kind: str) -> None:
    """All are by one identity, and what each brings is sound in its own place."""
    document = json.loads(RECORD["tags"][".att"])
    by_type = {row["annotations"]["predicateType"]: row for row in document["layers"]}
    row, others = by_type[kind], [by_type[other] for other in ATTESTED if other != kind]
    for name in ATTESTED[kind]:
        other = next(one["annotations"] for one in others if name in one["annotations"])
        changed = {**row, "annotations": {**row["annotations"], name: other[name]}}
        found = looked_at({**document, "layers": [changed]})
        assert found.attestations == ()
        assert [one.code for one in found.considered if one.code] == ["SM2029" if name in STAMP else "SM2027"]
