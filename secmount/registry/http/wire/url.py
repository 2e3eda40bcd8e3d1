"""URLs of registries and of what they point at: parsed strictly, and never shown whole.

RFC 3986, of which only what registries use is taken: http or https, a host, no user, no fragment. What a registry
wrote into the path or query of a URL may be a secret (signed storage URLs are), so errors show the origin alone.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import field
from urllib.parse import urljoin, urlsplit

from secmount.value import dataclass

URL_LIMIT = 8192  # characters; signed storage URLs have about 2,000
_PLAIN = re.compile(r"[!-~]+", re.ASCII)  # printable, no blanks; bytes beyond ASCII must be percent-encoded
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.ASCII)
_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]  # scheme, host, port


@dataclass(frozen=True, slots=True)
class Url:
    """`host` is lower case, an IPv6 address without brackets; `target` the path and query."""

    scheme: str
    host: str
    port: int
    target: str = field(default="/", repr=False)

    @property
    def origin(self) -> Origin:
        """Give what decides whether two URLs are the same server's."""
        return self.scheme, self.host, self.port

    @property
    def place(self) -> str:
        """Give the origin as people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    @property
    def text(self) -> str:
        """Give the whole URL, for a connection, never for people."""
        return self.place + self.target

    def at(self, target: str) -> Url:
        """Give another resource of the same server."""
        return Url(self.scheme, self.host, self.port, target)


def parse(text: str, *, base: Url | None = None) -> Url:
    """Read `text`, relative to `base` if there is one; raise ValueError."""
    if len(text) > URL_LIMIT or not _PLAIN.fullmatch(text) or "\\" in text:
        raise ValueError("not a plain URL")
    parts = urlsplit(urljoin(base.text, text) if base else text)
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise ValueError("neither http nor https")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError("a URL with a user in it")
    host = (parts.hostname or "").rstrip(".")
    port = _PORTS[scheme] if parts.port is None else parts.port
    if not _is_host(host) or not 0 < port < 65536:
        raise ValueError("no usable host")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(scheme, host, port, target)


def of_host(scheme: str, host: str) -> Url:
    """Give the root of a registry's `host[:port]`; raise ValueError."""
    return parse(f"{scheme}://{host}/")


def _is_host(host: str) -> bool:
    if _HOST.fullmatch(host):
        return len(host) <= 253
    try:
        return ":" in host and ipaddress.IPv6Address(host).scope_id is None
    except ValueError:
        return False
