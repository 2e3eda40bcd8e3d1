"""The tree stage beside the tools that do its work: many small files against `tar -x`, unpacking against `-dc`.

    python -m tests.bench.tree [--files 100000] [--mib 512] [--rounds 5] [--scratch /var/tmp]

Every figure and its peer are taken in the same round, on the same disk; a ratio is the median of the rounds' ratios.
Nothing fails here: machines differ.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from secmount.mount.image.emission import emit
from secmount.mount.image.graph import collect
from secmount.mount.image.layout import Owner, plan
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.store.cas import Store
from secmount.store.pull import Held, pull
from secmount.tree.archive.decompress import compression, decompress
from secmount.tree.archive.stream import ahead
from secmount.tree.archive.tar import walk
from secmount.tree.build import build
from secmount.tree.limits import Limits
from tests.support.stores import Content, approve, resolution

MTIME = 1_700_000_000
MIB = 1 << 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tree")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--mib", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scratch", default="/var/tmp")
    parser.add_argument("--memory", help="only build the tree of this archive, and say how much memory that took")
    options = parser.parse_args()
    if options.memory:
        print(memory(Path(options.memory)))  # noqa: T201
        return
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        place = Path(name)
        print("| what | target | median | peer | ratio | |")  # noqa: T201
        for line in (*small(place, options.files, options.rounds), *large(place, options.mib, options.rounds)):
            print(line)  # noqa: T201


def small(place: Path, count: int, rounds: int) -> Iterator[str]:
    """Many small files of one tar layer that is held: unpack, tree and image, beside `tar -x`."""
    archive = place / "small.tar"
    with tarfile.open(archive, "w") as out:
        chance = random.Random(1)
        for number in range(count):
            info = tarfile.TarInfo(f"d{number // 100:05}/sub/file{number:07}.txt")
            data = b"%d\n" % number * chance.randrange(400)
            info.size, info.mtime = len(data), MTIME
            out.addfile(info, io.BytesIO(data))
    ours, theirs, target = [], [], place / "extracted"
    for _ in range(rounds):
        target.mkdir()
        os.sync()
        theirs.append(seconds(lambda: subprocess.run(["tar", "-xf", archive, "-C", target], check=True)))
        shutil.rmtree(target)
        os.sync()
        ours.append(mounted(place, archive))
    yield row(f"{count} small files: unpack, tree, image", "≤ 0.5", ours, "tar -x", theirs, at_most=0.5)
    command = [sys.executable, "-m", "tests.bench.tree", "--memory", str(archive)]
    used = float(subprocess.run(command, capture_output=True, check=True).stdout) / count
    yield f"| memory of an entry, peak | ≤ 1024 B | {used:.0f} B | - | - | {'ok' if used <= 1024 else 'OVER'} |"


def mounted(place: Path, archive: Path) -> float:
    """Time the way from a held archive to an image, in a store that has neither."""
    folder = place / "store"
    with Store(str(folder), uid=os.getuid()) as store:
        held = hold(store, archive, "application/vnd.acme.content.v1.tar")

        def work() -> None:
            tree = build(held, store)
            blobs = {digest: store.open(digest) for digest in tree.blobs}

            def write(out: BinaryIO) -> None:
                out.writelines(emit(plan(tree, collect(tree.root), blobs, Owner())))

            store.derive("erofs", "bench", write).close()
            for blob in blobs.values():
                blob.close()

        time = seconds(work)
    shutil.rmtree(folder)
    return time


def large(place: Path, mib: int, rounds: int) -> Iterator[str]:
    """One large file in a compressed archive: hashed twice and flushed into the store, beside the tool into a file.

    Without the disk it is hashed once; one SHA-256 takes longer than zstd, so that row has two peers.
    """
    plain = place / "large.tar"
    with tarfile.open(plain, "w") as out:
        info = tarfile.TarInfo("large.bin")
        info.size, info.mtime = mib * MIB, MTIME
        out.addfile(info, Mixed(info.size))
    for tool, suffix, words in (("gzip", "gz", ["-kf"]), ("zstd", "zst", ["-qkf"])):
        subprocess.run([tool, *words, plain], check=True)
        packed = plain.with_name(f"large.tar.{suffix}")
        stored, peers, hashed, quiet, summed = [], [], [], [], []
        for _ in range(rounds):
            os.sync()
            peers.append(seconds(lambda: shell(f"{tool} -dc {packed} > {place}/out && sync {place}/out")))  # noqa: B023
            (place / "out").unlink()
            os.sync()
            stored.append(unpacked(place, packed, f"application/vnd.acme.content.v1.tar+{tool}"))
            quiet.append(seconds(lambda: shell(f"{tool} -dc {packed} > /dev/null")))  # noqa: B023
            summed.append(seconds(lambda: shell(f"{tool} -dc {packed} | sha256sum > /dev/null")))  # noqa: B023
            hashed.append(seconds(lambda: read(packed)))  # noqa: B023
        yield row(f"{tool}: unpacked into the store, flushed", "≥ 0.9", stored, f"{tool} -dc > file; sync", peers)
        yield row(f"{tool}: unpacked and hashed", "≥ 0.9", hashed, f"{tool} -dc > /dev/null", quiet)
        yield row(f"{tool}: unpacked and hashed", "-", hashed, f"{tool} -dc | sha256sum", summed)


def unpacked(place: Path, archive: Path, media_type: str) -> float:
    """Time the way from a held compressed archive to a tree."""
    folder = place / "store"
    with Store(str(folder), uid=os.getuid()) as store:
        held = hold(store, archive, media_type)
        time = seconds(lambda: build(held, store))
    shutil.rmtree(folder)
    return time


def read(archive: Path) -> None:
    """Unpack and walk an archive, the content hashed, nothing written."""
    with archive.open("rb") as file:
        method = compression(file.read(16))
        file.seek(0)
        pieces = iter(lambda: file.read(MIB), b"")
        with ahead(decompress(pieces, method, subject="bench", ratio=1000)) as stream:
            for _ in walk(stream, subject="bench", limits=Limits(), notes=[]):
                pass


def hold(store: Store, archive: Path, media_type: str) -> Held:
    """Put an archive into the store, as the only layer of an artifact."""
    digest = Digest(
        "sha256", subprocess.run(["sha256sum", archive], capture_output=True, check=True).stdout[:64].decode()
    )
    layer = Descriptor(media_type, digest, archive.stat().st_size)
    with archive.open("rb") as file:
        store.put(layer, iter(lambda: file.read(MIB), b""))
    return pull(approve(resolution([layer])), Content(), store)


def memory(archive: Path) -> int:
    """Give the bytes that building a tree adds to the process's peak."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as name, Store(name + "/s", uid=os.getuid()) as store:
        held = hold(store, archive, "application/vnd.acme.content.v1.tar")
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before = peak()
        build(held, store)
        return peak() - before


