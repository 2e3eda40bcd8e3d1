"""Where a measurement happens: secmount from a wheel in a venv of its own, an empty home, signed artifacts on disk."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with everything one bench needs; `program` is the installed console script."""

    folder: Path

    @property
    def program(self) -> str:
        return str(self.folder / "venv/bin/secmount")

    @property
    def environment(self) -> dict[str, str]:
        """What every measured process sees: nothing of the caller's but the path."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), "LANG": "C.UTF-8"}

    def command(self, verb: str, *words: str) -> list[str]:
        return [self.program, *verb.split(), *words, "--config", str(self.folder / "config.toml")]

    def run(self, verb: str, *words: str) -> str:
        """Run a step that is not measured and must succeed."""
        done = subprocess.run(
            self.command(verb, *words),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"bench: secmount {verb} left with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout


def make(folder: Path) -> Place:
    """Build the wheel, install it with its locked libraries and their bytecode, write key, policy and configuration."""
    place = Place(folder)
    for name in ("home", "store", "layouts"):
        (folder / name).mkdir(parents=True)
    _quiet(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist"), cwd=ROOT)
    _quiet(sys.executable, "-m", "venv", str(folder / "venv"))
    pip = [str(folder / "venv/bin/python"), "-m", "pip", "--disable-pip-version-check", "-q", "install"]
    _quiet(*pip, "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(ROOT / "requirements.lock"))
    _quiet(*pip, "--no-index", "--no-deps", *map(str, (folder / "dist").glob("*.whl")))
    lines = [f'{name} = "{folder / name}"' for name in ("store", "policy", "audit", "state")]
    (folder / "config.toml").write_text("\n".join(lines) + "\n")
    place.run("key generate", "release")
    place.run("policy init", "--key", str(folder / "release.pub"), "--match", f"oci:{folder}/layouts/**")
    return place


def artifact(place: Place, name: str, layers: Sequence[tuple[str, Iterator[bytes]]]) -> str:
    """Write a layout of file layers, sign it, and give its reference."""
    layout = place.folder / "layouts" / name
    (layout / "blobs/sha256").mkdir(parents=True)
    config = _blob(layout, iter([b"{}"]), "application/vnd.oci.empty.v1+json")
    rows = [
        {**_blob(layout, chunks, "application/octet-stream"), "annotations": {"org.opencontainers.image.title": title}}
        for title, chunks in layers
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.acme.model",
        "config": config,
        "layers": rows,
    }
    entry = _blob(layout, iter([json.dumps(manifest).encode()]), str(manifest["mediaType"]))
    entry["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]}
    (layout / "index.json").write_text(json.dumps(index))
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    place.run("sign", f"oci:{layout}:v1", "--key", str(place.folder / "release.key"))
    return f"oci:{layout}:v1"


def _blob(layout: Path, chunks: Iterator[bytes], media_type: str) -> dict[str, object]:
    digest, size = hashlib.sha256(), 0
    incoming = layout / "blobs/sha256/incoming"
    with incoming.open("wb") as file:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
    incoming.rename(incoming.with_name(digest.hexdigest()))
    return {"mediaType": media_type, "digest": f"sha256:{digest.hexdigest()}", "size": size}


def _quiet(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)}\n{done.stdout}{done.stderr}")
