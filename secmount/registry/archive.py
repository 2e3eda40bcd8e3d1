"""A source over an uncompressed tar of an OCI image layout (`oci-archive:`), read in place: nothing is unpacked."""

from __future__ import annotations

import os
import re
import stat

from secmount.errors import RegistryError
from secmount.local.owned import kind
from secmount.registry.files import OpenFile, fault
from secmount.registry.layout import Layout
from secmount.registry.members import Member, members

_WANTED = re.compile(r"oci-layout|index\.json|blobs/sha(?:256/[0-9a-f]{64}|512/[0-9a-f]{128})", re.ASCII)
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
}


class ArchiveFiles:
    """The files of a layout in a tar; it owns the archive's descriptor, which all of them share."""

    def __init__(self, handle: int, table: dict[str, Member], shown: str) -> None:
        self.shown = shown
        self._handle = handle
        self._members = table

    @classmethod
    def open(cls, path: str) -> ArchiveFiles:
        """Open the archive at `path` and find its members.

        Raise `RegistryError` SM4001 (not there), SM4005 (not a file), SM4030–SM4034 (not a sound tar), SM4002, SM4003.
        """
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as err:
            raise RegistryError("SM4001", subject=path, got=f"{err.strerror}", want="an archive of a layout") from err
        except OSError as err:
            raise fault(err, path) from err
        try:
            return cls(handle, _table(handle, path), path)
        except BaseException:
            os.close(handle)
            raise

    def find(self, name: str) -> OpenFile | None:
        """Give a file of the layout, or None if there is none."""
        member = self._members.get(name)
        if member is None:
            return None
        shown = f"{self.shown}, member {name}"
        return OpenFile(self._handle, start=member.start, size=member.size, shown=shown, owned=False)

    def list(self, folder: str, *, limit: int) -> tuple[str, ...]:
        """Give the names in `folder` in order, at most `limit`; none if there is no such folder."""
        inside = (name for name in self._members if name.startswith(f"{folder}/"))
        return tuple(sorted(name.removeprefix(f"{folder}/") for name, _ in zip(inside, range(limit), strict=False)))

    def close(self) -> None:
        """Give the archive's descriptor back."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)


class ArchiveSource(Layout):
    """A layout in a tar; `close` it, or use it for a block."""

    def __init__(self, path: str) -> None:
        """Open the archive at `path`; raise `RegistryError` SM4001–SM4034 or `ContentError` SM5010–SM5013."""
        super().__init__(ArchiveFiles.open(path))


def _table(handle: int, path: str) -> dict[str, Member]:
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode):
        raise RegistryError("SM4005", subject=path, got=kind(info.st_mode), want="a tar archive of a layout")
    whole = OpenFile(handle, start=0, size=info.st_size, shown=path, owned=False)
    start = whole.pread(8, 0)
    for magic, name in _COMPRESSED.items():
        if start.startswith(magic):
            raise RegistryError("SM4031", subject=path, got=name, want="an uncompressed tar")
    return members(whole.pread, info.st_size, wanted=_WANTED, shown=path)
