"""Digests, as OCI image-spec v1.1 `descriptor.md#digests` writes them: `sha256:<64 hex>`, `sha512:<128 hex>`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from secmount.errors import ContentError, InputError
from secmount.value import dataclass

_FORM = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A well-formed digest of a supported algorithm; `str()` gives back what was parsed.

    Its parts are safe as path components and in a URL: there is no other way to make one.
    """

    algorithm: str
    hex: str

    def __post_init__(self) -> None:
        if not _FORM.fullmatch(f"{self.algorithm}:{self.hex}"):
            raise ValueError(f"not a digest: {self.algorithm!r}, {self.hex!r}")

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read `text`, or raise `InputError` SM1003: an unknown algorithm is as bad as a wrong length."""
        if not _FORM.fullmatch(text):
            raise InputError("SM1003", got=repr(text), want="sha256:<64 hex> or sha512:<128 hex>, lower case")
        return cls(*text.split(":"))

    @classmethod
    def of(cls, data: bytes, algorithm: str = "sha256") -> Digest:
        """Hash `data`; `algorithm` is sha256 or sha512."""
        return cls(algorithm, hashlib.new(algorithm, data).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"

    def check(self, chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
        """Pass `chunks` on; raise `ContentError` at the end unless they are these `size` bytes.

        SM5002 on a wrong length, SM5001 on a wrong digest. Whoever stops early has proved nothing.
        """
        hasher, left = hashlib.new(self.algorithm), size
        for chunk in chunks:
            left -= len(chunk)
            if left < 0:
                raise ContentError("SM5002", subject=str(self), got=f"more than {size} bytes", want=f"{size} bytes")
            hasher.update(chunk)
            yield chunk
        if left:
            raise ContentError("SM5002", subject=str(self), got=f"{size - left} bytes", want=f"{size} bytes")
        if hasher.hexdigest() != self.hex:
            raise ContentError(
                "SM5001", subject=str(self), got=f"{self.algorithm}:{hasher.hexdigest()}", want=str(self)
            )
