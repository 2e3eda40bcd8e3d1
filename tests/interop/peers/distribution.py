"""Debian's docker-registry on loopback: no referrers API, its storage in a folder that a test can tamper with."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Distribution:
    """A running registry; `host` is `127.0.0.1:PORT` or `localhost:PORT`, `storage` its folder."""

    host: str
    storage: Path

    def blob(self, digest: str) -> Path:
        """Give the file that holds a blob or manifest."""
        algorithm, _, name = digest.partition(":")
        return self.storage / "docker/registry/v2/blobs" / algorithm / name[:2] / name / "data"


@contextmanager
def distribution(
    folder: Path, *, tls: tuple[Path, Path] | None = None, passwords: Path | None = None
) -> Iterator[Distribution]:
    """Run one; `tls`: certificate and key files, `passwords`: an htpasswd file of bcrypt hashes."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is missing: apt-get install docker-registry")
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    settings: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "storage")},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {"addr": f"{HOST}:{port}", **({} if tls is None else {"tls": _pair(tls)})},
    }
    if passwords is not None:
        settings["auth"] = {"htpasswd": {"realm": "registry", "path": str(passwords)}}
    (folder / "registry.yml").write_text(json.dumps(settings))
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", str(folder / "registry.yml")],
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "OTEL_TRACES_EXPORTER": "none"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, port, folder / "registry.log", encrypted=tls is not None)
        yield Distribution(f"{HOST if tls is None else 'localhost'}:{port}", folder / "storage")
    finally:
        process.terminate()
        process.wait(timeout=20)


def _pair(tls: tuple[Path, Path]) -> dict[str, str]:
    return {"certificate": str(tls[0]), "key": str(tls[1])}


def _wait(process: subprocess.Popen[bytes], port: int, log: Path, *, encrypted: bool) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for _ in range(200):
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            with socket.create_connection((HOST, port), timeout=1) as plain:
                if encrypted:
                    context.wrap_socket(plain).close()
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("docker-registry does not answer")
