"""The EROFS backend: an image of metadata over the stored blobs themselves, mounted by the kernel from descriptors.

Nothing is copied or unpacked for it, and what is mounted is what was verified: the very inodes that the store opened.
The mount is made nowhere, looked at, and only then put on its directory.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from typing import BinaryIO, ClassVar, Protocol

from secmount.errors import MountError
from secmount.mount import detached, inspection, linux, present, probe, scratch, table
from secmount.mount.backend import Mounted, Opener, Options
from secmount.mount.image import layout
from secmount.mount.image.content import filled
from secmount.mount.image.emission import emit
from secmount.mount.image.graph import collect
from secmount.mount.image.key import name
from secmount.mount.image.layout import Owner
from secmount.mount.linux import Attribute
from secmount.mount.target import Target
from secmount.oci.digest import Digest
from secmount.store.blob import Blob
from secmount.tree.node import Tree
from secmount.value import dataclass

_SPARE = 64  # descriptors needed beside the blobs
_PIECE = 1 << 20  # bytes
_ENFORCED = ("ro", "nosuid", "nodev", "noexec", "nosymfollow")


class Images(Protocol):
    """Where images are kept: `store.cas.Store`."""

    def derive(self, kind: str, key: str, write: Callable[[BinaryIO], None]) -> Blob:
        """Open the object made for (kind, key), making it by `write` if it is not there."""


@dataclass(frozen=True, slots=True)
class ErofsBackend:
    """Mounts with EROFS. `state`: where the kernel's answer to the probe is kept.

    `scratch`: directories for images without a name, where the store's file system cannot be mounted from.
    """

    images: Images
    state: str | None
    scratch: tuple[str, ...]
    name: ClassVar[str] = "erofs"
    mounting: ClassVar[bool] = True

    def probe(self) -> str | None:
        """Say why EROFS does not work here, or None; asked once for each boot."""
        return probe.reason(state=self.state, directories=self.scratch)

    def mount(self, tree: Tree, target: Target, options: Options, opener: Opener) -> Mounted:
        """Mount `tree` on `target`, read-only.

        Raise `MountError` SM6003 (does not work here), SM6004 (refused), SM6006, SM6007 (not what was asked for),
        SM6008 (a blob that is no file), SM6009 (no file system for the image), SM6020 to SM6022 (a tree that cannot be
        mapped).
        """
        reason = self.probe()  # whoever did not choose() must not mount on a kernel that reads zeros either
        if reason is not None:
            raise MountError("SM6003", subject=self.name, got=reason)
        mounted: list[Mounted] = []
        try:
            with ExitStack() as stack:
                stack.enter_context(_descriptors(len(tree.blobs) + _SPARE))
                blobs = {digest: stack.enter_context(closing(opener(digest))) for digest in tree.blobs}
                image = stack.enter_context(closing(self._image(tree, blobs, options)))
                devices = [_descriptor(blobs[digest]) for digest in filled(tree.blobs, blobs)]
                root = self._detached(_descriptor(image), devices, options)
                stack.callback(os.close, root)
                inspection.check_flags(root, _attributes(options))
                inspection.check_content(root, tree, blobs)
                row = _attach(root, target, options)
                mounted.append(self._mounted(row, tree, target, options, image.digest))
        except BaseException:
            if mounted:  # an interrupt while descriptors were given back
                present.unmount(replace(mounted[0], created=False), lazy=True)
            raise
        return mounted[0]

    def unmount(self, mounted: Mounted, *, lazy: bool) -> tuple[str, ...]:
        """Unmount it; raise `MountError` SM6030 to SM6033."""
        present.unmount(mounted, lazy=lazy)
        return ()

    def _mounted(self, row: table.Row, tree: Tree, target: Target, options: Options, image: Digest) -> Mounted:
        return Mounted(
            target=target.path,
            backend=self.name,
            options=row.options,
            enforced=tuple(option for option in _ENFORCED if option in row.options),
            mount_id=row.id,
            device=row.device,
            tree_digest=tree.digest,
            source=options.source,
            created=target.created,
            image=image,
        )

    def _image(self, tree: Tree, blobs: dict[Digest, Blob], options: Options) -> Blob:
        owner = Owner(options.uid, options.gid)

        def write(file: BinaryIO) -> None:
            file.writelines(emit(layout.plan(tree, collect(tree.root), blobs, owner)))

        return self.images.derive("erofs", name(tree, owner), write)

    def _detached(self, image: int, devices: Sequence[int], options: Options) -> int:
        """Mount nowhere: from the stored image, or a copy of it where it lies on a file system that cannot be used."""
        attributes = _attributes(options)
        try:
            for _ in _pieces(
                image
            ):  # in the page cache, or some kernels warn when EROFS reads it (docs/formats/image.md)
                pass
            try:
                return detached.mount(image, devices, options.source, attributes)
            except linux.KernelError as err:
                if err.errno != errno.ENOTBLK:
                    raise
            with closing(scratch.unnamed(self.scratch, _pieces(image))) as files:
                for handle in files:
                    try:
                        return detached.mount(handle, devices, options.source, attributes)
                    except linux.KernelError as err:
                        if err.errno != errno.ENOTBLK:
                            raise
        except OSError as err:
            raise MountError("SM6004", subject=options.source, got=err) from err
        raise MountError("SM6009", subject=options.source, got=", ".join(self.scratch) or "no directory to try")


def _attributes(options: Options) -> Attribute:
    attributes = Attribute.RDONLY | Attribute.NOSUID | Attribute.NODEV
    if not options.exec:
        attributes |= Attribute.NOEXEC
    return attributes | Attribute.NOSYMFOLLOW if options.nosymfollow else attributes


def _attach(root: int, target: Target, options: Options) -> table.Row:
    """Put the mount on its directory and see in the kernel's table that it is what was asked for; else take it away."""
    identity = table.mount_id(root)
    try:
        linux.attach(root, target.directory)
        row = table.by_id(identity)
        _check_bare(row, target)
        return inspection.check_row(row, detached.source_name(options.source), _attributes(options))
    except BaseException as err:
        if table.by_id(identity) is not None:
            linux.detach(root)
        if isinstance(err, linux.KernelError):
            raise MountError("SM6004", subject=target.path, got=err) from err
        raise


def _check_bare(row: table.Row | None, target: Target) -> None:
    """See that nothing was mounted on the directory since it was looked at: ours would lie on top of it."""
    if row is not None and row.parent != table.mount_id(target.directory):
        got, want = "another mount, made there meanwhile", "a directory that nothing is mounted on"
        raise MountError("SM6014", subject=target.path, got=got, want=want)


def _descriptor(blob: Blob) -> int:
    number = blob.fileno() if blob.complete else None
    if number is None:
        raise MountError("SM6008", subject=str(blob.digest), got="not a complete file here", want="a stored file")
    return number


def _pieces(handle: int) -> Iterator[bytes]:
    offset = 0
    while piece := os.pread(handle, _PIECE, offset):
        yield piece
        offset += len(piece)


@contextmanager
def _descriptors(wanted: int) -> Iterator[None]:
    """Let this process open that many more files for the block, as far as its hard limit goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = len(os.listdir("/proc/self/fd")) + wanted
    if soft == resource.RLIM_INFINITY or needed <= soft:
        yield
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else min(needed, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
