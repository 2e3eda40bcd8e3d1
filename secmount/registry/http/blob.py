"""A blob being streamed, taken up again by range requests where its connection broke. Not hashed here.

RFC 9110 section 14; distribution-spec v1.1, Pulling blobs. Where a registry ignores or refuses the range, the bytes
that are there already are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Self

from secmount.errors import ContentError, RegistryError
from secmount.oci.descriptor import Descriptor
from secmount.registry.http.client import Client
from secmount.registry.http.wire.answers import Answer

_PROGRESS = 1 << 20  # bytes after which a connection counts as having been of use
_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/(?:([0-9]{1,19})|\*)", re.ASCII)
_ABSENT = 404
_UNSATISFIABLE = 416
_PASSED = frozenset({200, 206, _ABSENT, _UNSATISFIABLE})


class Blob:
    """The bytes of `wanted` from `offset` on, at `client`; close it."""

    def __init__(self, client: Client, wanted: Descriptor, offset: int) -> None:
        """Send the first request; raise `RegistryError` SM4014, SM41xx and `ContentError` SM5002."""
        self.client = client
        self._wanted = wanted
        self._position = offset
        self._answer: Answer | None = None
        if offset == 0 or offset < wanted.size:
            self._answer = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the answer that is being read."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def chunks(self) -> Iterator[bytes]:
        """Give the bytes; raise `RegistryError` SM41xx, and `ContentError` SM5002 if more come than belong to it."""
        size, attempt, gained = self._wanted.size, 1, 0
        while self._position < size:
            self._answer = answer = self._answer or self._open()
            try:
                for chunk in answer.chunks():
                    self._position += len(chunk)
                    gained += len(chunk)
                    if self._position > size:
                        raise self._wrong(f"more than {size} bytes")
                    yield chunk
                break  # the body has ended; whoever hashes finds out whether too early
            except RegistryError as err:
                self.close()
                attempt, gained = (1, 0) if gained >= _PROGRESS else (attempt, gained)
                self.client.pause(attempt, err)
                attempt += 1
        self.close()

    def _open(self) -> Answer:
        if not self._position:
            return self._whole()
        answer = self._request({"Range": f"bytes={self._position}-"})
        if answer.status == _UNSATISFIABLE:
            answer.close()
            answer = self._whole()
        if answer.status == 206:
            self._check_range(answer)
            return answer
        return self._pass_over(answer)

    def _whole(self) -> Answer:
        answer = self._request({})
        if answer.status == 200:
            return self._sized(answer, self._wanted.size)
        answer.close()
        raise RegistryError("SM4106", subject=self.client.place, got=f"{answer.status} for a whole blob", want="200")

    def _request(self, headers: dict[str, str]) -> Answer:
        digest = self._wanted.digest
        target = f"/v2/{self.client.location.repository}/blobs/{digest}"
        answer = self.client.open(target, headers, passed=_PASSED)
        if answer.status == _ABSENT:
            answer.close()
            raise RegistryError("SM4014", subject=self.client.shown, got=f"no blob {digest}")
        return answer

    def _check_range(self, answer: Answer) -> None:
        found = _RANGE.fullmatch(answer.header("Content-Range") or "")
        if found is None or int(found[1]) != self._position or found[3] not in (None, str(self._wanted.size)):
            answer.close()
            want = f"bytes from {self._position} on of {self._wanted.size}"
            raise RegistryError("SM4106", subject=self.client.place, got="another range than was asked for", want=want)
        self._sized(answer, self._wanted.size - self._position)

    def _pass_over(self, answer: Answer) -> Answer:
        """Drop what is there already: the registry gave all of it."""
        self._sized(answer, self._wanted.size).skip(self._position)
        return answer

    def _sized(self, answer: Answer, size: int) -> Answer:
        if answer.length is not None and answer.length != size:
            answer.close()
            raise self._wrong(f"{answer.length - size + self._wanted.size} bytes")
        return answer

    def _wrong(self, got: str) -> ContentError:
        self.close()
        return ContentError("SM5002", subject=str(self._wanted.digest), got=got, want=f"{self._wanted.size} bytes")
