"""Connections that check whom they reach and how fast bytes come: urllib3's own, with their sockets looked after.

A name is resolved once; the addresses that come out are judged, and those same addresses are connected to, so that
a name that changes its mind between a check and a connection gains nothing. Every read is watched: it must not wait
longer than the timeout for a byte, nor get fewer bytes than a floor while it waited that long in all, for an endless
trickle satisfies any timeout of single reads.
"""

from __future__ import annotations

import errno
import io
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import urllib3
import urllib3.exceptions as wire
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_FLOOR = 1024  # bytes a second, on average over the time spent waiting; a modem's speed of 1990
_BUFFER = 64 << 10  # bytes; headers and the ends of chunks go through it, the rest is read in place

_STATUSES, _TRAILERS = 16, 100  # answers to a request, all but one interim; lines after a body in chunks
_LINE = 64 << 10  # bytes of one

Judge = Callable[[str], None]  # refuses a numeric address by raising
Left = Callable[[], float]  # seconds that the deadline leaves; raises when it is over


class Watched:
    """A connected socket whose reads are watched; everything else is the socket's own."""

    def __init__(self, sock: Any, left: Left) -> None:
        self._sock = sock
        self._left = left
        self._timeout = 0.0
        self._waited = 0.0
        self._received = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, value: float | None) -> None:
        """Begin to watch a new answer; urllib3 sets the timeout before each."""
        self._timeout = value or 0.0
        self._waited, self._received = 0.0, 0
        self._sock.settimeout(value)

    def sendall(self, data: Any) -> None:
        """Send; where the other side has hung up, say it so that urllib3 reads why (a TLS alert, an answer)."""
        try:
            self._sock.sendall(data)
        except TimeoutError:
            raise
        except OSError as err:
            raise BrokenPipeError(errno.EPIPE, "the other side has hung up") from err

    def makefile(self, _mode: str, *_: Any, **__: Any) -> io.BufferedReader:
        """Open the reader of an answer."""
        return io.BufferedReader(_WatchedReader(self, self._sock.makefile("rb", buffering=0)), _BUFFER)

    def receive(self, raw: io.RawIOBase, buffer: Any) -> int | None:
        """Read once; raise TimeoutError if nothing or too little came."""
        if self._timeout:
            self._sock.settimeout(min(self._timeout, self._left()))
        begun = time.monotonic()
        try:
            count = raw.readinto(buffer)
        except TimeoutError:
            self._left()  # if it was the deadline that cut the wait short, it says so
            raise
        self._waited += time.monotonic() - begun
        self._received += count or 0
        if self._timeout and self._waited > self._timeout:
            if self._received < _FLOOR * self._waited:
                raise TimeoutError(f"{self._received} bytes in {self._waited:.1f} s")
            self._waited, self._received = 0.0, 0
        return count


class _WatchedReader(io.RawIOBase):
    def __init__(self, watched: Watched, raw: io.RawIOBase) -> None:
        super().__init__()
        self._watched, self._raw = watched, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        return self._watched.receive(self._raw, buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(HTTPConnection.response_class):  # type: ignore[valid-type,misc]  # http.client.HTTPResponse
    """An answer with few others before it and few lines after it: http.client reads on as long as more of them come."""

    _statuses = 0

    def _read_status(self) -> Any:
        self._statuses += 1
        if self._statuses > _STATUSES:
            raise wire.ProtocolError("one interim answer after the other")
        return super()._read_status()

    def _read_and_discard_trailer(self) -> None:
        for _ in range(_TRAILERS):
            line = self.fp.readline(_LINE + 1)
            if len(line) > _LINE:
                break
            if line in {b"\r\n", b"\n", b""}:
                return
        raise wire.ProtocolError("one line after the other behind the last chunk")


class _Judged(HTTPConnection):
    """How a connection is made: to addresses that were judged, and watched."""

    response_class = _Answer

    def __init__(self, *args: Any, judge: Judge, left: Left, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._judge, self._left = judge, left

    def _new_conn(self) -> socket.socket:
        return _connect(self, self._judge)

    def connect(self) -> None:
        super().connect()
        self.sock = cast(socket.socket, Watched(self.sock, self._left))


class _SecureConnection(_Judged, HTTPSConnection):
    """The same over TLS: `super().connect()` is the secure one's."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = cast(Any, _Judged)


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = cast(Any, _SecureConnection)

    def _validate_conn(self, conn: Any) -> None:
        """Connect; without urllib3's warning to the terminal where a host is configured not to be verified."""
        if conn.is_closed:
            conn.connect()


def pools(manager: urllib3.PoolManager, *, judge: Judge, left: Left) -> urllib3.PoolManager:
    """Make `manager` use watched connections whose addresses `judge` has seen."""
    made = {"http": partial(_Pool, judge=judge, left=left), "https": partial(_SecurePool, judge=judge, left=left)}
    manager.pool_classes_by_scheme = cast(Any, made)
    return manager


def _connect(conn: HTTPConnection, judge: Judge) -> socket.socket:
    """Connect to one of the addresses of `conn.host`, all of which are judged first, but a proxy's."""
    host = conn.host.strip("[]").rstrip(".")
    try:
        found = socket.getaddrinfo(host, conn.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as err:
        raise wire.NameResolutionError(host, conn, cast(Any, err)) from err
    if conn.proxy is None:
        for row in found:
            judge(str(row[4][0]))
    failed: Exception = OSError("no address")
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            for option in conn.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(conn.timeout)
            sock.connect(address)
            if conn.proxy is None:
                judge(str(sock.getpeername()[0]))
        except OSError as err:
            sock.close()
            failed = err
        except BaseException:
            sock.close()
            raise
        else:
            sys.audit("http.client.connect", conn, conn.host, conn.port)
            return sock
    if isinstance(failed, TimeoutError):
        raise wire.ConnectTimeoutError(conn, f"{host} did not answer") from failed
    raise wire.NewConnectionError(conn, f"{host} cannot be reached") from failed
