"""The mounting backends: one protocol, chosen by what the machine can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from secmount.oci.digest import Digest
from secmount.store.blob import Blob
from secmount.tree.node import Tree

Opener = Callable[[Digest], Blob]  # the store's open(): held, fresh blobs by digest


@dataclass(frozen=True, slots=True)
class Options:
    """What the mount shall be; `source` is shown by findmnt: `ghcr.io/acme/model@sha256:…`."""

    source: str
    exec: bool = False
    nosymfollow: bool = False
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class Mounted:
    """A tree at `target`. `options` as the kernel has them, `enforced` what the kernel holds to (empty for copies)."""

    target: str
    backend: str
    options: tuple[str, ...]
    enforced: tuple[str, ...]
    mount_id: int | None
    device: int | None  # st_dev of the mounted root
    tree_digest: Digest


class Backend(Protocol):
    """A way to make a tree visible."""

    name: str

    def probe(self) -> str | None:
        """Say why this backend does not work here, or None if it does."""

    def mount(self, tree: Tree, target: str, options: Options, opener: Opener) -> Mounted:
        """Make `tree` visible at the existing empty directory `target`; raise `MountError`, nothing half done."""

    def unmount(self, mounted: Mounted, *, lazy: bool) -> None:
        """Take it away; raise `MountError` SM6xxx (busy, not ours)."""
