"""Proxies of the environment."""

from __future__ import annotations

import base64
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from secmount.errors import RegistryError
from secmount.registry.credentials.value import Basic
from secmount.registry.hosts.value import Access, Location
from secmount.registry.http.wire.proxies import proxy_for
from secmount.registry.http.wire.url import parse
from tests.support.lying import Gate, Reply
from tests.support.wires import SECRET, Names, model, place, read, wire
from tests.unit.registry.http.conftest import Start

P = "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("url", "environment", "proxied"),
    [
        ("https://r.test/", {"HTTPS_PROXY": P}, True),
        ("https://r.test/", {"https_proxy": P}, True),
        ("https://r.test/", {"https_proxy": "", "HTTPS_PROXY": P}, False),
        ("https://r.test/", {"HTTP_PROXY": P}, False),
        ("https://r.test/", {"ALL_PROXY": P}, True),
        ("http://r.test/", {"HTTP_PROXY": P}, True),
        ("http://r.test/", {"HTTP_PROXY": P, "REQUEST_METHOD": "GET"}, False),
        ("http://r.test/", {"http_proxy": P, "REQUEST_METHOD": "GET"}, True),
        ("https://localhost:5000/", {"HTTPS_PROXY": P}, False),
        ("http://127.0.0.1:5000/", {"HTTP_PROXY": P}, False),
        ("https://r.test/", {"HTTPS_PROXY": P, "NO_PROXY": "*"}, False),
        ("https://r.test/", {"HTTPS_PROXY": P, "NO_PROXY": "r.test"}, False),
        ("https://a.r.test/", {"HTTPS_PROXY": P, "NO_PROXY": "x.test, R.test"}, False),
        ("https://a.r.test/", {"HTTPS_PROXY": P, "no_proxy": ".r.test"}, False),
        ("https://a.r.test/", {"HTTPS_PROXY": P, "no_proxy": "*.r.test"}, False),
        ("https://bar.test/", {"HTTPS_PROXY": P, "no_proxy": "r.test"}, True),
        ("https://r.test/", {"HTTPS_PROXY": P, "no_proxy": "r.test:5000"}, True),
        ("https://r.test:5000/", {"HTTPS_PROXY": P, "no_proxy": "r.test:5000"}, False),
        ("https://10.1.2.3/", {"HTTPS_PROXY": P, "no_proxy": "10.0.0.0/8"}, False),
        ("https://11.1.2.3/", {"HTTPS_PROXY": P, "no_proxy": "10.0.0.0/8"}, True),
        ("https://[fd00::5]/", {"HTTPS_PROXY": P, "no_proxy": "fd00::/8"}, False),
        ("https://[fd00::5]:5000/", {"HTTPS_PROXY": P, "no_proxy": "[fd00::5]:5000"}, False),
        ("https://r.test/", {"HTTPS_PROXY": P, "no_proxy": ""}, True),
    ],
)
def test_which_proxy(url: str, environment: dict[str, str], proxied: bool) -> None:
    found = proxy_for(parse(url), environment)
    assert (found is not None) is proxied
    assert found is None or found.url.place == P


def test_a_proxy_without_scheme_is_one_over_http() -> None:
    found = proxy_for(parse("https://r.test/"), {"HTTPS_PROXY": "proxy.test:3128"})
    assert found is not None
    assert found.url.place == P


@pytest.mark.parametrize(
    "text", ["socks5://proxy.test:1080", f"http://user:{SECRET}@:3128", f"http://me:{SECRET}@p.test:port"]
)
def test_what_is_no_proxy_is_not_shown(text: str) -> None:
    with pytest.raises(RegistryError) as caught:
        proxy_for(parse("https://r.test/"), {"HTTPS_PROXY": text})
    assert caught.value.code == "SM4140"
    assert SECRET not in f"{caught.value}"


def test_the_proxys_password_goes_to_the_proxy(start: Start, names: Names) -> None:
    proxy = start()
    proxy.on("GET http://registry.test:5000/v2/", Reply(body=b"{}"))
    environment = {"http_proxy": f"http://user:p%40ss@proxy.test:{proxy.port}"}
    found = wire(Location(Access("registry.test:5000", "http"), "acme/model"), environment=environment)
    with found.source as source:
        source.reach()
    (seen,) = proxy.asked()
    assert seen.headers["proxy-authorization"] == "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert seen.authorization is None
    assert "p@ss" not in repr(source._clients[-1]._transport._managers)
    assert names.asked == ["proxy.test"]  # the registry's name is the proxy's to resolve