def peak() -> int:
    """Give the process's peak of resident memory in bytes; getrusage's outlives exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


class Mixed(io.RawIOBase):
    """Bytes that compress about as a model with its texts does: noise, repetition and words."""

    def __init__(self, size: int) -> None:
        super().__init__()
        chance = random.Random(2)
        words = [chance.randbytes(4).hex().encode() for _ in range(4000)]
        text = b" ".join(chance.choice(words) for _ in range(MIB // 16))
        self._block = (chance.randbytes(MIB) + text + bytes(MIB // 4)) * 3
        self._left, self._at, self._chance = size, 0, chance

    def read(self, size: int = -1) -> bytes:
        """Give `size` bytes, fewer at the end."""
        size = min(size if size >= 0 else self._left, self._left)
        self._left -= size
        at = self._chance.randrange(max(1, len(self._block) - size))
        return self._block[at : at + size]


def seconds(work: Callable[[], object]) -> float:
    """Time one run."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def shell(command: str) -> None:
    """Run a command of the shell."""
    subprocess.run(["sh", "-c", command], check=True)


def row(
    what: str, target: str, ours: list[float], peer: str, theirs: list[float], *, at_most: float | None = None
) -> str:
    """Write a row: times for ratios that must be low, speeds for those that must be high."""
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    shown = ratio if at_most else 1 / ratio
    fits = shown <= at_most if at_most else shown >= 0.9
    times = f"{statistics.median(ours):.2f} s | {peer}: {statistics.median(theirs):.2f} s"
    return f"| {what} | {target} | {times} | {shown:.2f} | {'ok' if fits else 'OVER'} |"


if __name__ == "__main__":
    main()
