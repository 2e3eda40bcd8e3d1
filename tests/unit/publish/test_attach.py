"""What is looked at before it is signed: the source's word is not taken for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from secmount.errors import ContentError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import OCI_INDEX, OCI_MANIFEST
from secmount.publish import attach

ROW = {"mediaType": "application/octet-stream", "digest": str(Digest.of(b"x")), "size": 1}
RAW = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": ROW, "layers": [ROW]}).encode()


@dataclass
class Given:
    """A source that gives these bytes under this descriptor."""

    row: Descriptor
    raw: bytes

    def head(self, tag: str | None, digest: Digest | None) -> Descriptor:
        return self.row

    def manifest(self, wanted: Descriptor) -> bytes:
        return self.raw


def look(row: Descriptor, raw: bytes) -> attach.Subject:
    source: Any = Given(row, raw)
    return attach.look(source, "v1", None, shown="x")


def test_what_it_is() -> None:
    found = look(Descriptor(OCI_MANIFEST, Digest.of(RAW), len(RAW)), RAW)
    assert found.descriptor.digest == found.document.digest == Digest.of(RAW)


@pytest.mark.parametrize(
    ("row", "raw", "code"),
    [
        (Descriptor(OCI_MANIFEST, Digest.of(RAW), len(RAW)), RAW + b" ", "SM5001"),
        (Descriptor(OCI_MANIFEST, Digest.of(RAW), len(RAW) + 1), RAW, "SM5001"),
        (Descriptor(OCI_MANIFEST, Digest.of(RAW + b" "), len(RAW)), RAW, "SM5001"),
        (Descriptor(OCI_INDEX, Digest.of(RAW), len(RAW)), RAW, "SM5013"),
        (Descriptor(OCI_MANIFEST, Digest.of(b"{}"), 2), b"{}", "SM5012"),
    ],
)
def test_what_nobody_should_sign(row: Descriptor, raw: bytes, code: str) -> None:
    with pytest.raises(ContentError) as caught:
        look(row, raw)
    assert caught.value.code in (code, "SM5013")
