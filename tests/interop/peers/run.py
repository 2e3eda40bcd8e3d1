"""Running the real tools: where they are, a registry of our own, cosign without anybody else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BIN = ROOT / ".peers/bin"
PASSWORD = "interop"  # of cosign's key; it protects nothing


def tool(name: str) -> str:
    """Find a peer, or skip the test and say which one is missing."""
    path = shutil.which(name, path=f"{BIN}:{os.environ['PATH']}" if name != "ociregistry" else str(BIN))
    if path is None:
        pytest.skip(f"peer {name} is missing: make peers")
    return path


def run(name: str, *words: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Run a peer that must succeed, and give what it printed."""
    done = subprocess.run(
        [tool(name), *words],
        cwd=cwd,
        env={**os.environ, "COSIGN_PASSWORD": PASSWORD, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{name} {' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def registry(*options: str) -> Iterator[str]:
    """Run a registry in memory on a free loopback port, and give its `host:port`."""
    server = subprocess.Popen(
        [tool("ociregistry"), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={}
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.communicate(timeout=10)


@dataclass(frozen=True, slots=True)
class Cosign:
    """A key pair of cosign's, and a configuration that names no log, no authority and no root."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Cosign:
        folder.mkdir(parents=True, exist_ok=True)
        run("cosign", "generate-key-pair", "--output-key-prefix", "release", cwd=folder)
        run("cosign", "trusted-root", "create", "--out", "root.json", cwd=folder)
        run("cosign", "signing-config", "create", "--out", "services.json", cwd=folder)
        return cls(folder)

    @property
    def key(self) -> Path:
        return self.folder / "release.key"

    @property
    def public(self) -> Path:
        return self.folder / "release.pub"

    def sign(
        self,
        name: str,
        *,
        key: Path | None = None,
        environment: Mapping[str, str] | None = None,
        bundle: bool = True,
    ) -> None:
        """Sign `host/path@digest` in a registry; without `bundle` as cosign 2 did."""
        configuration = ["--trusted-root", "root.json", "--signing-config", "services.json"]
        places = ["--allow-http-registry", "--allow-insecure-registry"]
        if not bundle:
            configuration = ["--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false"]
        words = ["sign", "--key", str(key or self.key), *configuration, *places, "-y", name]
        run("cosign", *words, cwd=self.folder, environment=environment)

    def verify(self, name: str, public: Path, *, bundle: bool = True) -> list[dict[str, object]]:
        """Let cosign judge the signatures of `host/path…` in a registry; fails unless one holds."""
        where = ["--trusted-root", "root.json", "--insecure-ignore-tlog", "--allow-http-registry"]
        where += [] if bundle else ["--new-bundle-format=false"]
        found: list[dict[str, object]] = json.loads(
            run("cosign", "verify", "--key", str(public), *where, "-o", "json", name, cwd=self.folder)
        )
        return found
