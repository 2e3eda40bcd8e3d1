"""Which entry of a layout's `index.json` is meant: by its name, or because it is the only artifact there.

Names stand in the annotation `org.opencontainers.image.ref.name`: skopeo and oras write a tag, podman and
`crane pull --annotate-ref` a whole reference. cosign names signatures by their subject (`sha256-<hex>.sig`) or, in
`cosign save`, by the annotation `kind`. Pure; OCI image-spec v1.1 `annotations.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from secmount.errors import RegistryError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest

REF_NAME = "org.opencontainers.image.ref.name"
_COSIGN = "dev.cosignproject.cosign/"  # pkg/oci/layout of cosign: the value of `kind`
_COSIGN_KINDS = {".sig": f"{_COSIGN}sigs", ".att": f"{_COSIGN}atts"}
_COSIGN_ARTIFACTS = frozenset({f"{_COSIGN}image", f"{_COSIGN}imageIndex"})
# A referrers tag (distribution-spec v1.1) or a cosign tag, alone or as the tag of a whole reference.
_ABOUT_OTHERS = re.compile(r"(?:.+/.+:)?(?:sha256-[0-9a-f]{64}|sha512-[0-9a-f]{128})(?P<suffix>\.[a-z0-9]+)?", re.ASCII)
_SHOWN = 8  # names or digests that an error lists


def named(entries: Iterable[Descriptor], name: str, *, shown: str) -> Descriptor:
    """Find the entry called `name`: so, as the tag of a whole reference, or as cosign marks what it saved.

    Raise `RegistryError` SM4010 (none) or SM4011 (several digests under one name).
    """
    rows = tuple(entries)
    found = [row for row in rows if row.annotations.get(REF_NAME) == name]
    by_digest = bool(found)
    found = found or [row for row in rows if _is_tagged(row.annotations.get(REF_NAME, ""), name)]
    found = found or [row for row in rows if _is_marked(row, name)]
    if len({row.digest for row in found}) > 1:
        choices = _listing(f"@{row.digest}" for row in found) if by_digest else _choices(found)
        raise RegistryError("SM4011", subject=shown, got=f"{name!r} for several digests", want=f"one of {choices}")
    if not found:
        there = names(rows)
        raise RegistryError("SM4010", subject=shown, got=f"no {name!r}", want=_listing(there) if there else None)
    return found[0]


def artifacts(entries: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    """Give one entry for each digest, without what its name or mark shows to be about another artifact."""
    rows = tuple(entries)
    called = {row.digest for row in rows if REF_NAME in row.annotations and not _is_about_others(row)}
    others = {row.digest for row in rows if _is_about_others(row)} - called
    found: dict[Digest, Descriptor] = {}
    for row in rows:
        if row.digest not in others:
            found.setdefault(row.digest, row)
    return tuple(found.values())


def names(entries: Iterable[Descriptor]) -> tuple[str, ...]:
    """Give the names that a user could choose from, in order."""
    found = {row.annotations[REF_NAME] for row in entries if REF_NAME in row.annotations and not _is_about_others(row)}
    return tuple(sorted(found))


def several(rows: Iterable[Descriptor], *, shown: str) -> RegistryError:
    """Give SM4012, which lists what there is to choose from."""
    return RegistryError("SM4012", subject=shown, got="several artifacts", want=f"one of {_choices(rows)}")


def _choices(rows: Iterable[Descriptor]) -> str:
    return _listing(
        f":{row.annotations[REF_NAME]}" if REF_NAME in row.annotations else f"@{row.digest}" for row in rows
    )


def _is_tagged(whole: str, tag: str) -> bool:
    before, colon, after = whole.rpartition(":")
    return bool(colon) and after == tag and "/" in before and "@" not in before


def _is_marked(row: Descriptor, name: str) -> bool:
    about = _ABOUT_OTHERS.fullmatch(name)
    kind = _COSIGN_KINDS.get(about["suffix"] or "") if about else None
    return kind is not None and row.annotations.get("kind") == kind


def _is_about_others(row: Descriptor) -> bool:
    kind = row.annotations.get("kind", "")
    if kind.startswith(_COSIGN) and kind not in _COSIGN_ARTIFACTS:
        return True
    return _ABOUT_OTHERS.fullmatch(row.annotations.get(REF_NAME, "")) is not None


def _listing(texts: Iterable[str]) -> str:
    rows = list(dict.fromkeys(texts))
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return ", ".join(rows[:_SHOWN]) + more
