"""Proxies of the environment."""

from __future__ import annotations

import base64

import pytest

from secmount.errors import RegistryError
from secmount.registry.http.wire.proxies import proxy_for
from secmount.registry.http.wire.url import parse
from tests.support.lying import Reply
from tests.support.wires import SECRET, Names, model, place, wire
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
    access = place(proxy, name="registry.test", credential_key="registry.test:5000")
    access = access.__class__(access.access.__class__("registry.test:5000", "http"), access.repository)
    found = wire(access, environment=environment)
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
    access = place(proxy).access.__class__("169.254.169.254", "http")
    from secmount.registry.hosts.value import Location

    with pytest.raises(RegistryError) as caught:
        wire(Location(access, "acme/model"), environment=environment, private_addresses=False).source.reach()
    assert caught.value.code == "SM4121"
    assert proxy.asked() == []


def test_a_registry_is_reached_through_a_proxy(start: Start, names: Names) -> None:
    proxy = start()
    held = model(proxy)
    proxy.on(
        r"GET http://registry.test:5000/v2/acme/model/manifests/v1",
        Reply(headers=(("Content-Type", held.described.media_type),), body=held.manifest),
    )
    from secmount.registry.hosts.value import Access, Location

    location = Location(Access("registry.test:5000", "http"), "acme/model")
    with wire(location, environment={"http_proxy": proxy.url("", name="proxy.test")}).source as source:
        assert source.head("v1", None).digest == held.described.digest
