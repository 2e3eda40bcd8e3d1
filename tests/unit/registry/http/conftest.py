"""Names that lead to this machine, and servers that a private authority vouches for."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import authority, leaf, server_context
from tests.support.lying import Lying
from tests.support.wires import Names

Start = Callable[..., Lying]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    resolver = Names()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver


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
def start(tmp_path: Path) -> Iterator[Start]:
    """Start registries: plain ones, or with a certificate for the names that are given."""
    with ExitStack() as stack:

        def plain_or_tls(*certified: str, **options: Any) -> Lying:
            context = None
            if certified:
                context = server_context(leaf(authority(), *certified), tmp_path, **options)
            return stack.enter_context(Lying(tls=context))

        yield plain_or_tls
