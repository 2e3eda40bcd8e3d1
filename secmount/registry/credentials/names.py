"""Under which keys the containers tools and Docker keep the credentials of a host, and which host a key is for.

Keys are `host[:port]`, `host[:port]/namespace[/…]` (containers-auth.json(5)), or a URL whose path says nothing
(`https://index.docker.io/v1/`). Docker Hub has several names and is `docker.io` here, as in references.
"""

from __future__ import annotations

import re

HUB = "docker.io"
HUB_SERVER = "https://index.docker.io/v1/"  # what Docker calls it towards credential helpers
_HUB_HOSTS = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})
_SCHEME = re.compile(r"https?://", re.ASCII | re.IGNORECASE)


def normal_host(host: str) -> str:
    """Spell `host[:port]` as references do: lower case, no default port, Docker Hub by its one name."""
    host = host.lower().removesuffix(":443")
    return HUB if host in _HUB_HOSTS else host


def host_of(key: str) -> str:
    """Say which host a key that is a host or a URL is for; a namespaced key gives itself, with a normal host."""
    found = _SCHEME.match(key)
    if found:
        return normal_host(key[found.end() :].partition("/")[0])
    host, slash, path = key.partition("/")
    return normal_host(host) + slash + path


def keys_for(host: str, repository: str) -> tuple[str, ...]:
    """Give the keys for `host/repository`, most specific first: the repository, what is around it, the host."""
    parts = repository.split("/") if repository else []
    return *("/".join((host, *parts[:depth])) for depth in range(len(parts), 0, -1)), host


def servers_of(host: str) -> tuple[str, ...]:
    """Give what helpers may know the host by, in the order to ask."""
    return (HUB_SERVER, HUB) if host == HUB else (host,)
