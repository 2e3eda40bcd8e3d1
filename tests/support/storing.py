"""A registry that can be written to, honest until a rule of `Lying` says otherwise. Knows nothing of secmount."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.lying import INDEX, MANIFEST, Lying, Reply, Seen, error

_PLACE = re.compile(r"/v2/(?P<name>.+)/(?P<kind>blobs|manifests|referrers)/(?P<rest>.+)")


class Storing(Lying):
    """Takes blobs in one piece or in chunks, and manifests; `referrers`: has the referrers API."""

    def __init__(self, address: str = "127.0.0.1", *, referrers: bool = True, marks: bool = False, **more: Any) -> None:
        self.referrers, self.marks = referrers, marks  # marks: manifests have an ETag, and If-Match is heeded
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}  # by digest and by tag
        self._uploads: dict[str, bytes] = {}
        super().__init__(address, **more)

    def tagged(self, tag: str) -> Any:
        """Give the document at a tag."""
        return json.loads(self.manifests[tag][1])

    def _truth(self, seen: Seen) -> Reply:
        target = urlsplit(seen.target)
        place = _PLACE.fullmatch(target.path)
        if place is None:
            return super()._truth(seen)
        kind, rest = place["kind"], place["rest"]
        if kind == "referrers":
            return self._referrers(rest)
        if kind == "manifests":
            return self._manifest(seen, rest)
        if rest.startswith("uploads/"):
            return self._upload(seen, target.path, rest.removeprefix("uploads/"), parse_qs(target.query))
        data = self.blobs.get(rest)
        return error(404, "BLOB_UNKNOWN") if data is None else Reply(headers=_digest(rest), body=data)

    def _upload(self, seen: Seen, path: str, name: str, query: dict[str, list[str]]) -> Reply:
        if seen.method == "POST":
            name = f"u{len(self._uploads)}"
            self._uploads[name] = b""
            return Reply(202, (("Location", f"{path}{name}?state=1"),))
        if name not in self._uploads:
            return error(404, "BLOB_UPLOAD_UNKNOWN")
        if seen.method == "PATCH":
            start = int(seen.headers["content-range"].partition("-")[0])
            if start != len(self._uploads[name]):
                return error(416, "SIZE_INVALID")
            self._uploads[name] += seen.body
            return Reply(202, (("Location", f"{path}?state=1"),))
        data = self._uploads.pop(name) + seen.body
        wanted = query["digest"][0]
        if _hash(data) != wanted:
            return error(400, "DIGEST_INVALID")
        self.blobs[wanted] = data
        return Reply(201, _digest(wanted))

    def _manifest(self, seen: Seen, name: str) -> Reply:
        if seen.method != "PUT":
            found = self.manifests.get(name)
            if found is None:
                return error(404, "MANIFEST_UNKNOWN")
            media_type, raw = found
            mark = (("ETag", f'"{_hash(raw)}"'),) if self.marks else ()
            return Reply(headers=(("Content-Type", media_type), *_digest(_hash(raw)), *mark), body=raw)
        standing = self.manifests.get(name)
        match = seen.headers.get("if-match")
        if self.marks and match is not None and (standing is None or match != f'"{_hash(standing[1])}"'):
            return error(412, "UNKNOWN")
        digest = _hash(seen.body)
        row = (seen.headers.get("content-type", ""), seen.body)
        self.manifests[digest] = self.manifests[name] = row
        subject = json.loads(seen.body).get("subject")
        said = (("OCI-Subject", subject["digest"]),) if self.referrers and subject else ()
        return Reply(201, (*_digest(digest), *said))

    def _referrers(self, subject: str) -> Reply:
        if not self.referrers:
            return error(404, "NOT_FOUND")
        rows = []
        for digest, (media_type, raw) in self.manifests.items():
            document = json.loads(raw)
            if digest.startswith("sha256:") and (document.get("subject") or {}).get("digest") == subject:
                row = {"mediaType": media_type or MANIFEST, "digest": digest, "size": len(raw)}
                rows.append({**row, "artifactType": document.get("artifactType")})
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}).encode()
        return Reply(headers=(("Content-Type", INDEX),), body=body)


def _digest(text: str) -> tuple[tuple[str, str], ...]:
    return (("Docker-Content-Digest", text),)


def _hash(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
