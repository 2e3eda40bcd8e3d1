"""The Go project's own note and tlog code reads our folder and our proofs, and refuses what was changed in them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from random import Random

import pytest

from secmount.audit.tlog import tiles
from secmount.audit.tlog.writer import Writer
from secmount.review.proof import prove
from secmount.review.reader import open_log
from tests.interop.peers.run import run, tool

SIZES = (1, 2, 255, 256, 257, 511, 512, 700, 65_536, 65_540)  # 65536 is the first full tile of level 1


def grown(path: Path, size: int) -> str:
    """Make a log of `size` entries; give its public key."""
    writer = Writer(
        str(path),
        uid=os.geteuid(),
        random=Random(size).randbytes,
        host="interop",
        key=None,
        anchored=lambda _: None,
        remembered=lambda: None,
    )
    entries = [b'{"kind":"check","n":%d,"time":"2026-11-24T06:00:00.000Z"}' % number for number in range(size)]
    for start in range(0, size, 300):  # batches that end where no tile ends
        writer.append(entries[start : start + 300], prologue=lambda *_: [])
    writer.close()
    return (path / "log.vkey").read_text().strip()


@pytest.mark.peer
@pytest.mark.parametrize("size", SIZES)
def test_our_tiles_and_proofs_hold_in_go(tmp_path: Path, size: int) -> None:
    key = grown(tmp_path / "log", size)
    assert run("tlogcheck", "log", key, str(tmp_path / "log")).startswith(f"{size} entries, root ")
    with open_log(str(tmp_path / "log"), uid=os.geteuid()) as reader:
        for index in sorted({0, size // 2, size - 1}):
            proof = prove(reader, reader.entry(index))
            (tmp_path / "one.tlog-proof").write_text(proof.text())
            said = run("tlogcheck", "proof", key, str(tmp_path / "one.tlog-proof"))
            assert said == f"entry {index} of {size}: {reader.entry(index).raw.decode()}\n"


@pytest.mark.peer
@pytest.mark.parametrize("name", ["checkpoint", "tile/entries/000", "tile/0/000", "tile/1/000.p/2"])
def test_a_changed_file_is_refused_in_go(tmp_path: Path, name: str) -> None:
    key = grown(tmp_path / "log", 2 * tiles.WIDTH + 5)
    path = tmp_path / "log" / name
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    done = subprocess.run(
        [tool("tlogcheck"), "log", key, str(tmp_path / "log")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr
