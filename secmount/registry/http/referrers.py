"""Lists of what refers to an artifact: read row by row, signatures kept before the rest. Pure.

OCI distribution-spec v1.1, Listing Referrers. A list is a hint, and anyone who may push may make it long: what looks
like signature material is kept first, so that a thousand other referrers cannot crowd it out.
"""

from __future__ import annotations

import re

from secmount.errors import ContentError
from secmount.oci import descriptor, exact
from secmount.oci.descriptor import Descriptor
from secmount.oci.manifest import EMPTY, MANIFEST_LIMIT, OCI_MANIFEST
from secmount.registry.http.wire.url import Url, parse
from secmount.registry.source import REFERRERS_LIMIT, Referrers

ROWS_LIMIT = 10_000  # rows of one question; a real artifact has a handful
SIGNATURE_TYPES = (
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.cncf.notary.signature",
    "application/vnd.dev.cosign.artifact.sig.v1+json",
)
_SIGNING = ("sigstore", "cosign", "notary", "in-toto", "model-signing", "model_signing")
_SILENT = frozenset({None, EMPTY, OCI_MANIFEST, "application/vnd.oci.image.config.v1+json"})
_LINK = re.compile(r"<(?P<url>[^<>]*)>(?P<parameters>[^<]*)", re.ASCII)
_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"[^\"]*\bnext\b[^\"]*\"|next\b)", re.ASCII | re.IGNORECASE)


class Rows:
    """The rows of all pages: at most ROWS_LIMIT are looked at, at most REFERRERS_LIMIT of each rank are held."""

    def __init__(self) -> None:
        self.truncated = False
        self.cut = False  # a part of the list was not read
        self._left = ROWS_LIMIT
        self._ranks: tuple[dict[str, Descriptor], ...] = ({}, {}, {})

    @property
    def has_signatures(self) -> bool:
        """Say whether a row looks like signature material."""
        return bool(self._ranks[0])

    def add(self, raw: bytes, *, subject: str) -> None:
        """Read an index of referrers and hold the rows that there is room for; one that is no descriptor is left out.

        Raise `ContentError` SM5010, SM5011, SM5012.
        """
        value = exact.read(raw, limit=MANIFEST_LIMIT, subject=subject)
        rows = value.get("manifests") if isinstance(value, dict) else None
        if not isinstance(rows, list) or "layers" in value:
            raise ContentError("SM5012", subject=subject, got="no list of manifests", want="an index of referrers")
        self.cut = self.cut or len(rows) > self._left
        for entry in rows[: self._left]:
            self._left -= 1
            row = _row(entry, subject)
            if row is not None:
                self._hold(row)

    def _hold(self, row: Descriptor) -> None:
        rank = self._ranks[_rank(row)]
        if len(rank) < REFERRERS_LIMIT:
            rank.setdefault(str(row.digest), row)
        elif str(row.digest) not in rank:
            self.truncated = True

    def referrers(self) -> Referrers:
        """Give the best ones."""
        return Referrers((row for rank in self._ranks for row in rank.values()), truncated=self.truncated or self.cut)


def following(link: str | None, *, current: Url, own: bool) -> Url | None:
    """Give the next page's URL, None if this is the last; raise ValueError if it is not the same registry's."""
    for found in _LINK.finditer((link or "")[:8192]):
        if _NEXT.search(found["parameters"]):
            following = parse(found["url"], base=current)
            if not own or following.origin != current.origin:
                raise ValueError(f"a next page on {following.place}")
            return following
    return None


def _row(entry: object, subject: str) -> Descriptor | None:
    try:
        return descriptor.from_json(entry, subject=subject)
    except ContentError:
        return None


def _rank(row: Descriptor) -> int:
    said = " ".join((row.artifact_type or "", *row.annotations)).lower()
    if any(word in said for word in _SIGNING):
        return 0
    return 1 if row.artifact_type in _SILENT else 2
