"""The mounting backends: one protocol, chosen by what the machine can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from secmount.mount.target import Target
from secmount.oci.digest import Digest
from secmount.store.blob import Blob
from secmount.tree.node import Tree
from secmount.value import dataclass

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
    """A tree at `target`. `options` as the kernel has them, `enforced` what the kernel holds to (empty for copies).

    `created`: the directory was not there before, and goes at unmount if it is empty then. `image`: the stored object
    that describes the tree to the kernel.
    """

    target: str
    backend: str
    options: tuple[str, ...]
    enforced: tuple[str, ...]
    mount_id: int | None  # as in /proc/self/mountinfo
    device: int | None  # st_dev of the mounted root
    tree_digest: Digest
    source: str = ""  # as in /proc/self/mountinfo
    created: bool = False
    image: Digest | None = None


class Backend(Protocol):
    """A way to make a tree visible."""

    @property
    def name(self) -> str:
        """What `--backend` calls it."""

    @property
    def mounting(self) -> bool:
        """Whether it mounts; one that does not is taken only where the user named it."""

    def probe(self) -> str | None:
        """Say why this backend does not work here, or None if it does."""

    def mount(self, tree: Tree, target: Target, options: Options, opener: Opener) -> Mounted:
        """Make `tree` visible at `target` (from `target.prepare`); raise `MountError`, nothing half done."""

    def unmount(self, mounted: Mounted, *, lazy: bool) -> tuple[str, ...]:
        """Take it away; raise `MountError` SM6030 (not there), SM6031 (busy), SM6032, SM6033.

        Give what had to be left: files of others, or changed since, where a copy was.
        """
