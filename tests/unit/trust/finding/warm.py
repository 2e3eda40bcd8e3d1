"""Run by a test in a process of its own: gathers from a layout with a memory in a file, and says what was loaded.

python -m tests.unit.trust.finding.warm LAYOUT DIGEST POLICY MEMORY

POLICY and MEMORY are JSON files; MEMORY is written back.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from secmount.oci.reference import parse
from secmount.policy import glob
from secmount.registry.layout import LayoutSource
from secmount.registry.resolve import resolve
from secmount.trust.gather import gather
from secmount.trust.root import TrustRoot
from secmount.trust.signer import KeylessSigner, KeySigner, Signer

HEAVY = ("cryptography.hazmat", "sigstore.models", "rfc3161_client", "tuf", "pydantic")


def main(layout: str, digest: str, policy: str, memory: str) -> None:
    """Print how many signatures there are, and which heavy libraries were loaded."""
    kept = Kept(Path(memory))
    with LayoutSource(layout) as source:
        text = f"oci:{layout}@{digest}"
        reference = parse(text, cwd="/")
        found = resolve(reference, source, name=reference.name, name_source="asked", platform=None)
        evidence = gather(found, source, _signers(json.loads(Path(policy).read_text())), memory=kept, now_ms=0)
    kept.save()
    print(len(evidence.signatures), *(name for name in HEAVY if name in sys.modules))  # noqa: T201


class Kept:
    """A memory in a file."""

    def __init__(self, path: Path) -> None:
        """Read what is there."""
        self._path = path
        self._rows: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def get(self, key: str) -> str | None:
        """Give what is known."""
        return self._rows.get(key)

    def put(self, key: str, value: str) -> None:
        """Keep it."""
        self._rows[key] = value

    def save(self) -> None:
        """Write it all back."""
        self._path.write_text(json.dumps(self._rows))


def _signers(policy: Mapping[str, str]) -> Mapping[str, Signer]:
    raw = base64.b64decode(policy["root"])
    root = TrustRoot("mini", "sha256:" + "0" * 64, raw, 1)
    identity = glob.identity(policy["identity"])
    ci = KeylessSigner("ci", 1, policy["issuer"], identity, root)
    return {"ci": ci, "release": KeySigner("release", 2, base64.b64decode(policy["key"]), policy["principal"])}


if __name__ == "__main__":
    main(*sys.argv[1:])
