"""Registries that take what is pushed, and writers to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from secmount.publish.remote import RegistryWriter
from secmount.registry.credentials.value import Credential
from secmount.registry.hosts.value import Location
from secmount.registry.http.client import Effects
from secmount.registry.http.settings import HttpSettings
from tests.support.certificates import authority, leaf, server_context
from tests.support.lying import Lying
from tests.support.storing import Storing
from tests.support.wires import NOW_MS, Kept, Names, place

Start = Callable[..., Storing]


@dataclass
class Desk:
    """A writer, whom it asked for credentials, and how long it waited."""

    writer: RegistryWriter
    credentials: Kept
    slept: list[float]


@pytest.fixture(autouse=True)
def system_authorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system believe one authority of ours instead of its own hundred and fifty, which take 80 ms to load."""
    monkeypatch.setenv("SSL_CERT_FILE", authority("system authority").write(tmp_path, "system")[0])
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))


@pytest.fixture
def ca(tmp_path: Path) -> str:
    """The path of the authority's certificate."""
    return authority().write(tmp_path, "ca")[0]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    resolver = Names()
    monkeypatch.setattr("socket.getaddrinfo", resolver)
    return resolver


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start registries: plain ones, or with a certificate for the names that are given."""
    with ExitStack() as stack:

        def plain_or_tls(*certified: str, **options: Any) -> Storing:
            context = server_context(leaf(authority(), *certified), tmp_path) if certified else None
            return stack.enter_context(Storing(tls=context, **options))

        yield plain_or_tls


@pytest.fixture
def registry(start: Start) -> Storing:
    return start()


Open = Callable[..., Desk]


@pytest.fixture
def desk() -> Iterator[Open]:
    """Open a writer to a registry; nobody's proxies, no real pauses, no jitter."""
    with ExitStack() as stack:

        def opened(
            server: Lying | Location,
            *,
            credentials: Mapping[str, Credential] | None = None,
            chunk_size: int | None = None,
            access: Mapping[str, Any] | None = None,
            **settings: Any,
        ) -> Desk:
            location = server if isinstance(server, Location) else place(server, **(access or {}))
            kept, slept = Kept(credentials or {}), list[float]()
            effects = Effects(lambda: NOW_MS, slept.append, bytes)
            chosen = HttpSettings(**{"timeout_ms": 5000, "environment": {}, **settings})
            writer = RegistryWriter(location, kept, chosen, effects, chunk_size=chunk_size)
            return Desk(stack.enter_context(writer), kept, slept)

        yield opened
