"""When it is tried again, how long is waited, and when it is over."""

from __future__ import annotations

import threading
from email.utils import formatdate
from itertools import pairwise

import pytest

from secmount.errors import RegistryError, SecmountError
from tests.support.lying import Answer, Gate, Reply, Seen, cut, dripping, endless, error
from tests.support.wires import NOW_MS, model, place, read, wire
from tests.unit.registry.http.conftest import Start

BUSY = error(503, "UNKNOWN")


def test_pauses_grow_and_end(start: Start) -> None:
    server = start()
    server.on("/manifests/", BUSY)
    found = wire(place(server), attempts=5)
    with pytest.raises(RegistryError) as caught:
        found.source.head("v1", None)
    assert caught.value.code == "SM4104"
    assert found.slept == [0.125, 0.25, 0.5, 1.0]  # half of each is chance, which is nothing in tests
    assert len(server.asked()) == 5


def test_chance_spreads_the_pauses(start: Start) -> None:
    server = start()
    server.on("/manifests/", BUSY)
    found = wire(place(server), random=lambda count: b"\xff" * count)
    with pytest.raises(RegistryError):
        found.source.head("v1", None)
    assert found.slept == pytest.approx([0.25, 0.5, 1.0], abs=1e-6)


@pytest.mark.parametrize(
    ("after", "waited"),
    [
        ("7", 7.125),
        ("0", 0.125),
        (formatdate((NOW_MS + 20_000) / 1000, usegmt=True), 20.125),
        (formatdate((NOW_MS - 20_000) / 1000, usegmt=True), 0.125),
        ("soon", 0.125),
        ("-5", 0.125),
        ("", 0.125),
    ],
)
def test_the_registry_says_how_long(start: Start, after: str, waited: float) -> None:
    server = start()
    model(server)
    server.on("/manifests/", error(429, "TOOMANYREQUESTS", ("Retry-After", after)), lambda _, truth: truth)
    found = wire(place(server))
    found.source.head("v1", None)
    assert found.slept == [waited]


@pytest.mark.parametrize("after", ["61", "99999999999999999999", formatdate((NOW_MS + 3_600_000) / 1000, usegmt=True)])
def test_nobody_waits_for_an_hour(start: Start, after: str) -> None:
    server = start()
    server.on("/manifests/", error(503, "UNKNOWN", ("Retry-After", after)))
    found = wire(place(server))
    with pytest.raises(RegistryError) as caught:
        found.source.head("v1", None)
    assert caught.value.code == "SM4104"
    assert found.slept == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 500, 501])
def test_what_will_not_change_is_not_tried_again(start: Start, status: int) -> None:
    server = start()
    server.on("/manifests/", error(status, "DENIED"))
    found = wire(place(server))
    with pytest.raises(RegistryError):
        found.source.head("v1", None)
    assert len(server.asked()) == 1
    assert found.slept == []


