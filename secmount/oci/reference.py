"""References: what a user may write for an artifact, parsed once and never guessed.

`[docker://]name[:tag][@digest]` after distribution/reference (2026-04) with its normalisation; `oci:PATH[:REF|@DIGEST]`
and `oci-archive:PATH[:REF|@DIGEST]` after containers-transports(5). PATH ends at the first `:` or at `@sha256:` or
`@sha512:`.
Short names (`model:v1`) are not searched for: they raise SM1002 with the full name to write instead.
"""

from __future__ import annotations

import ipaddress
import os.path
import re
from dataclasses import dataclass

from secmount.errors import InputError
from secmount.oci.digest import Digest

NAME_LIMIT = 255  # characters of host and path; distribution/reference NameTotalLengthMax
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = re.compile(
    rf"(?P<name>{_LABEL}(?:\.{_LABEL})*|\[(?P<v6>[a-fA-F0-9:]+)\])(?::(?P<port>[0-9]{{1,5}}))?", re.ASCII
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_BARE_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_REF_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:@/+-]{0,254})", re.ASCII)
_DOCKER_HOSTS = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})


@dataclass(frozen=True, slots=True)
class RegistryReference:
    """`host/path[:tag][@digest]`, normalised; without tag and digest the tag is `latest`."""

    text: str
    host: str
    path: str
    tag: str | None
    digest: Digest | None

    @property
    def name(self) -> str:
        """Give the name rules are matched against: `ghcr.io/acme/model`."""
        return f"{self.host}/{self.path}"


@dataclass(frozen=True, slots=True)
class LayoutReference:
    """An OCI image layout folder or tar archive; `name` is the index annotation `org.opencontainers.image.ref.name`."""

    text: str
    path: str  # absolute, lexically normalised; links in it are not resolved
    archive: bool
    tag: str | None
    digest: Digest | None

    @property
    def name(self) -> str:
        """Give the name rules are matched against: `oci:/srv/models/x`, for archives too."""
        return f"oci:{self.path}"


Reference = RegistryReference | LayoutReference


def parse(text: str, *, cwd: str) -> Reference:
    """Read `text`; relative layout paths are below `cwd`. Raise `InputError` SM1001, SM1002 (short name) or SM1003."""
    for scheme, archive in (("oci:", False), ("oci-archive:", True)):
        if text.startswith(scheme):
            return _layout(text, text.removeprefix(scheme), archive=archive, cwd=cwd)
    return _registry(text, text.removeprefix("docker://"))


def registry_name(text: str) -> str:
    """Normalise a bare name (`--as`, `match`): no tag, no digest. Raise `InputError` SM1001 or SM1002."""
    reference = _registry(text, text)
    if text.rpartition("/")[2].count(":") or "@" in text:
        raise InputError("SM1001", subject=text, got=repr(text), want="a name without tag or digest")
    return reference.name


def _registry(text: str, rest: str) -> RegistryReference:
    rest, at, digest_text = rest.partition("@")
    digest = Digest.parse(digest_text) if at else None
    name, tag = rest, None
    slash = rest.rfind("/")
    colon = rest.find(":", slash + 1)
    if colon >= 0:
        name, tag = rest[:colon], rest[colon + 1 :]
        if not _TAG.fullmatch(tag):
            raise _malformed(text, "a tag of 1 to 128 letters, digits, '_', '.', '-'")
    first, slash_mark, path = name.partition("/")
    if not slash_mark or not _is_host(first):
        raise _short_name(text, name, tag, digest)
    host = _host(text, first)
    if host == "docker.io" and "/" not in path:
        path = f"library/{path}"
    if not _PATH.fullmatch(path) or len(host) + 1 + len(path) > NAME_LIMIT:
        raise _malformed(text, "lower-case path components joined by '/', at most 255 characters")
    if tag is None and digest is None:
        tag = "latest"
    return RegistryReference(text, host, path, tag, digest)


def _is_host(first: str) -> bool:
    return first == "localhost" or any(mark in first for mark in ".:[") or first.lower() != first


def _host(text: str, first: str) -> str:
    found = _HOST.fullmatch(first)
    if not found:
        raise _malformed(text, "a host name, IPv4 or [IPv6] address, with an optional port")
    name, port = found["name"].lower(), found["port"]
    if found["v6"] is not None:
        try:
            name = f"[{ipaddress.IPv6Address(found['v6']).compressed}]"
        except ValueError as err:
            raise _malformed(text, "a valid IPv6 address") from err
    if port is not None and not 0 < int(port) < 65536:
        raise _malformed(text, "a port from 1 to 65535")
    if name in _DOCKER_HOSTS and port in (None, "443"):
        return "docker.io"
    return name if port in (None, "443") else f"{name}:{int(port)}"


def _short_name(text: str, name: str, tag: str | None, digest: Digest | None) -> InputError:
    candidate = f"docker.io/{name if '/' in name else 'library/' + name}"
    if not _PATH.fullmatch(name) or _BARE_HEX.fullmatch(name):
        return _malformed(text, "HOST/PATH[:TAG][@DIGEST], oci:PATH[:REF|@DIGEST] or oci-archive:PATH[:REF|@DIGEST]")
    full = candidate + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    return InputError("SM1002", subject=text, got=repr(text), want=f"a full name, such as {full}")


def _layout(text: str, rest: str, *, archive: bool, cwd: str) -> LayoutReference:
    found = re.search(r"@(?=sha(?:256|512):)", rest)
    digest, tag = None, None
    if found:
        rest, digest = rest[: found.start()], Digest.parse(rest[found.end() :])
    if ":" in rest:
        rest, _, tag = rest.partition(":")
        if not _REF_NAME.fullmatch(tag):
            raise _malformed(text, "a reference name after the path's ':'")
    if not rest or "\0" in rest or any(ord(char) < 32 or ord(char) == 127 for char in rest):
        raise _malformed(text, "a path without control characters")
    if tag is not None and digest is not None:
        raise _malformed(text, "either :REF or @DIGEST after a layout's path, not both")
    return LayoutReference(text, os.path.normpath(os.path.join(cwd, rest)), archive, tag, digest)


def _malformed(text: str, want: str) -> InputError:
    return InputError("SM1001", subject=text, got=repr(text), want=want)
