"""One HTTP answer: its status, its headers, and its body, which is read within bounds and as it was sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from urllib3.response import BaseHTTPResponse

from secmount.errors import ContentError, RegistryError, SecmountError
from secmount.registry.http.wire.faults import FAULTS, failure
from secmount.registry.http.wire.url import Url

CHUNK = 1 << 20  # bytes given at once


class Answer:
    """An answer of `url`; `own` False: of a host that the registry redirected to. Close it, or use it for a block."""

    def __init__(self, response: BaseHTTPResponse, url: Url, *, own: bool) -> None:
        self.status = response.status
        self.url = url
        self.own = own
        self._response = response

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def header(self, name: str) -> str | None:
        """Give a header's value, several of one name joined by commas."""
        return self._response.headers.get(name)

    @property
    def length(self) -> int | None:
        """Give the number of bytes that the body says to have."""
        text = self.header("Content-Length") or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None

    def check_plain(self) -> Self:
        """Raise `RegistryError` SM4107 if the body is not sent as it is: what is hashed must be what was stored."""
        for name, plain in (("Content-Encoding", "identity"), ("Transfer-Encoding", "chunked")):
            value = self.header(name)
            if value is not None and value.strip().lower() != plain:
                self.close()
                raise RegistryError("SM4107", subject=self.url.place, got=f"{name} of another kind", want=plain)
        return self

    def read(self, limit: int, *, subject: str) -> bytes:
        """Read everything and give the connection back; raise `ContentError` SM5011, `RegistryError` SM4101–SM4103."""
        if self.length is not None and self.length > limit:
            raise self._too_much(f"{self.length} bytes", limit, subject)
        parts, size = [], 0
        for chunk in self.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                raise self._too_much(f"more than {limit} bytes", limit, subject)
        return b"".join(parts)

    def read_error(self, limit: int) -> bytes:
        """Read the beginning of an error's body; whatever is wrong with it, the error itself is what matters."""
        try:
            return b"" if (self.length or 0) > limit else self._read(limit)
        except SecmountError:
            return b""
        finally:
            self.close()

    def chunks(self) -> Iterator[bytes]:
        """Give the body; raise `RegistryError` SM4101–SM4103."""
        while chunk := self._read(CHUNK):
            yield chunk

    def skip(self, count: int) -> None:
        """Read and drop `count` bytes; raise `RegistryError` SM4101–SM4103."""
        while count:
            chunk = self._read(min(count, CHUNK))
            if not chunk:
                raise RegistryError("SM4101", subject=self.url.place, got="the end of the body")
            count -= len(chunk)

    def close(self) -> None:
        """End the answer; its connection is kept if the body was read to the end."""
        self._response.close()

    def _read(self, amount: int) -> bytes:
        try:
            return self._response.read(amount, decode_content=False)
        except FAULTS as err:
            raise failure(err, subject=self.url.place) from err

    def _too_much(self, got: str, limit: int, subject: str) -> ContentError:
        self.close()
        return ContentError("SM5011", subject=subject, got=got, want=f"at most {limit} bytes")