def test_a_download_goes_on_where_it_broke_off(start: Start) -> None:
    server = start()
    size = 5 << 20
    held = model(server, bytes(range(256)) * (size // 256))
    server.on("/blobs/", *[cut_of(3 << 20)] * 8, lambda _, truth: truth)
    found = wire(place(server))
    assert read(found.source, held.content) == held.layer
    starts = [int(seen.headers.get("range", "bytes=0-")[6:-1]) for seen in server.asked("/blobs/")]
    assert starts[0] == 0
    assert all(low < high for low, high in pairwise(starts))
    assert len(starts) < 4


def cut_of(count: int) -> Answer:
    """Send at most `count` bytes of whatever is asked for."""

    def lie(seen: Seen, truth: Reply) -> Reply:
        assert isinstance(truth.body, bytes)
        return cut(count)(seen, truth) if len(truth.body) > count else truth

    return lie


def test_a_download_that_gains_nothing_ends(start: Start) -> None:
    server = start()
    held = model(server)
    server.on("/blobs/", cut(0))
    found = wire(place(server), attempts=3)
    with pytest.raises(RegistryError) as caught:
        read(found.source, held.content)
    assert caught.value.code == "SM4101"
    assert len(server.asked("/blobs/")) == 3


def test_an_offset_is_asked_for_and_checked(start: Start) -> None:
    server = start()
    held = model(server)
    source = wire(place(server)).source
    with source.stream(held.content, offset=100) as chunks:
        assert b"".join(chunks) == held.layer[100:]
    assert server.asked("/blobs/")[0].headers["range"] == "bytes=100-"
    with source.stream(held.content, offset=held.content.size) as chunks:
        assert b"".join(chunks) == b""
    assert len(server.asked("/blobs/")) == 1


def test_the_deadline_ends_everything(start: Start) -> None:
    """A byte now and then satisfies every timeout of single reads."""
    server = start()
    held = model(server)
    server.on("/blobs/", dripping(0.05, b"x" * 200))
    found = wire(place(server), timeout_ms=5000, deadline_ms=200)
    with pytest.raises(RegistryError) as caught:
        read(found.source, held.content)
    assert caught.value.code == "SM4103"
    with pytest.raises(RegistryError) as caught:
        found.source.head("v1", None)
    assert caught.value.code == "SM4103"
    assert server.asked("/manifests/") == []


def test_the_deadline_ends_a_silence(start: Start) -> None:
    server = start()
    server.on("/manifests/", dripping(30, b""))
    model(server)
    with pytest.raises(RegistryError) as caught:
        wire(place(server), timeout_ms=5000, deadline_ms=100).source.head("v1", None)
    assert caught.value.code == "SM4103"


def test_no_pause_reaches_past_the_deadline(start: Start) -> None:
    server = start()
    server.on("/manifests/", error(503, "UNKNOWN", ("Retry-After", "50")))
    found = wire(place(server), deadline_ms=20_000)
    with pytest.raises(RegistryError) as caught:
        found.source.head("v1", None)
    assert caught.value.code == "SM4104"
    assert found.slept == []


def test_making_a_source_opens_nothing(start: Start) -> None:
    server = start()
    wire(place(server)).source.close()
    assert server.asked() == []
    assert server.connections == 0


def test_one_connection_serves_many_questions(start: Start) -> None:
    server = start()
    held = model(server)
    with wire(place(server)).source as source:
        for _ in range(3):
            read(source, held.content)
            source.referrers(held.described.digest)
        source.head("v1", None)
    assert server.connections == 1


def test_several_threads_may_ask(start: Start) -> None:
    server = start()
    server.gate = Gate("bearer", server.url("/token"), anonymous=True)
    layers = [bytes([number]) * (1 << 20) for number in range(8)]
    held = [model(server, layer, tag=None) for layer in layers]
    got: dict[int, bytes] = {}
    with wire(place(server)).source as source:

        def fetch(number: int) -> None:
            got[number] = read(source, held[number].content)

        threads = [threading.Thread(target=fetch, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [got[number] for number in range(8)] == layers
    assert len(server.asked("/token")) == 1


def test_a_token_is_renewed_when_it_expires(start: Start) -> None:
    server = start()
    model(server)
    server.gate = Gate("bearer", server.url("/token"), anonymous=True, life=300)
    now = [NOW_MS]
    with wire(place(server), now=lambda: now[0]).source as source:
        for later in (0, 200_000, 295_000):
            now[0] = NOW_MS + later
            source.head("v1", None)
    assert len(server.asked("/token")) == 2
    assert [seen.authorization is None for seen in server.asked("/manifests/")] == [True, False, False, False]


def test_a_token_that_is_refused_is_renewed_once(start: Start) -> None:
    server = start()
    model(server)
    gate = server.gate = Gate("bearer", server.url("/token"), anonymous=True, life=300)
    with wire(place(server)).source as source:
        source.head("v1", None)
        source.head("v1", None)
        gate.tokens.clear()  # the registry has restarted
        source.head("v1", None)
        assert len(server.asked("/token")) == 2
        server.on("GET /token", Reply(body=b'{"token":"useless"}'))
        gate.tokens.clear()
        with pytest.raises(SecmountError) as caught:
            source.head("v1", None)
        assert caught.value.code == "SM4110"


def test_a_token_server_that_is_busy_is_asked_again(start: Start) -> None:
    server = start()
    model(server)
    server.gate = Gate("bearer", server.url("/token"), anonymous=True)
    server.on("GET /token", BUSY, BUSY, Reply(body=b'{"access_token":"abc"}'))
    server.gate.tokens.add("abc")
    assert wire(place(server)).source.head("v1", None).size


def test_a_token_that_never_ends(start: Start) -> None:
    server = start()
    server.gate = Gate("bearer", server.url("/token"), anonymous=True)
    server.on("GET /token", lambda seen, _: endless()(seen, Reply()))
    with pytest.raises(SecmountError) as caught:
        wire(place(server)).source.head("v1", None)
    assert caught.value.code == "SM5011"
