"""Who may be talked to: the addresses that are connected to are the ones that were judged."""

from __future__ import annotations

import socket

import pytest

from secmount.errors import RegistryError
from secmount.registry.http.wire import transport
from secmount.registry.http.wire.addresses import Reach, is_loopback, reach
from tests.support.lying import Gate, redirect
from tests.support.wires import REPOSITORY, Names, model, place, read, wire
from tests.unit.registry.http.conftest import Start


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("127.0.0.1", Reach.LOOPBACK),
        ("127.255.255.254", Reach.LOOPBACK),
        ("0.0.0.0", Reach.LOOPBACK),
        ("0.1.2.3", Reach.LOOPBACK),
        ("::1", Reach.LOOPBACK),
        ("::", Reach.LOOPBACK),
        ("::ffff:127.0.0.1", Reach.LOOPBACK),
        ("64:ff9b::7f00:1", Reach.LOOPBACK),
        ("2002:7f00:1::", Reach.LOOPBACK),
        ("169.254.169.254", Reach.METADATA),
        ("169.254.170.2", Reach.METADATA),
        ("::ffff:169.254.169.254", Reach.METADATA),
        ("64:ff9b::a9fe:a9fe", Reach.METADATA),
        ("fe80::1%lo", Reach.METADATA),
        ("fd00:ec2::254", Reach.METADATA),
        ("100.100.100.200", Reach.METADATA),
        ("168.63.129.16", Reach.METADATA),
        ("10.0.0.1", Reach.PRIVATE),
        ("172.16.0.1", Reach.PRIVATE),
        ("172.31.255.255", Reach.PRIVATE),
        ("192.168.1.1", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("fd12::1", Reach.PRIVATE),
        ("224.0.0.1", Reach.PRIVATE),
        ("255.255.255.255", Reach.PRIVATE),
        ("ff02::1", Reach.PRIVATE),
        ("172.32.0.1", Reach.PUBLIC),
        ("140.82.121.33", Reach.PUBLIC),
        ("2606:50c0:8000::154", Reach.PUBLIC),
    ],
)
def test_whose_an_address_is(address: str, whose: Reach) -> None:
    assert reach(address) is whose


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.0.0.9", True),
        ("::1", True),
        ("localhost.test", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_by_name(host: str, is_it: bool) -> None:
    assert is_loopback(host) is is_it


@pytest.mark.parametrize("name", ["registry.test", "127.0.0.1", "localhost"])
def test_only_public_addresses_where_it_is_said(start: Start, names: Names, name: str) -> None:
    server = start()
    model(server)
    names.now["localhost"] = ["127.0.0.1"]
    with pytest.raises(RegistryError) as caught:
        wire(place(server, name=name), private_addresses=False).source.head("v1", None)
    assert caught.value.code == "SM4121"
    assert server.asked() == []


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.0.1", "fd12::1", "169.254.169.254", "140.82.121.33 10.0.0.1"])
def test_one_address_that_is_not_public_is_enough(start: Start, names: Names, address: str) -> None:
    """No connection is tried: this machine's tests would see it."""
    names.now["registry.test"] = [address]
    with pytest.raises(RegistryError) as caught:
        wire(place(start(), name="registry.test"), private_addresses=False).source.head("v1", None)
    assert caught.value.code == "SM4121"


def test_a_name_is_resolved_once_for_a_connection(start: Start, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second answer would be this machine; whoever asks twice connects to it."""
    server = start()
    model(server)
    names.now["registry.test"] = ["140.82.121.33", "127.0.0.1"]
    tried: list[str] = []

    def connect(_: socket.socket, address: tuple[str, int]) -> None:
        tried.append(address[0])
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(RegistryError) as caught:
        wire(place(server, name="registry.test"), private_addresses=False).source.head("v1", None)
    assert caught.value.code == "SM4100"
    assert tried == ["140.82.121.33"]
    assert names.asked == ["registry.test"]


@pytest.mark.parametrize(
    "target", ["http://127.0.0.2:1/x", "http://[::1]:1/x", "http://inside.test:1/x", "http://169.254.169.254/x"]
)
@pytest.mark.parametrize("private", [True, False])
def test_nobody_outside_leads_inside(
    start: Start, names: Names, monkeypatch: pytest.MonkeyPatch, target: str, private: bool
) -> None:
    server = start()
    held = model(server)
    server.on("/blobs/", redirect(target))
    names.now["inside.test"] = ["127.0.0.3"]
    outside = server.address
    monkeypatch.setattr(transport, "reach", lambda text: Reach.PUBLIC if text == outside else reach(text))
    with pytest.raises(RegistryError) as caught:
        read(wire(place(server), private_addresses=private).source, held.content)
    assert caught.value.code == "SM4121"


def test_where_only_public_addresses_hold_nobody_leads_to_others(
    start: Start, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    held = model(server)
    server.on("/blobs/", redirect("http://10.0.0.1:1/x"))
    outside = server.address
    monkeypatch.setattr(transport, "reach", lambda text: Reach.PUBLIC if text == outside else reach(text))
    with pytest.raises(RegistryError) as caught:
        read(wire(place(server), private_addresses=False).source, held.content)
    assert caught.value.code == "SM4121"


def test_a_token_server_inside_is_not_asked(start: Start, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start()
    model(server)
    server.gate = Gate("bearer", "https://127.0.0.5/token", anonymous=True)
    outside = server.address
    monkeypatch.setattr(transport, "reach", lambda text: Reach.PUBLIC if text == outside else reach(text))
    with pytest.raises(RegistryError) as caught:
        wire(place(server)).source.head("v1", None)
    assert caught.value.code == "SM4121"


def test_a_registry_on_this_machine_may_lead_to_this_machine(start: Start) -> None:
    registry, other = start(), start()
    held = model(registry)
    registry.on("/blobs/", redirect(other.url(f"/v2/{REPOSITORY}/x")))
    other.on("/x", redirect(registry.url("/there")))
    registry.serve("/there", registry._contents[f"/v2/{REPOSITORY}/blobs/{held.content.digest}"])
    with wire(place(registry)).source as source:
        assert read(source, held.content) == held.layer
