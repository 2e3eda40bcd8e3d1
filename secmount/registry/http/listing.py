"""What refers to an artifact, asked of a registry: the referrers API with its pages, and the fallback tag.

OCI distribution-spec v1.1, Listing Referrers and Unavailable Referrers API. Pages are followed on the same origin only.
"""

from __future__ import annotations

from urllib.parse import quote

from secmount.errors import ContentError, RegistryError
from secmount.oci.digest import Digest
from secmount.oci.manifest import MANIFEST_LIMIT, OCI_INDEX
from secmount.registry.http import referrers
from secmount.registry.http.client import Client
from secmount.registry.http.wire.answers import Answer
from secmount.registry.source import Referrers

_NO_API = frozenset({400, 404, 405, 501})  # how registries without the referrers API answer
_ABSENT = frozenset({404})
_PAGES = 32
_ACCEPT = {"Accept": OCI_INDEX}


class Listing:
    """The referrers that `client` knows."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rows = referrers.Rows()

    def read(self, subject: Digest) -> Referrers:
        """List what says that it is about `subject`.

        A list too long to be read is asked for again by type of signature, which registries may honour. The fallback
        tag is asked for where there is no API, and where the API knows no signature: it may be younger than those.
        """
        target = f"/v2/{self._client.location.repository}/referrers/{subject}"
        self._pages(target, _PAGES)
        if self._rows.cut:
            for kind in referrers.SIGNATURE_TYPES:
                self._pages(f"{target}?artifactType={quote(kind, safe='')}", 1)
        if not self._rows.has_signatures:
            self._fallback(subject)
        return self._rows.referrers()

    def _pages(self, first: str, most: int) -> None:
        target, seen = first, {first}
        for _ in range(most):
            answer = self._page(target, _NO_API)
            following = None if answer is None else self._following(answer)
            if following is None or self._rows.cut:
                return
            if following in seen:
                raise RegistryError("SM4122", subject=self._client.place, got="a next page that was read already")
            seen.add(following)
            target = following
        self._rows.cut = True

    def _fallback(self, subject: Digest) -> None:
        tag = f"{subject.algorithm}-{subject.hex}"[:128]  # a tag's longest; distribution-spec, Referrers Tag Schema
        self._page(f"/v2/{self._client.location.repository}/manifests/{tag}", _ABSENT)

    def _page(self, target: str, absent: frozenset[int]) -> Answer | None:
        """Read one page; None if there is none, or it is too long to be read."""
        try:
            answer, raw = self._client.document(target, _ACCEPT, limit=MANIFEST_LIMIT, passed=absent)
        except ContentError as err:
            if err.code != "SM5011":
                raise
            self._rows.cut = True
            return None
        if answer.status in absent:
            return None
        self._rows.add(raw, subject=f"{self._client.shown}, referrers")
        return answer

    def _following(self, answer: Answer) -> str | None:
        try:
            found = referrers.following(answer.header("Link"), current=answer.url, own=answer.own)
        except ValueError as err:
            raise RegistryError("SM4122", subject=self._client.place, got=str(err)) from err
        return None if found is None else found.target
