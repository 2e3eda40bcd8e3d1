"""References: what a user may write for an artifact, parsed once and never guessed.

`[docker://]name[:tag][@digest]` after distribution/reference (2026-04) with its normalisation; `oci:PATH[:REF|@DIGEST]`
and `oci-archive:PATH[:REF|@DIGEST]` after containers-transports(5). PATH ends at the first `:` or at a digest's `@`.
Short names (`model:v1`) are not searched for: they raise SM1002 with the full name to write instead.
"""

from __future__ import annotations

import os.path
import re

from secmount.errors import InputError
from secmount.oci.digest import Digest
from secmount.value import dataclass

TEXT_LIMIT = 8192  # characters of what is parsed at all; PATH_MAX and the longest name and digest fit twice
PATH_LIMIT = 255  # characters of the path; distribution/reference RepositoryNameTotalLengthMax
HOST_LIMIT = 253  # characters of a host name; RFC 1035 section 2.3.4
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = re.compile(
    rf"(?P<name>{_LABEL}(?:\.{_LABEL})*|\[(?P<v6>[a-fA-F0-9:]+)\])(?::(?P<port>[0-9]{{1,5}}))?", re.ASCII
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_BARE_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_REF_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._:@/+-]{0,254})", re.ASCII)  # image-spec annotations.md, and tags
_DIGEST_MARK = re.compile(r"@(?=sha(?:256|512):|[A-Za-z][A-Za-z0-9+._-]*:[0-9A-Fa-f]{32,}\Z)", re.ASCII)
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
    if len(text) > TEXT_LIMIT:
        raise _malformed(text[:80] + "…", f"at most {TEXT_LIMIT} characters")
    for scheme, archive in (("oci:", False), ("oci-archive:", True)):
        if text.startswith(scheme):
            return _layout(text, text.removeprefix(scheme), archive=archive, cwd=cwd)
    return _registry(text, text.removeprefix("docker://"))


def registry_name(text: str) -> str:
    """Normalise a bare name (`--as`, `match`): no tag, no digest. Raise `InputError` SM1001 or SM1002."""
    if len(text) > TEXT_LIMIT:
        raise _malformed(text[:80] + "…", f"at most {TEXT_LIMIT} characters")
    reference = _registry(text, text)
    if ":" in text.rpartition("/")[2] or "@" in text:
        raise _malformed(text, "a name without tag or digest")
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
    if not _PATH.fullmatch(path) or len(path) > PATH_LIMIT:
        raise _malformed(text, f"lower-case path components joined by '/', at most {PATH_LIMIT} characters")
    if tag is None and digest is None:
        tag = "latest"
    return RegistryReference(text, host, path, tag, digest)


def _is_host(first: str) -> bool:
    return first == "localhost" or any(mark in first for mark in ".:[") or first.lower() != first


def _host(text: str, first: str) -> str:
    found = _HOST.fullmatch(first)
    if not found or len(found["name"]) > HOST_LIMIT:
        raise _malformed(text, "a host name, IPv4 or [IPv6] address, with an optional port")
    name = found["name"].lower() if found["v6"] is None else f"[{_ipv6(text, found['v6'])}]"
    port = 443 if found["port"] is None else int(found["port"])
    if not 0 < port < 65536:
        raise _malformed(text, "a port from 1 to 65535")
    if port != 443:
        return f"{name}:{port}"
    return "docker.io" if name in _DOCKER_HOSTS else name


def _ipv6(text: str, digits: str) -> str:
    import ipaddress  # only few references have one, and it costs 3 ms

    try:
        address = ipaddress.IPv6Address(digits)
    except ValueError as err:
        raise _malformed(text, "a valid IPv6 address") from err
    if address.ipv4_mapped is not None:
        # A second spelling of an IPv4 host: rules for that host would not match it, and Python versions write it apart.
        raise _malformed(text, f"the IPv4 address itself, {address.ipv4_mapped}")
    return address.compressed


def _short_name(text: str, name: str, tag: str | None, digest: Digest | None) -> InputError:
    candidate = f"docker.io/{name if '/' in name else 'library/' + name}"
    if not _PATH.fullmatch(name) or _BARE_HEX.fullmatch(name):
        return _malformed(text, "HOST/PATH[:TAG][@DIGEST], oci:PATH[:REF|@DIGEST] or oci-archive:PATH[:REF|@DIGEST]")
    full = candidate + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    return InputError("SM1002", subject=_shown(text), got=ascii(text), want=f"a full name, such as {full}")


def _layout(text: str, rest: str, *, archive: bool, cwd: str) -> LayoutReference:
    found = _DIGEST_MARK.search(rest)
    digest, tag = None, None
    if found:
        rest, digest = rest[: found.start()], Digest.parse(rest[found.end() :])
    if ":" in rest:
        rest, _, tag = rest.partition(":")
        if not _REF_NAME.fullmatch(tag):
            raise _malformed(text, "a reference name after the path's ':'")
    if tag is not None and digest is not None:
        raise _malformed(text, "either :REF or @DIGEST after a layout's path, not both")
    if rest == "~" or rest.startswith("~/"):
        raise _malformed(
            text, f"a path: the shell expands no ~ after a ':'; write $HOME{rest[1:]}, or ./~ if you mean it"
        )
    path = os.path.normpath(os.path.join(cwd, rest))
    if not rest or not _is_plain(rest + path):
        raise _malformed(text, "a path in UTF-8 without control characters")
    return LayoutReference(text, "/" + path.lstrip("/"), archive, tag, digest)


def _is_plain(path: str) -> bool:
    try:
        path.encode("utf-8")  # file names that are not UTF-8 reach us as lone surrogates, which no record can hold
    except UnicodeEncodeError:
        return False
    return not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in path)


def _shown(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _malformed(text: str, want: str) -> InputError:
    return InputError("SM1001", subject=_shown(text), got=ascii(text), want=want)
