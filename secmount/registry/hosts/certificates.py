"""Certificate authorities and client certificates by host: containers-certs.d(5)."""

from __future__ import annotations

import os
from collections.abc import Iterable

from secmount.errors import RegistryError, StorageError
from secmount.local import files, owned
from secmount.value import dataclass

_PEM_LIMIT = 8 << 20  # bytes; the whole of the web's authorities have 250 KiB
_MARK = b"-----BEGIN CERTIFICATE-----"
_WHAT = "certificate"


@dataclass(frozen=True, slots=True)
class HostCertificates:
    """Paths of PEM files, each believed only if nobody but root or the caller controls it."""

    authorities: tuple[str, ...] = ()
    client: tuple[str, str] | None = None  # certificate, key


def look_up(folders: Iterable[str], names: Iterable[str], *, uid: int) -> HostCertificates:
    """Read the first of `folders` that has one of `names` (`host[:port]`) in it.

    Raise `RegistryError` SM4224 where what is there cannot be meant, `StorageError` SM70xx where others control it.
    """
    names = tuple(names)
    for folder in folders:
        for name in names:
            place = os.path.join(folder, name)
            if os.path.isdir(place):
                return _read(place, uid)
    return HostCertificates()


def check_authority(path: str, *, uid: int) -> str:
    """Check that `path`, named by an option or the configuration, is there, ours, and PEM; give it."""
    try:
        data = files.read_owned(path, uid=uid, what="CA file", limit=_PEM_LIMIT)
    except StorageError as err:
        if err.code in ("SM7004", "SM7013", "SM7014"):
            raise RegistryError("SM4225", subject=path, got=err.got or "no such file", want="PEM certificates") from err
        raise
    if _MARK not in data:
        raise RegistryError("SM4225", subject=path, got="no certificate in it", want="PEM certificates")
    return path


def _read(place: str, uid: int) -> HostCertificates:
    owned.check_owned(place, uid=uid, what="certificates of the host")
    try:
        names = sorted(os.listdir(place))
    except OSError as err:
        raise RegistryError("SM4224", subject=place, got=err.strerror or str(err)) from err
    authorities = tuple(os.path.join(place, name) for name in names if name.endswith(".crt"))
    stems = {suffix: [n.removesuffix(suffix) for n in names if n.endswith(suffix)] for suffix in (".cert", ".key")}
    lonely = sorted(set(stems[".cert"]) ^ set(stems[".key"]))
    if lonely or len(stems[".cert"]) > 1:
        got = f"{lonely[0]} without its other half" if lonely else f"{len(stems['.cert'])} client certificates"
        raise RegistryError("SM4224", subject=place, got=got, want="one NAME.cert and its NAME.key, or neither")
    client = None
    for stem in stems[".cert"]:
        client = (os.path.join(place, f"{stem}.cert"), os.path.join(place, f"{stem}.key"))
    for path in (*authorities, *(client or ())):
        owned.check_owned(path, uid=uid, what=_WHAT)
    return HostCertificates(authorities, client)
