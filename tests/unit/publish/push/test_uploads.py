"""Uploads as registries of many kinds have them: where they go on, in which pieces, through what, how much memory."""

from __future__ import annotations

import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from secmount.errors import RegistryError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.registry.credentials.value import Basic, IdentityToken, RegistryToken
from tests.support.certificates import authority, leaf, server_context
from tests.support.lying import Gate, Lying, Reply, Seen, error
from tests.support.storing import Storing
from tests.support.wires import REPOSITORY, SECRET, Names
from tests.unit.publish.push.conftest import Open, Start

DATA = bytes(range(256)) * 40
BLOB = Descriptor("application/octet-stream", Digest.of(DATA), len(DATA))
PIECES = [DATA[:100], b"", DATA[100:5000], DATA[5000:]]


def code(act: Callable[[], object]) -> str:
    with pytest.raises(RegistryError) as caught:
        act()
    assert SECRET not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("chunk_size", [1, 100, 4096, len(DATA) - 1, len(DATA), len(DATA) + 1, None])
def test_any_pieces_make_the_same_blob(registry: Storing, desk: Open, chunk_size: int | None) -> None:
    size = 40 if chunk_size == 1 else len(DATA)
    data = [DATA[:size]] if chunk_size == 1 else PIECES
    blob = Descriptor("a/b", Digest.of(DATA[:size]), size)
    desk(registry, chunk_size=chunk_size).writer.put(blob, data)
    assert registry.blobs == {str(blob.digest): DATA[:size]}
    assert all("transfer-encoding" not in seen.headers for seen in registry.seen)
    if chunk_size:
        assert {len(seen.body) for seen in registry.asked("PATCH")} <= {chunk_size, size % chunk_size or chunk_size}


@pytest.mark.parametrize(("said", "pieces"), [("5000", [5000, 5000, 240]), ("0", [1000] * 10 + [240]), ("x", None)])
def test_a_registry_may_ask_for_larger_chunks(
    registry: Storing, desk: Open, said: str, pieces: list[int] | None
) -> None:
    registry.on("POST", lambda _, truth: truth.but(("OCI-Chunk-Min-Length", said)))
    desk(registry, chunk_size=1000).writer.put(BLOB, DATA)
    assert [len(seen.body) for seen in registry.asked("PATCH")] == (pieces or [1000] * 10 + [240])


@pytest.mark.parametrize("where", ["http://{host}{path}", "HTTP://{host}{path}", "{path}", "u0?state=1"])
def test_where_an_upload_goes_on(registry: Storing, desk: Open, where: str) -> None:
    """Absolute, relative to the host, relative to the request; always at the registry's own host."""
    path = f"/v2/{REPOSITORY}/blobs/uploads/u0?state=1"
    target = where.format(host=registry.host(), path=path)
    registry.on("POST", lambda _, truth: truth.but(("Location", target)))
    desk(registry).writer.put(BLOB, DATA)
    assert registry.blobs == {str(BLOB.digest): DATA}


def test_a_proxy_before_the_registry_made_http_of_it(start: Start, desk: Open, names: Names, ca: str) -> None:
    """The host is the registry's; the scheme is a proxy's mistake, and TLS is not given up for it."""
    registry = start("registry.test")
    other = f"http://registry.test:{registry.port}/v2/{REPOSITORY}/blobs/uploads/u0"
    registry.on("POST", lambda _, truth: truth.but(("Location", other)))
    desk(registry, access={"name": "registry.test", "ca_files": (ca,)}).writer.put(BLOB, DATA)
    assert registry.blobs == {str(BLOB.digest): DATA}


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        (None, "SM4323"),
        ("", "SM4323"),
        ("ftp://x/y", "SM4323"),
        ("http://user:pw@{host}/x", "SM4323"),
        ("http://[::1/x", "SM4323"),
        ("http://{host}/\x01", "SM4323"),
        ("http://127.0.0.2:{port}/x", "SM4320"),
        ("//other.test/x", "SM4320"),
        ("http://{address}:1/x", "SM4320"),
        ("http://{address}.evil.test:{port}/x", "SM4320"),
    ],
)
def test_nowhere_to_go_on(registry: Storing, desk: Open, where: str | None, wanted: str) -> None:
    target = (where or "").format(host=registry.host(), port=registry.port, address=registry.address)
    headers = () if where is None else (("Location", target),)
    registry.on("POST", Reply(202, headers))
    assert code(lambda: desk(registry).writer.put(BLOB, DATA)) == wanted
    assert len(registry.seen) == 1


@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_blob_that_the_registry_has_elsewhere(registry: Storing, desk: Open, status: int) -> None:
    """Some registries send the client to their storage, even for HEAD; that is answer enough."""
    registry.on("HEAD", Reply(status, (("Location", "https://storage.test/x"),)))
    assert desk(registry).writer.has(BLOB)
    assert len(registry.seen) == 1


@pytest.mark.parametrize(("status", "wanted"), [(301, "SM4323"), (308, "SM4323"), (400, "SM4323")])
def test_a_blob_of_which_nothing_is_known(registry: Storing, desk: Open, status: int, wanted: str) -> None:
    registry.on("HEAD", Reply(status, (("Location", "https://storage.test/x"),)))
    assert code(lambda: desk(registry).writer.has(BLOB)) == wanted


def test_chunks_begin_anew_after_a_failure(registry: Storing, desk: Open) -> None:
    registry.on("PATCH", lambda _, truth: truth, error(503, "UNKNOWN"), lambda _, truth: truth)
    made = desk(registry, chunk_size=4000)
    made.writer.put(BLOB, PIECES)
    assert registry.blobs == {str(BLOB.digest): DATA} and len(registry.asked("POST")) == 2 and len(made.slept) == 1


