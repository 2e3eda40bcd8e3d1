"""A command without sockets: urllib3, which comes with sigstore, binds one at its import to see whether IPv6 works.

Design, promise 8: `--offline` opens no INET socket.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """For the block, let Python say that it knows no IPv6: then nobody looks whether the machine does."""
    known, socket.has_ipv6 = socket.has_ipv6, False
    try:
        yield
    finally:
        socket.has_ipv6 = known
