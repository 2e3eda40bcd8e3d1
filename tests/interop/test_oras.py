"""What oras pushed is mounted as what oras pulls."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.interop.flattened import folder, ours
from tests.interop.peers.run import run

pytestmark = pytest.mark.peer


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Files and directories with what tools stumble over: odd names, links, modes, no content."""
    root = tmp_path / "files"
    (root / "data/deep/er").mkdir(parents=True)
    (root / "data/empty").mkdir()
    (root / "data/a.txt").write_text("text")
    (root / "data/deep/er/b.bin").write_bytes(os.urandom(5000))
    (root / "data/run.sh").write_text("#!/bin/sh\n")
    (root / "data/run.sh").chmod(0o755)
    (root / "data/" / ("n" * 150)).write_text("a name for a pax header")
    (root / "data/ünïcode name").write_text("x")
    (root / "data/nothing").write_bytes(b"")
    (root / "data/link").symlink_to("deep/er/b.bin")
    (root / "data/deep/up").symlink_to("../a.txt")
    os.link(root / "data/a.txt", root / "data/hard")
    (root / "notes.txt").write_text("notes")
    (root / "sub").mkdir()
    (root / "sub/inner.json").write_text("{}")
    return root


@pytest.mark.parametrize(
    "words",
    [
        ("notes.txt",),
        ("data",),
        ("notes.txt", "data", "sub/inner.json"),
        ("notes.txt:text/plain", "data:application/vnd.acme.data.v1.tar+gzip", "sub/inner.json:application/json"),
        ("data:application/vnd.acme.data.v1", "sub"),
        ("--artifact-type", "application/vnd.cnai.model.manifest.v1+json", "notes.txt", "data/deep/er"),
        ("--config", "sub/inner.json:application/vnd.acme.config.v1+json", "data"),
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_what_oras_pulls_is_what_is_mounted(words: tuple[str, ...], files: Path, tmp_path: Path) -> None:
    layout, pulled = tmp_path / "layout", tmp_path / "pulled"
    run("oras", "push", "--oci-layout", f"{layout}:v1", *words, cwd=files)
    run("oras", "pull", "--oci-layout", f"{layout}:v1", "-o", str(pulled))
    wanted = folder(pulled)
    assert wanted
    assert ours(layout, "v1", tmp_path / "store") == wanted
