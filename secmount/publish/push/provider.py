"""oras's registry client: its way to speak the protocol is used, what it does without looking is done here.

Each override closes a hole of oras-py 0.2.43 that tests/unit/publish/push/test_guards.py shows: no digest or size is
checked by it, credentials and tokens go where an answer points, no request has a timeout, every failure is retried for
two minutes, whole blobs are held in memory, an upload's Location leads anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

import requests
from oras.auth.base import AuthBackend
from oras.provider import Registry

from secmount.errors import ContentError, RegistryError, SecmountError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import MANIFEST_LIMIT
from secmount.publish.push.place import Place
from secmount.publish.push.wire import Body, Wire
from secmount.registry.hosts.value import Location
from secmount.registry.http.wire import faults
from secmount.registry.http.wire import url as urls

CHUNK = 64 << 20  # bytes of a chunk, where a registry does not take a blob in one piece
CHUNK_LIMIT = 1 << 30  # bytes; a registry may ask for larger chunks (OCI-Chunk-Min-Length), but not for any
_PRESENT = frozenset({200, 302, 303, 307})  # to HEAD of a blob: some registries send to their storage what is there
_ABSENT = frozenset({404})
_NO_API = frozenset({400, 404, 405, 501})  # how registries without the referrers API answer
_DIGEST = "Docker-Content-Digest"


class NoLogin(AuthBackend):  # type: ignore[misc]  # oras is untyped
    """In place of oras's own ways to find and send credentials, all of which are refused."""

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):
            return super().__getattribute__(name)
        raise ValueError(f"oras's own credentials are not used: {name}")


