"""`insecure = true` in registries.conf: plain HTTP where the host does not speak TLS, for that host and no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secmount.errors import RegistryError
from secmount.registry.credentials.value import Basic
from tests.support.certificates import authority, leaf, server_context
from tests.support.lying import Gate, Lying
from tests.support.wires import SECRET, model, place, read, wire

INSECURE: dict[str, Any] = {"scheme": "https", "verify": False, "or_http": True}


@pytest.fixture
def plain() -> Iterator[Lying]:
    with Lying() as made:
        yield made


def test_a_host_without_tls_is_asked_over_http(plain: Lying) -> None:
    held = model(plain)
    assert read(wire(place(plain, **INSECURE)).source, held.content) == held.layer


def test_a_host_with_tls_is_asked_over_it_unverified(tmp_path: Path) -> None:
    with Lying(tls=server_context(leaf(authority(), "elsewhere.test"), tmp_path)) as registry:
        held = model(registry)
        assert read(wire(place(registry, **INSECURE)).source, held.content) == held.layer


def test_without_the_word_there_is_no_way_back_from_tls(plain: Lying) -> None:
    model(plain)
    with pytest.raises(RegistryError, match="SM4133"):
        wire(place(plain, scheme="https", verify=False)).source.head("v1", None)
    assert plain.asked() == []


def test_a_host_that_is_not_this_machine_gets_no_credentials(plain: Lying) -> None:
    model(plain)
    plain.gate = Gate("basic")
    source = wire(place(plain, **INSECURE, credentials=False), credentials={plain.host(): Basic("user", SECRET)}).source
    with pytest.raises(RegistryError, match="SM4116"):
        source.head("v1", None)
    assert all(seen.authorization is None for seen in plain.asked())


def test_this_machine_gets_them(plain: Lying) -> None:
    held = model(plain)
    plain.gate = Gate("basic")
    source = wire(place(plain, **INSECURE), credentials={plain.host(): Basic("user", SECRET)}).source
    assert read(source, held.content) == held.layer


def test_a_redirect_to_a_host_without_tls_is_not_softened(plain: Lying, tmp_path: Path) -> None:
    from tests.support.lying import redirect

    with Lying(tls=server_context(leaf(authority(), "127.0.0.1"), tmp_path)) as registry:
        held = model(registry)
        model(plain)
        registry.on("GET .*/blobs/", redirect(f"https://{plain.host()}/elsewhere"))
        with pytest.raises(RegistryError, match="SM4133"):
            read(wire(place(registry, **INSECURE)).source, held.content)
    assert plain.asked() == []
