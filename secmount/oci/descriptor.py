"""Descriptors and platforms, from JSON that `oci.exact` has read.

OCI image-spec v1.1 `descriptor.md`, `image-index.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any

import msgspec

from secmount.errors import ContentError, InputError
from secmount.oci import exact
from secmount.oci.digest import Digest
from secmount.value import dataclass

SIZE_LIMIT = 1 << 53  # bytes; JSON integers are exact up to here (RFC 8785)
_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"  # RFC 6838 section 4.2, restricted-name
_PARAMETER = r"; ?[A-Za-z0-9_.-]{1,60}=[A-Za-z0-9!#$&^_.+-]{1,60}"  # as in `…bundle+json;version=0.3`
_MEDIA_TYPE = re.compile(rf"{_NAME}/{_NAME}(?:{_PARAMETER}){{0,3}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Platform:
    """What an index entry runs on; `str()` is `os/architecture[/variant]`."""

    os: str
    architecture: str
    variant: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A claim about a blob: its type, its digest, its size."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    artifact_type: str | None = None
    platform: Platform | None = None
    name: str | None = None  # no field of OCI's: Ollama names its layers so (ollama `manifest/layer.go`)


class PlatformJson(msgspec.Struct, frozen=True):
    """A platform as it stands in JSON."""

    os: str = ""
    architecture: str = ""
    variant: str | None = None


class DescriptorJson(msgspec.Struct, frozen=True, rename="camel"):
    """The wire shape; unknown fields are the specification's to add and are left alone."""

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] | None = None
    artifact_type: str | None = None
    platform: PlatformJson | None = None
    name: Any = None


def from_json(value: Any, *, subject: str) -> Descriptor:
    """Check `value` as a descriptor; raise `ContentError` SM5012 or SM5013 (a field in another spelling)."""
    exact.check_spelling(value, DescriptorJson, subject=subject)
    return from_struct(exact.convert(value, DescriptorJson, subject=subject), subject=subject)


def from_struct(raw: DescriptorJson, *, subject: str) -> Descriptor:
    """Check the wire shape's values; raise `ContentError` SM5012."""
    if not 0 <= raw.size <= SIZE_LIMIT:
        raise ContentError("SM5012", subject=subject, got=f"size {raw.size}", want=f"0 to {SIZE_LIMIT}")
    platform = raw.platform and Platform(raw.platform.os, raw.platform.architecture, raw.platform.variant)
    return Descriptor(
        media_type=media_type(raw.media_type, subject=subject),
        digest=digest(raw.digest, subject=subject),
        size=raw.size,
        annotations=MappingProxyType(raw.annotations or {}),
        artifact_type=None if not raw.artifact_type else media_type(raw.artifact_type, subject=subject),
        platform=platform or None,
        name=raw.name if isinstance(raw.name, str) else None,
    )


def media_type(text: str, *, subject: str) -> str:
    """Give `text` back if it is a media type (RFC 6838 section 4.2); raise `ContentError` SM5012."""
    if not _MEDIA_TYPE.fullmatch(text):
        raise ContentError("SM5012", subject=subject, got=f"media type {text!r}", want="type/subtype")
    return text


def digest(text: str, *, subject: str) -> Digest:
    """Parse a digest that a document carries; raise `ContentError` SM5012."""
    try:
        return Digest.parse(text)
    except InputError as err:
        raise ContentError(
            "SM5012", subject=subject, got=f"digest {text!r}", want="sha256:<64 hex> or sha512:<128 hex>"
        ) from err