def test_a_token_that_expires_between_chunks(start: Start, desk: Open, names: Names, ca: str) -> None:
    registry = start("registry.test")
    registry.gate = gate = Gate("bearer", registry.url("/token", name="registry.test"))
    access = {"name": "registry.test", "ca_files": (ca,)}
    made = desk(
        registry, credentials={registry.host("registry.test"): Basic("user", SECRET)}, access=access, chunk_size=4000
    )

    def expired(seen: Seen, truth: Reply) -> Reply:
        gate.tokens.clear()
        return gate.answer(seen) or truth

    registry.on("PATCH", lambda _, truth: truth, expired, lambda seen, truth: gate.answer(seen) or truth)
    made.writer.put(BLOB, PIECES)
    assert registry.blobs == {str(BLOB.digest): DATA} and len(registry.asked("GET /token")) == 2


def test_content_that_is_encoded_on_the_way_back(registry: Storing, desk: Open) -> None:
    registry.manifests["v1"] = ("", b"\x1f\x8b")
    registry.on("GET", lambda _, truth: truth.but(("Content-Encoding", "gzip")))
    assert code(lambda: desk(registry).writer.standing("v1")) == "SM4107"


@pytest.mark.parametrize("credential", [Basic("user", SECRET), IdentityToken("x" * 20), RegistryToken("x" * 20)])
def test_no_credentials_over_http_that_nobody_asked_for(
    registry: Storing, desk: Open, credential: Basic | IdentityToken | RegistryToken
) -> None:
    registry.gate = Gate("basic" if isinstance(credential, Basic) else "bearer", registry.url("/token"))
    made = desk(registry, credentials={registry.host(): credential}, access={"credentials": False})
    assert code(lambda: made.writer.put(BLOB, DATA)) == "SM4116"
    assert all(seen.authorization is None for seen in registry.seen)


def test_a_client_certificate(desk: Open, names: Names, ca: str, tmp_path: Path) -> None:
    context = server_context(leaf(authority(), "registry.test"), tmp_path, clients=authority(), demand=True)
    pair = leaf(authority(), "client", client=True).write(tmp_path, "client")
    with Storing(tls=context) as registry:
        access = {"name": "registry.test", "ca_files": (ca,)}
        desk(registry, access={**access, "client_certificate": pair}).writer.put(BLOB, DATA)
        assert registry.blobs and all(seen.certificate for seen in registry.seen)
        refused = code(lambda: desk(registry, access=access, attempts=1).writer.has(BLOB))
        assert refused.startswith("SM41")


class Proxy(Lying):
    """A proxy for http that answers as the registry behind it would."""

    def __init__(self, registry: Storing) -> None:
        self.registry = registry
        super().__init__()

    def _truth(self, seen: Seen) -> Reply:
        target = "/" + seen.target.split("/", 3)[3]
        return self.registry.answer(Seen(seen.method, target, seen.headers, seen.body))


def test_through_a_proxy(registry: Storing, desk: Open, names: Names) -> None:
    """Its credentials go to it; ours go through it only where http was asked for."""
    with Proxy(registry) as proxy:
        environment = {"http_proxy": f"http://me:{SECRET.replace(' ', '%20')}@{proxy.host()}"}
        registry.gate = Gate("basic")
        host = registry.host("registry.test")
        made = desk(
            registry,
            credentials={host: Basic("user", SECRET)},
            access={"name": "registry.test"},
            environment=environment,
        )
        made.writer.put(BLOB, DATA)
        assert registry.blobs == {str(BLOB.digest): DATA}
        assert all(seen.target.startswith(f"http://{host}/v2/") for seen in proxy.seen)
        assert all(seen.headers["proxy-authorization"].startswith("Basic ") for seen in proxy.seen)
        plain = desk(registry, access={"name": "registry.test"}, environment={**environment, "no_proxy": ".test"})
        before = len(proxy.seen)
        assert code(lambda: plain.writer.has(BLOB)) == "SM4110" and len(proxy.seen) == before


class Sink:
    """Takes an upload of any size and keeps nothing of it."""

    def __init__(self, listener: socket.socket, digest: str) -> None:
        self._listener, self._digest = listener, digest
        self.port = listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with self._listener.accept()[0] as connection, connection.makefile("rwb") as stream:
            while line := stream.readline():
                length = 0
                while (header := stream.readline()) not in (b"\r\n", b""):
                    if header.lower().startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                buffer = memoryview(bytearray(1 << 16))
                while length:
                    length -= stream.readinto(buffer[: min(length, len(buffer))])
                where = f"Location: /u\r\nDocker-Content-Digest: {self._digest}" if line.startswith(b"P") else ""
                stream.write(
                    f"HTTP/1.1 20{1 + line.startswith(b'PO')} x\r\n{where}\r\nContent-Length: 0\r\n\r\n".encode()
                )
                stream.flush()


@contextmanager
def sink(digest: Digest) -> Iterator[Sink]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Sink(listener, str(digest))


class Zeros:
    """Many bytes, one chunk at a time."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[bytes]:
        chunk = bytes(1 << 20)
        return (chunk for _ in range(self.count))


@pytest.mark.parametrize("chunk_size", [None, 20 << 20])
def test_a_large_blob_is_not_held_in_memory(desk: Open, chunk_size: int | None) -> None:
    """oras-py reads the whole of it (13)."""
    from secmount.registry.hosts.value import Access, Location

    blob = Descriptor(
        "a/b", Digest("sha256", "3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351"), 64 << 20
    )
    with sink(blob.digest) as server:
        location = Location(Access(f"127.0.0.1:{server.port}", "http"), REPOSITORY)
        writer = desk(location, chunk_size=chunk_size).writer
        tracemalloc.start()
        try:
            writer.put(blob, Zeros(64))
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()
