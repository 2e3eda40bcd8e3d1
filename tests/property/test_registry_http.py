"""Whatever a registry sends, what comes of it is the truth or an error of ours, soon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmount.errors import ContentError, RegistryError
from tests.support.lying import Lying, Reply
from tests.support.wires import REPOSITORY, Model, model, place, read, wire

NAMES = st.sampled_from(
    [
        *("Content-Length", "Content-Range", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Location"),
        *("Link", "Retry-After", "WWW-Authenticate", "Docker-Content-Digest", "Connection", "Set-Cookie", "X"),
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        [
            *(b"", b"0", b"3000", b"-1", b"99999999999999999999", b"chunked", b"identity", b"gzip", b"close", b"Basic"),
            *(b"/", b"//x", b"http://127.0.0.1:1/", b'<?x>; rel="next"', b'Bearer realm="x"', b"application/json"),
            b"bytes 0-2999/3000",
        ]
    ),
    st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"")),
)
STATUS = st.sampled_from(
    [b"200 OK", b"206 Partial", b"204", b"301 Moved", b"307", b"401 No", b"404", b"416", b"503", b"99", b"abc", b""]
)
BODIES = st.one_of(st.binary(max_size=200), st.just(b"layer " * 500), st.just(b"5\r\nlayer\r\n0\r\n\r\n"))
ANSWERS = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda status, headers, body: b"HTTP/1.1 " + status + b"\r\n" + b"".join(headers) + b"\r\n" + body,
        STATUS,
        st.lists(st.builds(lambda name, value: name.encode() + b": " + value + b"\r\n", NAMES, VALUES), max_size=5),
        BODIES,
    ),
)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Lying, Model, list[bytes]]]:
    with Lying() as lying:
        held, said = model(lying), [b""]
        lying.on("", lambda *_: Reply(raw=lambda: (said[-1],)))
        yield lying, held, said


@given(raw=ANSWERS)
def test_whatever_comes(server: tuple[Lying, Model, list[bytes]], raw: bytes) -> None:
    lying, held, said = server
    said.append(raw)
    for number in range(4):
        with wire(place(lying), attempts=2, timeout_ms=500).source as source:
            try:
                match number:
                    case 0:
                        assert source.head("v1", None).size <= len(raw)
                    case 1:
                        assert source.manifest(held.described) == held.manifest
                    case 2:
                        assert read(source, held.content) == held.layer
                    case _:
                        source.referrers(held.described.digest)
            except (RegistryError, ContentError) as err:
                assert err.code != "SM9001"
    assert REPOSITORY in lying.asked()[-1].target
