"""A remembered mount for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from secmount.oci.digest import Digest
from secmount.store.tables.mounts import MountRow

BOOT = "3f1c0d1e-0000-4000-8000-000000000000"


def row(id: str = "1", **changes: Any) -> MountRow:
    """Give a mount that was begun, with `changes`."""
    made = MountRow(
        id=id,
        target="/mnt/models",
        reference="ghcr.io/acme/model:v1",
        name="ghcr.io/acme/model",
        manifest=Digest.of(b"a"),
        approved=(0, 2),
        tree=Digest.of(b"b"),
        objects=(Digest.of(b"c"),),
        backend="erofs",
        decision_id=id,
        policy_revision="sha256:00",
        options=(),
        enforced=(),
        withheld=(("a.pkl", "**/*.pkl"),),
        created_target=True,
        boot_id=BOOT,
        since_ms=1_000,
        files=3,
        bytes=99,
    )
    return replace(made, **changes)