class Provider(Registry):  # type: ignore[misc]  # oras is untyped
    """One repository of a registry."""

    def __init__(self, location: Location, wire: Wire) -> None:
        """Take where it is, and what sends requests there."""
        super().__init__(hostname=location.access.host, insecure=location.access.scheme == "http", tls_verify=True)
        self.session.close()  # with netrc, proxies and redirects of its own
        self.session: requests.Session = wire.session
        self.auth = NoLogin()
        self.place = Place(location)
        self._wire = wire

    def do_request(  # noqa: PLR0917  # oras's signature
        self,
        url: str,
        method: str = "GET",
        data: bytes | Body | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        stream: bool = False,  # noqa: FBT001, FBT002  # oras's signature
    ) -> requests.Response:
        """Send what oras wants to send, as `Wire` does; no body of an upload is sent a second time from here."""
        if json is not None or stream:
            raise ValueError("bytes alone are sent, and answers are read")
        again = not isinstance(data, Body) and method != "PATCH"
        limit = MANIFEST_LIMIT if method == "GET" else faults.ERROR_LIMIT
        return self._wire.request(method, _url(url), headers or {}, data, limit=limit, again=again)

    def get_container(self, name: object) -> Place:
        """Give the place of this provider; no text is parsed."""
        if name is not self.place:
            raise ValueError(f"another repository: {name!r}")
        return self.place

    def blob_exists(self, layer: Mapping[str, Any], container: Place) -> bool:
        """Ask for a blob; raise `RegistryError` SM4322 where the registry says that it has another size or digest."""
        target = f"{self.prefix}://{container.get_blob_url(layer['digest'])}"
        response = self.do_request(target, "HEAD")
        if response.status_code not in _PRESENT:
            if response.status_code != 404:
                self._check_200_response(response)
            return False
        self._compare(response, Digest.parse(layer["digest"]))
        length = response.headers.get("Content-Length")
        if response.status_code == 200 and length is not None and length != str(layer["size"]):
            want = f"{layer['size']} bytes"
            raise RegistryError("SM4322", subject=f"{self._wire.root.place}, {layer['digest']}", got=length, want=want)
        return True

    def upload_blob(
        self,
        blob: Iterable[bytes],
        container: Place,
        layer: Mapping[str, Any],
        do_chunked: bool = False,  # noqa: FBT001, FBT002  # oras's signature
        chunk_size: int = CHUNK,
    ) -> requests.Response:
        """Send a blob, hashed while it is sent; begin anew after a transient failure.

        In one piece, or in chunks if asked or if the registry says that one piece is too large. Raise `RegistryError`
        SM41xx, SM4320 (sent elsewhere), SM4322, SM4323 (not taken), `ContentError` SM5001, SM5002.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                if not do_chunked:
                    response = self.put_upload(blob, container, layer)
                    if response.status_code != 413:
                        return self._stored(response, layer)
                    do_chunked = True
                return self._stored(self.chunked_upload(blob, container, layer, chunk_size), layer)
            except SecmountError as err:
                self._wire.pause(attempt, err)

    def put_upload(self, blob: Iterable[bytes], container: Place, layer: Mapping[str, Any]) -> requests.Response:
        """Send a blob in one piece; OCI distribution-spec v1.1, "POST then PUT"."""
        session = self._begin(container)
        target = _with(self._get_location(session, container), f"digest={layer['digest']}")
        digest, size = Digest.parse(layer["digest"]), int(layer["size"])
        body: bytes | Body = Body(_Checked(blob, digest, size), size) if size else _nothing(blob, digest)
        return self.do_request(target, "PUT", data=body, headers=_octets(size))

    def chunked_upload(
        self, blob: Iterable[bytes], container: Place, layer: Mapping[str, Any], chunk_size: int = CHUNK
    ) -> requests.Response:
        """Send a blob in chunks, none of which is held in memory; distribution-spec v1.1, Pushing a blob in chunks."""
        session = self._begin(container)
        least = session.headers.get("OCI-Chunk-Min-Length", "")
        if least.isascii() and least.isdigit() and len(least) < 12:
            chunk_size = max(chunk_size, min(int(least), CHUNK_LIMIT))
        target = self._get_location(session, container)
        size, start = int(layer["size"]), 0
        rest = _Rest(Digest.parse(layer["digest"]).check(blob, size))
        while start < size:
            length = min(chunk_size, size - start)
            headers = {**_octets(length), "Content-Range": f"{start}-{start + length - 1}"}
            response = self.do_request(
                target, "PATCH", data=Body(rest.take(length), length, once=True), headers=headers
            )
            self._check_200_response(response)
            target = self._get_location(response, container)
            start += length
        rest.finish()
        return self.do_request(_with(target, f"digest={layer['digest']}"), "PUT", data=b"", headers=_octets(0))

    def upload_manifest(
        self, manifest: bytes, container: Place, *, reference: str, media_type: str, match: str | None = None
    ) -> requests.Response:
        """Put exactly these bytes at a tag or digest; raise `RegistryError` SM4322 where another digest comes back.

        `match`: the entity tag that what is there must still have (If-Match).
        """
        headers = {"Content-Type": media_type}
        if match is not None:
            headers["If-Match"] = match
        target = f"{self.prefix}://{container.manifest_url(reference)}"
        response = self.do_request(target, "PUT", data=manifest, headers=headers)
        if response.status_code != 412:
            self._check_200_response(response)
            self._compare(response, Digest.of(manifest))
        return response

    def read_manifest(self, reference: str, accept: Iterable[str]) -> requests.Response | None:
        """Get the bytes at a tag or digest, at most MANIFEST_LIMIT of them; None if there is nothing."""
        target = f"{self.prefix}://{self.place.manifest_url(reference)}"
        return self._get(target, accept, absent=_ABSENT)

    def read_referrers(self, subject: Digest, accept: Iterable[str]) -> requests.Response | None:
        """Get the referrers of `subject`; None if the registry does not have that part of the protocol."""
        place = self.place
        target = f"{self.prefix}://{place.registry}/v2/{place.api_prefix}/referrers/{subject}"
        return self._get(target, accept, absent=_NO_API)

    def _get(self, target: str, accept: Iterable[str], *, absent: frozenset[int]) -> requests.Response | None:
        response = self.do_request(target, "GET", headers={"Accept": ", ".join(accept)})
        if response.status_code in absent:
            return None
        self._check_200_response(response)
        return response

    def _begin(self, container: Place) -> requests.Response:
        target = f"{self.prefix}://{container.upload_blob_url()}"
        response = self.do_request(target, "POST", data=b"", headers={"Content-Length": "0"})
        self._check_200_response(response)
        return response

    def _get_location(self, r: requests.Response, container: Place) -> str:  # noqa: ARG002  # oras's signature
        """Give where the upload goes on: at the registry's own host, whatever scheme a proxy before it made of that.

        Raise `RegistryError` SM4320 for another host: content is not sent where nobody said that it goes.
        """
        root = self._wire.root
        text = r.headers.get("Location")
        if not text:
            raise RegistryError("SM4323", subject=root.place, got="no Location", want="where the upload goes on")
        try:
            found = urls.parse(text, base=_url(str(r.request.url)))
        except ValueError as err:
            raise RegistryError("SM4323", subject=root.place, got=f"a Location that is {err}", want="a URL") from None
        same = found.host == root.host and (found.port == root.port or {found.port, root.port} == {80, 443})
        if not same:
            raise RegistryError("SM4320", subject=root.place, got=found.place, want=root.place)
        return root.at(found.target).text

    def _stored(self, response: requests.Response, layer: Mapping[str, Any]) -> requests.Response:
        self._check_200_response(response)
        self._compare(response, Digest.parse(layer["digest"]))
        return response

    def _compare(self, response: requests.Response, digest: Digest) -> None:
        said = response.headers.get(_DIGEST)
        if said is not None and said != str(digest) and said.startswith(f"{digest.algorithm}:"):
            raise RegistryError("SM4322", subject=self._wire.root.place, got=said, want=str(digest))

    def _check_200_response(self, response: requests.Response) -> None:
        """Raise `RegistryError` SM4323 for an answer that is not success; oras prints what the registry wrote."""
        if response.status_code not in (200, 201, 202, 204):
            err = faults.status(response.status_code, response.content, subject=self._wire.root.place)
            if faults.is_transient(err):
                raise err
            raise RegistryError("SM4323", subject=self._wire.root.place, got=err.got)

    def _refused(self, *_: object, **__: object) -> NoReturn:
        raise ValueError("this part of oras checks nothing, and is not used")

    push = pull = login = logout = download_blob = get_blob = get_manifest = get_tags = delete_tag = _refused
    delete_tags = _do_paginated_request = set_header = _refused


class _Checked(Iterable[bytes]):
    """A blob's bytes, proved at the end of each way through."""

    def __init__(self, chunks: Iterable[bytes], digest: Digest, size: int) -> None:
        self._chunks, self._digest, self._size = chunks, digest, size

    def __iter__(self) -> Iterator[bytes]:
        return self._digest.check(self._chunks, self._size)


class _Rest:
    """An iteration that is taken piece by piece."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._kept = chunks, b""

    def take(self, length: int) -> Iterator[bytes]:
        """Give the next `length` bytes, once."""
        while length:
            chunk = self._kept or next(self._chunks, None)
            if chunk is None:
                raise ContentError("SM5002", got=f"{length} bytes less than were announced", want="all of them")
            self._kept = chunk[length:]
            yield chunk[:length]
            length -= len(chunk[:length])

    def finish(self) -> None:
        """Prove that all of it was taken, and that it was right; raise `ContentError` SM5001, SM5002."""
        for _ in self._chunks:
            pass


def _nothing(blob: Iterable[bytes], digest: Digest) -> bytes:
    return b"".join(digest.check(blob, 0))


def _octets(size: int) -> dict[str, str]:
    return {"Content-Type": "application/octet-stream", "Content-Length": str(size)}


def _with(target: str, query: str) -> str:
    return f"{target}{'&' if '?' in target else '?'}{query}"


def _url(text: str) -> urls.Url:
    return urls.parse(text)


def layer_of(blob: Descriptor) -> dict[str, Any]:
    """Give a descriptor as oras has it."""
    return {"mediaType": blob.media_type, "digest": str(blob.digest), "size": blob.size}