def test_a_proxy_that_refuses(start: Start, names: Names) -> None:
    proxy = start()  # it knows no CONNECT
    environment = {"https_proxy": proxy.url("", name="proxy.test")}
    with pytest.raises(RegistryError) as caught:
        wire(place(proxy, name="registry.test", scheme="https"), environment=environment).source.reach()
    assert caught.value.code == "SM4141"


def test_no_metadata_service_is_asked_for_through_a_proxy(start: Start, names: Names) -> None:
    proxy = start()
    environment = {"http_proxy": proxy.url("", name="proxy.test")}
    with pytest.raises(RegistryError) as caught:
        wire(
            Location(Access("169.254.169.254", "http"), "acme/model"), environment=environment, private_addresses=False
        ).source.reach()
    assert caught.value.code == "SM4121"
    assert proxy.asked() == []


def test_a_registry_is_reached_through_a_proxy(start: Start, names: Names) -> None:
    proxy = start()
    held = model(proxy)
    proxy.on(
        r"GET http://registry.test:5000/v2/acme/model/manifests/v1",
        Reply(headers=(("Content-Type", held.described.media_type),), body=held.manifest),
    )
    location = Location(Access("registry.test:5000", "http"), "acme/model")
    with wire(location, environment={"http_proxy": proxy.url("", name="proxy.test")}).source as source:
        assert source.head("v1", None).digest == held.described.digest


class Tunnel(socketserver.BaseRequestHandler):
    """A proxy that knows CONNECT alone: to this machine, whatever name is asked for."""

    asked: list[bytes]
    answer = b"HTTP/1.1 200 Connection established\r\n\r\n"

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.request.recv(4096)
        self.asked.append(head)
        self.request.sendall(self.answer)
        port = int(head.split()[1].rpartition(b":")[2])
        if b" 200 " not in self.answer:
            return
        with socket.socket() as there:
            there.connect(("127.0.0.1", port))
            ends = {self.request: there, there: self.request}
            while True:
                for one in select.select(list(ends), [], [], 10)[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    ends[one].sendall(data)


@pytest.fixture
def tunnel() -> Iterator[type[Tunnel]]:
    class Mine(Tunnel):
        asked = []  # noqa: RUF012 - of this class alone

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mine) as server:
        server.daemon_threads = True
        Mine.port = server.server_address[1]  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Mine
        server.shutdown()


def test_tls_goes_through_the_proxy_unbroken(tunnel: Any, start: Start, ca: str, names: Names) -> None:
    """The proxy sees a host's name and its own password, nothing of what is said."""
    registry = start("registry.test")
    held = model(registry)
    registry.gate = Gate("basic")
    environment = {"https_proxy": f"http://me:pw@proxy.test:{tunnel.port}"}
    host = registry.host("registry.test")
    wired = wire(
        place(registry, name="registry.test", ca_files=(ca,)),
        credentials={host: Basic("user", SECRET)},
        environment=environment,
    )
    with wired.source as source:
        assert read(source, held.content) == held.layer
    assert tunnel.asked
    for head in tunnel.asked:
        assert head.startswith(f"CONNECT {host} HTTP/1.".encode())
        assert b"Proxy-Authorization: Basic bWU6cHc=" in head
        assert registry.gate.basic.encode() not in head
    assert all("proxy-authorization" not in seen.headers for seen in registry.asked())


@pytest.mark.parametrize("status", [b"407 Proxy Authentication Required", b"403 Forbidden", b"502 Bad Gateway"])
def test_a_proxy_that_does_not_connect(tunnel: Any, start: Start, names: Names, status: bytes) -> None:
    tunnel.answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"
    environment = {"https_proxy": f"http://me:{SECRET.replace(' ', '%20')}@proxy.test:{tunnel.port}"}
    with pytest.raises(RegistryError) as caught:
        wire(place(start("registry.test"), name="registry.test"), environment=environment).source.reach()
    assert caught.value.code == "SM4141"
    assert status[:3].decode() in str(caught.value)
    assert "%20" not in str(caught.value)


def test_a_proxy_that_is_down(start: Start, names: Names) -> None:
    environment = {"https_proxy": "http://proxy.test:1"}
    with pytest.raises(RegistryError) as caught:
        wire(place(start("registry.test"), name="registry.test"), environment=environment).source.reach()
    assert caught.value.code == "SM4141"
