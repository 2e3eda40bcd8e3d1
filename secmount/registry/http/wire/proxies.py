"""Proxies as the environment names them: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, in lower case or upper.

As curl and Go read them: the lower-case name wins; HTTP_PROXY in upper case is ignored where REQUEST_METHOD is set,
for a CGI's client writes that variable. NO_PROXY holds `*`, host names (and what is below them), addresses and
networks, each with an optional port. Loopback is never asked through a proxy. Pure.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import unquote, urlsplit

from secmount.errors import RegistryError
from secmount.registry.http.wire.addresses import is_loopback
from secmount.registry.http.wire.url import Url, parse
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy; `authorization` is the value of Proxy-Authorization."""

    url: Url
    authorization: str | None = field(default=None, repr=False)


def proxy_for(url: Url, environment: Mapping[str, str]) -> Proxy | None:
    """Choose the proxy for `url`; raise `RegistryError` SM4140 if what is set is no proxy's URL."""
    text = _setting(environment, f"{url.scheme}_proxy") or _setting(environment, "all_proxy")
    if not text or is_loopback(url.host) or _is_excepted(url, _setting(environment, "no_proxy") or ""):
        return None
    return _read(text, f"{url.scheme}_proxy")


def _setting(environment: Mapping[str, str], name: str) -> str | None:
    if name in environment:
        return environment[name]
    if name == "http_proxy" and "REQUEST_METHOD" in environment:
        return None
    return environment.get(name.upper())


def _read(text: str, name: str) -> Proxy:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        url = parse(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/")
    except ValueError as err:
        # not the value: a password stands in it
        raise RegistryError(
            "SM4140", subject=name, got=str(err), want="http://HOST:PORT or https://HOST:PORT"
        ) from None
    if parts.username is None:
        return Proxy(url)
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(url, f"Basic {base64.b64encode(user.encode()).decode()}")


def _is_excepted(url: Url, no_proxy: str) -> bool:
    return any(_matches(url, row.strip().lower()) for row in no_proxy.split(",") if row.strip())


def _matches(url: Url, row: str) -> bool:
    if row == "*":
        return True
    name, colon, port = row.rpartition(":")
    if colon and port.isdigit() and (":" not in name or name.endswith("]")):
        if int(port) != url.port:
            return False
        row = name
    row = row.strip("[]")
    try:
        return ipaddress.ip_address(url.host) in ipaddress.ip_network(row, strict=False)
    except ValueError:
        domain = row.removeprefix("*").strip(".")
        return bool(domain) and (url.host == domain or url.host.endswith(f".{domain}"))
