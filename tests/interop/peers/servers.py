"""Servers of the peers on loopback: started, waited for, ended. One of them is the real timestamp authority."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.interop.peers import certificates
from tests.interop.peers.run import tool

HOST = "127.0.0.1"
STAMPER = "timestamp-server"


@contextmanager
def server(folder: Path, url: str, name: str, *words: str) -> Iterator[None]:
    """Run the peer `name` in `folder`, where its log is, until the end of the block; it is up once `url` answers."""
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [tool(name), *words],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder / "home"),
                "SSL_CERT_FILE": str(folder / "issuer-ca.pem"),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(300):
            assert process.poll() is None, (folder / f"{name}.log").read_text()[-2000:]
            if _answers(url):
                break
            time.sleep(0.1)
        else:
            raise AssertionError(f"{name} does not answer at {url}")
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextmanager
def timestamp_authority(folder: Path) -> Iterator[str]:
    """Run one with a key and chain of its own; give the address to ask at. Its anchor is `tsa-root.pem`."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    above, own = (certificates.name("private", text) for text in ("private tsa root", "private tsa"))
    root = certificates.issue(above, root_key, above, root_key)
    leaf = certificates.issue(own, key, above, root_key, use=ExtendedKeyUsageOID.TIME_STAMPING)
    (folder / "tsa-root.pem").write_bytes(root)
    (folder / "tsa-chain.pem").write_bytes(leaf + root)
    (folder / "tsa.key").write_bytes(certificates.private(key))
    (port,) = free_ports(1)
    words = ["serve", "--host", HOST, "--port", str(port), "--disable-ntp-monitoring", "--timestamp-signer", "file"]
    words += ["--file-signer-key-path", "tsa.key", "--certificate-chain-path", "tsa-chain.pem"]
    with server(folder, f"http://{HOST}:{port}/ping", STAMPER, *words):
        yield f"http://{HOST}:{port}/api/v1/timestamp"


def free_ports(count: int) -> list[int]:
    """Give ports of loopback that nobody has."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
