"""The logs of a private Sigstore: the real Rekor of either generation, started with keys in `folder`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.interop.peers.run import tool
from tests.interop.peers.servers import HOST, free_ports, server

TILES, TRILLIAN = ("posix",), ("rekor-server", "trillian")  # what each generation needs


@dataclass(frozen=True, slots=True)
class Log:
    """A running log: where it takes entries, by which API, and the name that it signs checkpoints by."""

    url: str
    version: int
    origin: str


@contextmanager
def newer(folder: Path) -> Iterator[Log]:
    """Run Rekor v2 over files, with `rekor.key`."""
    port, grpc, metrics = free_ports(3)
    words = ["serve", "--hostname", HOST, "--storage-dir", "rekor", "--signer-filepath", "rekor.key"]
    words += ["--http-address", HOST, "--http-port", str(port), "--grpc-address", HOST, "--grpc-port", str(grpc)]
    words += ["--http-metrics-port", str(metrics), "--checkpoint-interval", "1s", "--batch-max-age", "100ms"]
    with server(folder, f"http://{HOST}:{port}/healthz", "posix", *words):
        yield Log(f"http://{HOST}:{port}", 2, HOST)


@contextmanager
def older(folder: Path) -> Iterator[Log]:
    """Run Rekor v1 over a Trillian in memory, with `rekor.key`: its entries are promised, and proved."""
    (port,) = free_ports(1)
    with _trillian(folder / "trillian.log") as (at, tree):
        words = ["serve", "--rekor_server.address", HOST, "--rekor_server.hostname", HOST, "--port", str(port)]
        words += ["--rekor_server.signer", "rekor.key", "--enable_retrieve_api=false", "--log_type", "prod"]
        words += ["--trillian_log_server.address", HOST, "--trillian_log_server.port", at]
        words += ["--trillian_log_server.tlog_id", tree]
        with server(folder, f"http://{HOST}:{port}/ping", "rekor-server", *words):
            yield Log(f"http://{HOST}:{port}", 1, f"{HOST} - {tree}")


@contextmanager
def _trillian(log: Path) -> Iterator[tuple[str, str]]:
    """Run one; give its port, and the id of its tree."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            [tool("trillian")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True, env={}
        )
    try:
        assert process.stdout is not None
        address, tree = process.stdout.readline().split()
        yield address.rpartition(":")[2], tree
    finally:
        process.communicate(timeout=20)
