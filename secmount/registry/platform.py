"""Platforms: as a user writes them, as this machine has them, and which of an index's entries fits best.

Names are Go's (GOOS, GOARCH), variants those of the OCI image index. The order of preference is containerd's
(`platforms` module): the variant itself, then lower ones. Pure but for `host`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from secmount.errors import InputError, RegistryError
from secmount.oci.descriptor import Descriptor, Platform
from secmount.oci.digest import Digest

_FORM = re.compile(
    r"(?P<os>[a-z0-9]{1,32})/(?P<architecture>[a-z0-9_]{1,32})(?:/(?P<variant>[a-z0-9.]{1,32}))?", re.ASCII
)
_MACHINES = {  # uname -m to GOARCH and variant
    "x86_64": ("amd64", None),
    "aarch64": ("arm64", None),
    "armv8l": ("arm", "v7"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "armv5tel": ("arm", "v5"),
    "i386": ("386", None),
    "i686": ("386", None),
    "loongarch64": ("loong64", None),
    "mips64": ("mips64", None),
    "ppc64le": ("ppc64le", None),
    "riscv64": ("riscv64", None),
    "s390x": ("s390x", None),
}
_SPELLINGS = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm"}
_DEFAULT = {"amd64": 1, "arm64": 8, "arm": 7}  # the variant that an entry without one means
_VARIANT = re.compile(r"v([0-9]{1,2})", re.ASCII)
_DOCKER_REFERENCE = "vnd.docker.reference.type"  # BuildKit marks attestation manifests so
_SHOWN = 8  # entries that an error lists


def parse(text: str) -> Platform:
    """Read `OS/ARCHITECTURE[/VARIANT]`, as in `--platform`; raise `InputError` SM1014."""
    found = _FORM.fullmatch(text.lower())
    if not found:
        raise InputError("SM1014", got=ascii(text), want="OS/ARCHITECTURE[/VARIANT], such as linux/arm64/v8")
    architecture = _SPELLINGS.get(found["architecture"], found["architecture"])
    return Platform(found["os"], architecture, found["variant"])


def host() -> Platform:
    """Give this machine's platform."""
    machine = os.uname().machine
    architecture, variant = _MACHINES.get(machine, (machine, None))
    return Platform("linux", architecture, variant)


def choose(entries: Iterable[Descriptor], asked: Platform | None, *, shown: str) -> Descriptor:
    """Choose the entry of an index for platform `asked`, or for this machine's.

    Attestation manifests are passed over. Where nothing was asked and there is only one other entry, and it names no
    platform, it is that one. Raise `RegistryError` SM4020 (none fits) or SM4021 (several fit equally well).
    """
    rows = [row for row in entries if not _is_attestation(row)]
    wanted = asked or host()
    ranked = [(rank, row) for row in rows if (rank := _rank(row.platform, wanted)) is not None]
    if ranked:
        best = max(rank for rank, _ in ranked)
        return _one([row for rank, row in ranked if rank == best], wanted, shown)
    if asked is None and rows and all(row.platform is None for row in rows):
        return _one(rows, None, shown)
    there = ", ".join(dict.fromkeys(str(row.platform or "no platform") for row in rows[:_SHOWN]))
    raise RegistryError("SM4020", subject=shown, got=there or "no manifest", want=str(wanted))


def _one(rows: list[Descriptor], wanted: Platform | None, shown: str) -> Descriptor:
    distinct: dict[Digest, Descriptor] = {}
    for row in rows:
        distinct.setdefault(row.digest, row)
    if len(distinct) > 1:
        got = f"{len(distinct)} manifests for {wanted}" if wanted else f"{len(distinct)} manifests without a platform"
        choices = ", ".join(f"@{digest}" for digest in list(distinct)[:_SHOWN])
        raise RegistryError("SM4021", subject=shown, got=got, want=f"one of {choices}")
    return rows[0]


def _is_attestation(row: Descriptor) -> bool:
    unknown = row.platform is not None and (row.platform.os, row.platform.architecture) == ("unknown", "unknown")
    return unknown or _DOCKER_REFERENCE in row.annotations


def _rank(offered: Platform | None, wanted: Platform) -> int | None:
    """Say how well `offered` serves `wanted`: the higher the better, None not at all."""
    if offered is None or offered.os.lower() != wanted.os:
        return None
    architecture = offered.architecture.lower()
    if _SPELLINGS.get(architecture, architecture) != wanted.architecture:
        return None
    have, need = _level(offered.variant, wanted.architecture), _level(wanted.variant, wanted.architecture)
    if have is None or need is None:
        return 0 if (offered.variant or "") == (wanted.variant or "") else None
    return have if have <= need else None


def _level(variant: str | None, architecture: str) -> int | None:
    if not variant:
        return _DEFAULT.get(architecture)
    found = _VARIANT.fullmatch(variant.lower())
    return int(found[1]) if found else None
