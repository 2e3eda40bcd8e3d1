"""Importing sigstore without a socket: urllib3, which comes with it, binds one at its import to see whether IPv6 works.

Design, promise 8: `--offline` opens no INET socket. What urllib3 learns then (IPv4 only) is for its own name look-ups,
which nobody uses: `registry.http` has its own.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """For the block, let Python say that it knows no IPv6: then nobody looks whether the machine does."""
    with _LOCK:
        known, socket.has_ipv6 = socket.has_ipv6, False
        try:
            yield
        finally:
            socket.has_ipv6 = known
