"""A registry on loopback that tells the truth until it is told to lie, and remembers everything it was asked.

`Lying()` serves what `add` put in. `on(pattern, reply, …)` replaces the answers to requests whose `METHOD target`
matches: one reply after the other, the last one for ever. `Gate` asks for credentials and gives tokens. Knows nothing
of secmount.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_RANGE = re.compile(r"bytes=([0-9]+)-")


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    certificate: bool = False  # the client showed one

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")


@dataclass(frozen=True)
class Reply:
    """An answer. `body` in pieces is sent piece by piece; without `length` the connection's end ends it."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Callable[[], Iterable[bytes]] = b""
    length: int | None = -1  # -1: the true one; None: not said
    abort: bool = False  # the connection is reset after the body
    raw: Callable[[], Iterable[bytes]] | None = None  # sent instead of all the rest

    def but(self, *headers: tuple[str, str], **changes: Any) -> Reply:
        """Give the same with other headers or fields."""
        names = {name.lower() for name, _ in headers}
        kept = tuple(row for row in self.headers if row[0].lower() not in names)
        return Reply(**{**self.__dict__, "headers": (*kept, *headers), **changes})


Answer = Reply | Callable[[Seen, Reply], Reply]  # the second gets what the truth would be


class Lying:
    """A registry; use it for a block."""

    def __init__(self, address: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self.gate: Gate | None = None
        self._contents: dict[str, Reply] = {}
        self._rules: list[tuple[re.Pattern[str], list[Answer]]] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        lying = self

        class Handler(_Handler):
            registry = lying

        self._server = _Server((address, 0), Handler)
        self._server.context = tls
        self.scheme = "http" if tls is None else "https"
        self.address, self.port = address, int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    def host(self, name: str | None = None) -> str:
        return f"{name or self.address}:{self.port}"

    def url(self, target: str, *, name: str | None = None) -> str:
        return f"{self.scheme}://{self.host(name)}{target}"

    def add(self, repository: str, data: bytes, *, media_type: str | None = None, tag: str | None = None) -> str:
        """Serve `data` as a blob, or as a manifest if it has a media type; give its digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        kind = "blobs" if media_type is None else "manifests"
        headers = (("Content-Type", media_type or "application/octet-stream"), ("Docker-Content-Digest", digest))
        for name in (digest, tag):
            if name is not None:
                self._contents[f"/v2/{repository}/{kind}/{name}"] = Reply(headers=headers, body=data)
        return digest

    def serve(self, target: str, reply: Reply) -> None:
        """Serve `reply` at `target`, whatever it is."""
        self._contents[target] = reply

    def on(self, pattern: str, *answers: Answer) -> None:
        """Lie about requests whose `METHOD target` has a match of `pattern`."""
        self._rules.append((re.compile(pattern), list(answers)))

    def asked(self, pattern: str = "") -> list[Seen]:
        """Give the requests whose `METHOD target` has a match of `pattern`."""
        with self._lock:
            return [seen for seen in self.seen if re.search(pattern, f"{seen.method} {seen.target}")]

    def answer(self, seen: Seen) -> Reply:
        """Decide about an answer; every request comes by here."""
        with self._lock:
            self.seen.append(seen)
            lie = self._lie(seen)
        if lie is None and self.gate is not None:
            lie = self.gate.answer(seen)
        if isinstance(lie, Reply):
            return lie
        truth = self._truth(seen)
        return truth if lie is None else lie(seen, truth)

    def wait(self, seconds: float) -> bool:
        """Wait, or say that the block has ended."""
        return self._stop.wait(seconds)

    def _lie(self, seen: Seen) -> Answer | None:
        for pattern, answers in self._rules:
            if pattern.search(f"{seen.method} {seen.target}"):
                return answers.pop(0) if len(answers) > 1 else answers[0]
        return None

    def _truth(self, seen: Seen) -> Reply:
        if seen.target == "/v2/":
            return Reply(headers=(("Content-Type", "application/json"),), body=b"{}")
        found = self._contents.get(seen.target)
        if found is None:
            return error(404, "MANIFEST_UNKNOWN" if "/manifests/" in seen.target else "BLOB_UNKNOWN")
        wanted = _RANGE.fullmatch(seen.headers.get("range", ""))
        if wanted is None or not isinstance(found.body, bytes):
            return found
        start, size = int(wanted[1]), len(found.body)
        if start >= size:
            return error(416, "UNKNOWN")
        return found.but(("Content-Range", f"bytes {start}-{size - 1}/{size}"), status=206, body=found.body[start:])


@dataclass
class Gate:
    """Lets in who has `user:password`; as `bearer`, by a token that `/token` of `realm` gives for it."""

    scheme: str
    realm: str = ""
    user: str = "user"
    password: str = "correct horse"
    anonymous: bool = False  # tokens are given to everybody
    life: int | None = None
    scope: str = "repository:acme/model:pull"
    tokens: set[str] = field(default_factory=set)
    serves_tokens: bool = True

    def answer(self, seen: Seen) -> Reply | None:
        if self.serves_tokens and seen.target.startswith("/token"):
            return self.give(seen)
        held = seen.authorization or ""
        if self.scheme == "basic":
            return None if held == self.basic else challenge('Basic realm="registry"')
        if held.removeprefix("Bearer ") in self.tokens:
            return None
        return challenge(f'Bearer realm="{self.realm}",service="registry.test",scope="{self.scope}"')

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def give(self, seen: Seen) -> Reply:
        known = seen.authorization == self.basic or b"refresh_token=" in seen.body
        if not known and not (self.anonymous and seen.authorization is None):
            return error(401, "UNAUTHORIZED")
        token = f"token{len(self.tokens)}.{'x' * 20}"
        self.tokens.add(token)
        row: dict[str, Any] = {"token": token}
        if self.life is not None:
            row["expires_in"] = self.life
        return Reply(headers=(("Content-Type", "application/json"),), body=json.dumps(row).encode())


def error(status: int, code: str, *headers: tuple[str, str], message: str = "no") -> Reply:
    """Answer with an error as the specification has it."""
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return Reply(status, (("Content-Type", "application/json"), *headers), body)


def challenge(header: str) -> Reply:
    """Ask for credentials."""
    return error(401, "UNAUTHORIZED", ("WWW-Authenticate", header))


def redirect(url: str, status: int = 307) -> Reply:
    """Send the client elsewhere."""
    return Reply(status, (("Location", url),))


def changed(data: bytes) -> Callable[[Seen, Reply], Reply]:
    """Give other bytes of the same length under the true headers."""
    return lambda _, truth: truth.but(body=data)


def headed(*headers: tuple[str, str]) -> Callable[[Seen, Reply], Reply]:
    """Tell the truth under other headers."""
    return lambda _, truth: truth.but(*headers)


def cut(count: int, *, reset: bool = False) -> Callable[[Seen, Reply], Reply]:
    """Announce everything, send `count` bytes and close the connection, or reset it."""

    def lie(_: Seen, truth: Reply) -> Reply:
        assert isinstance(truth.body, bytes)
        return truth.but(length=len(truth.body), body=truth.body[:count], abort=reset)

    return lie


def endless(*, chunked: bool = False) -> Callable[[Seen, Reply], Reply]:
    """Never stop sending zeros."""

    def zeros() -> Iterator[bytes]:
        while True:
            yield bytes(1 << 16)

    headers = (("Transfer-Encoding", "chunked"),) if chunked else ()
    return lambda _, truth: truth.but(*headers, body=zeros, length=None)


def in_chunks(*, missing: int = 0) -> Callable[[Seen, Reply], Reply]:
    """Give the true bytes, without the last `missing` ones, in chunks."""

    def lie(_: Seen, truth: Reply) -> Reply:
        assert isinstance(truth.body, bytes)
        body = truth.body[: len(truth.body) - missing]
        pieces = (*(body[start : start + 700] for start in range(0, len(body), 700)), b"")
        return truth.but(("Transfer-Encoding", "chunked"), body=lambda: pieces, length=None)

    return lie


def dripping(pause: float, piece: bytes = b" ") -> Callable[[Seen, Reply], Reply]:
    """Send a byte of the body now and then, for ever."""

    def drops() -> Iterator[bytes]:
        while True:
            yield piece
            time.sleep(pause)

    def lie(_: Seen, truth: Reply) -> Reply:
        assert isinstance(truth.body, bytes)
        return truth.but(body=drops, length=len(truth.body))

    return lie


def noise(data: bytes) -> Reply:
    """Send `data` and nothing else: no status, no headers."""
    return Reply(raw=lambda: (data,))


def dripping_headers(pause: float) -> Reply:
    """Begin an answer and never come to the end of a header."""

    def drops() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX-Drip: "
        while True:
            yield b"x"
            time.sleep(pause)

    return Reply(raw=drops)


def unending(begin: bytes, line: bytes = b"X-More: more\r\n") -> Reply:
    """Send `begin`, then one `line` after the other."""

    def lines() -> Iterator[bytes]:
        yield begin
        while True:
            yield line * 100

    return Reply(raw=lines)


def next_page(target: str) -> Callable[[Seen, Reply], Reply]:
    """Give an empty page of referrers that names another; `{}` in `target` is a number that grows."""
    count = iter(range(1, 1 << 30))
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    return lambda *_: Reply(headers=(("Link", f'<{target.format(next(count))}>; rel="next"'),), body=body)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    context: ssl.SSLContext | None = None

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    registry: Lying
    server: _Server

    def setup(self) -> None:
        self.registry.connections += 1
        self.request.settimeout(10)
        if self.server.context is not None:
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.request.close()  # if it is a TLS socket, the server does not know it

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        shown = isinstance(self.request, ssl.SSLSocket) and bool(self.request.getpeercert(binary_form=True))
        self._send(
            self.registry.answer(Seen(self.command, self.path, headers, self.rfile.read(length), certificate=shown))
        )

    do_HEAD = do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815

    def _send(self, reply: Reply) -> None:
        if reply.raw is not None:
            self.close_connection = True
            self._pour(reply.raw(), chunked=False)
            return
        self.send_response(reply.status)
        names = {name.lower() for name, _ in reply.headers}
        length = len(reply.body) if reply.length == -1 and isinstance(reply.body, bytes) else reply.length
        for name, value in reply.headers:
            self.send_header(name, value)
        if length is not None and not names & {"transfer-encoding", "content-length"}:
            self.send_header("Content-Length", str(length))
        elif "transfer-encoding" not in names and "content-length" not in names:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return
        chunked = ("transfer-encoding", "chunked") in {(name.lower(), value) for name, value in reply.headers}
        self._pour(reply.body() if callable(reply.body) else (reply.body,), chunked=chunked and callable(reply.body))
        if isinstance(reply.body, bytes) and (length or 0) > len(reply.body):
            self.close_connection = True
        if reply.abort:
            self.close_connection = True
            self.wfile.flush()
            linger = b"\x01\0\0\0\0\0\0\0"  # close by a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

    def _pour(self, pieces: Iterable[bytes], *, chunked: bool) -> None:
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            self.wfile.flush()
            if self.registry.wait(0):
                break
