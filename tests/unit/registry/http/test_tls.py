"""Certificates that are wrong in every way: each has its own code, which names the way to give a CA."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secmount.errors import SecmountError
from secmount.errors.catalog import entry
from tests.support.certificates import Pair, authority, leaf, server_context
from tests.support.lying import Lying
from tests.support.wires import Names, model, place, wire
from tests.unit.registry.http.conftest import Start

PAGE = Path(__file__).parents[4] / "docs/operations.md"
HOST = "registry.test"

CERTIFICATES: dict[str, tuple[Callable[[], Pair], str]] = {
    "below the authority that was given": (lambda: leaf(authority(), HOST), "accepted"),
    "below an authority nobody knows": (lambda: leaf(authority("unknown"), HOST), "SM4130"),
    "signed by itself": (lambda: authority(HOST), "SM4130"),
    "expired": (lambda: leaf(authority(), HOST, days=(-30, -1)), "SM4131"),
    "not valid yet": (lambda: leaf(authority(), HOST, days=(1, 30)), "SM4131"),
    "for another name": (lambda: leaf(authority(), "other.test"), "SM4132"),
    "for an address only": (lambda: leaf(authority(), "127.0.0.1"), "SM4132"),
    "for a client, not a server": (lambda: leaf(authority(), HOST, client=True), "SM4137"),
}


@pytest.mark.parametrize("what", CERTIFICATES)
def test_a_certificate_is_judged(what: str, ca: str, names: Names, tmp_path: Path) -> None:
    make, outcome = CERTIFICATES[what]
    with Lying(tls=server_context(make(), tmp_path)) as server:
        model(server)
        found = wire(place(server, name=HOST, ca_files=(ca,)))
        try:
            found.source.head("v1", None)
            got = "accepted"
        except SecmountError as err:
            got = err.code
        found.source.close()
    assert got == outcome
    assert found.slept == []  # it will not get better


def test_the_page_has_these_certificates() -> None:
    section = PAGE.read_text().partition("\n## What is wrong with its certificate")[2]
    rows = re.findall(r"^\| ([^|]+?) \| (accepted|SM[0-9]{4}) \|$", section, re.MULTILINE)
    assert set(rows) == {(what, outcome) for what, (_, outcome) in CERTIFICATES.items()}


@pytest.mark.parametrize("code", ["SM4130", "SM4131", "SM4132", "SM4133"])
def test_what_to_do_is_to_give_a_ca(code: str) -> None:
    found = entry(code)
    assert found is not None
    told = " ".join((*found.help, found.explain))
    assert "--ca-file" in told
    assert "certs.d" in told
    assert not re.search(r"insecure|plain-http|no-verify|verify *=", told)


def test_a_name_in_the_subject_alone_does_not_count(ca: str, names: Names, tmp_path: Path) -> None:
    pair = leaf(authority(), HOST)
    with Lying(tls=server_context(pair, tmp_path)) as server:
        model(server)
        found = wire(place(server, name="alias.test", ca_files=(ca,)))
        with pytest.raises(SecmountError) as caught:
            found.source.head("v1", None)
    assert caught.value.code == "SM4132"


def test_a_port_that_speaks_no_tls(start: Start, names: Names) -> None:
    server = start()
    with pytest.raises(SecmountError) as caught:
        wire(place(server, name=HOST, scheme="https")).source.head("v1", None)
    assert caught.value.code == "SM4133"


def test_a_port_that_speaks_only_tls(start: Start, names: Names) -> None:
    server = start(HOST)
    with pytest.raises(SecmountError) as caught:
        wire(place(server, name=HOST, scheme="http")).source.head("v1", None)
    assert caught.value.code in ("SM4101", "SM4106")


def test_a_registry_that_demands_a_client_certificate(start: Start, ca: str, names: Names, tmp_path: Path) -> None:
    server = start(HOST, clients=authority(), demand=True)
    model(server)
    with pytest.raises(SecmountError) as caught:
        wire(place(server, name=HOST, ca_files=(ca,))).source.head("v1", None)
    assert caught.value.code == "SM4135"
    me = leaf(authority(), "me", client=True).write(tmp_path, "me")
    with wire(place(server, name=HOST, ca_files=(ca,), client_certificate=me)).source as source:
        assert source.head("v1", None).size


@pytest.mark.parametrize("content", [b"", b"no certificate", None], ids=["empty", "other", "absent"])
def test_a_ca_file_that_is_none(start: Start, names: Names, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "given.crt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SecmountError) as caught:
        wire(place(start(HOST), name=HOST, ca_files=(str(path),))).source.head("v1", None)
    assert (caught.value.code, caught.value.subject) == ("SM4134", str(path))


def test_a_key_that_is_encrypted_asks_nobody(start: Start, ca: str, names: Names, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    me = leaf(authority(), "me", client=True)
    chain, key = me.write(tmp_path, "me")
    sealed = serialization.BestAvailableEncryption(b"secret")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
    Path(key).write_bytes(me.key.private_bytes(*form))
    access: dict[str, Any] = {"ca_files": (ca,), "client_certificate": (chain, key)}
    with pytest.raises(SecmountError) as caught:
        wire(place(start(HOST), name=HOST, **access)).source.head("v1", None)
    assert caught.value.code == "SM4134"


def test_a_host_that_is_configured_not_to_be_verified(start: Start, names: Names) -> None:
    """Its content is verified all the same; what it redirects to is not excused."""
    registry, other = start("wrong.test"), start("other.test")
    held = model(registry)
    from tests.support.lying import redirect
    from tests.support.wires import read

    with wire(place(registry, name=HOST, verify=False, credentials=False)).source as source:
        assert read(source, held.content) == held.layer
    registry.on("/blobs/", redirect(other.url("/elsewhere", name="other.test")))
    with pytest.raises(SecmountError) as caught:
        read(wire(place(registry, name=HOST, verify=False, credentials=False)).source, held.content)
    assert caught.value.code == "SM4130"
