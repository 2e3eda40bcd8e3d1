"""Sources over lying registries: hosts and credentials as values, pauses that are noted instead of slept."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.registry.credentials.value import Credential
from secmount.registry.hosts.value import Access, Location
from secmount.registry.http.settings import HttpSettings
from secmount.registry.http.source import HttpSource
from tests.support.lying import MANIFEST, Lying

NOW_MS = 1_795_000_000_000
REPOSITORY = "acme/model"
SECRET = "correct horse"  # in every credential of these tests


@dataclass
class Kept:
    """Credentials by host; `asked` remembers who was looked for."""

    by_host: Mapping[str, Credential] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def find(self, host: str, repository: str) -> Credential | None:
        self.asked.append((host, repository))
        return self.by_host.get(host)


@dataclass(frozen=True)
class Static:
    """Places that were decided before."""

    locations: tuple[Location, ...]

    def locate(self, name: str) -> tuple[Location, ...]:
        assert name.endswith(REPOSITORY)
        return self.locations


@dataclass
class Wire:
    """What a test talks through."""

    source: HttpSource
    credentials: Kept
    slept: list[float]


def place(server: Lying, *, name: str | None = None, mirror: bool = False, **access: Any) -> Location:
    host = server.host(name)
    pull = access.pop("pull", "all")
    kept = {"credential_key": host, "scheme": server.scheme, **access}
    return Location(Access(host, **kept), REPOSITORY, mirror=mirror, pull=pull)


def wire(
    *locations: Location,
    credentials: Mapping[str, Credential] | None = None,
    now: Callable[[], int] | None = None,
    random: Callable[[int], bytes] = bytes,
    **settings: Any,
) -> Wire:
    """Make a source for `locations`, mirrors first. Nobody's proxies, no real pauses, no jitter."""
    kept, slept = Kept(credentials or {}), list[float]()
    chosen = HttpSettings(**{"timeout_ms": 5000, "environment": {}, **settings})
    source = HttpSource(
        f"{locations[-1].access.host}/{REPOSITORY}",
        Static(locations),
        kept,
        chosen,
        clock=now or (lambda: NOW_MS),
        sleep=slept.append,
        random=random,
    )
    return Wire(source, kept, slept)


@dataclass(frozen=True)
class Model:
    """A manifest tagged `v1` with one layer, as a registry holds it."""

    layer: bytes
    manifest: bytes
    content: Descriptor
    described: Descriptor


def model(server: Lying, layer: bytes = b"layer " * 500, *, tag: str | None = "v1") -> Model:
    content = Descriptor("application/octet-stream", Digest.of(layer), len(layer))
    row = {"mediaType": content.media_type, "digest": str(content.digest), "size": content.size}
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(Digest.of(b"{}")), "size": 2}
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.acme.model"}
    raw = json.dumps({**document, "config": empty, "layers": [row]}).encode()
    server.add(REPOSITORY, layer)
    server.add(REPOSITORY, b"{}")
    server.add(REPOSITORY, raw, media_type=MANIFEST, tag=tag)
    return Model(layer, raw, content, Descriptor(MANIFEST, Digest.of(raw), len(raw)))


def read(source: HttpSource, wanted: Descriptor) -> bytes:
    """Take a layer as the store does."""
    with source.stream(wanted) as chunks:
        return b"".join(wanted.digest.check(chunks, wanted.size))


class Names:
    """A resolver: names of `.test` are this machine, unless `now` says something else for the next question."""

    def __init__(self) -> None:
        self.now: dict[str, list[str]] = {}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, **options: Any) -> Any:
        self.asked.append(host)
        answers = self.now.get(host)
        address = host if answers is None else (answers.pop(0) if len(answers) > 1 else answers[0])
        if answers is None and host.endswith(".test"):
            address = "127.0.0.1"
        return [_row(one, port) for one in address.split()]


def _row(address: str, port: int) -> Any:
    if ":" in address:
        return socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)
