"""The image builder and the mount by themselves, for trees of growing size.

    python -m tests.bench.image [--files 10,1000,100000] [--mtimes]

Files of 0 to 4000 bytes as members of one tar. As root, with EROFS, mounts are timed too. Nothing fails here.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from secmount.mount import probe
from secmount.mount.backend import Options
from secmount.mount.erofs import ErofsBackend
from secmount.mount.image.emission import emit
from secmount.mount.image.graph import collect
from secmount.mount.image.key import key
from secmount.mount.image.layout import Owner, plan
from secmount.mount.target import prepare
from secmount.oci.digest import Digest
from secmount.tree.node import Directory, Extent, File, Tree
from tests.support.blobs import Folder

T = TypeVar("T")
PER_FOLDER = 50
BLOB = Digest.of(b"bench")
MTIME = 1_700_000_000_000_000_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.image")
    parser.add_argument("--files", default="10,1000,100000")
    parser.add_argument("--mtimes", action="store_true", help="every file has a time of its own")
    parser.add_argument("--scratch", default="/var/tmp")
    options = parser.parse_args()
    print("| files | walk ms | key ms | build ms | image KiB | B/file | mount ms, held | unmount ms | peak MiB |")  # noqa: T201
    for count in map(int, options.files.split(",")):
        with tempfile.TemporaryDirectory(dir=options.scratch) as name:
            print(row(Path(name), count, each=options.mtimes))  # noqa: T201


def row(place: Path, count: int, *, each: bool) -> str:
    """Measure one tree; medians of five."""
    for name in ("store", "state"):
        (place / name).mkdir(mode=0o700)
    store = Folder(place / "store")
    value = grow(store, count, each=each)
    blob = store.open(BLOB)
    walk, graph = timed(lambda: collect(value.root))
    named, _ = timed(lambda: key(value, graph, Owner()))
    build, size = timed(lambda: sum(map(len, emit(plan(value, graph, {BLOB: blob}, Owner())))))
    blob.close()
    mount, unmount = mounting(place, store, value)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"| {count:>7} | {walk:7.2f} | {named:7.2f} | {build:7.2f} | {size / 1024:9.1f} | {size / count:6.0f} "
        f"| {mount} | {unmount} | {peak:.0f} |"
    )


def mounting(place: Path, store: Folder, value: Tree) -> tuple[str, str]:
    """Mount and unmount a tree whose image is there already."""
    backend = ErofsBackend(store, str(place / "state"), (str(place),))
    if probe.reason(state=None, directories=(str(place),)) is not None:
        return "-", "-"
    times: list[tuple[float, float]] = []
    for _ in range(6):
        begin = time.perf_counter()
        with prepare(str(place / "t")) as target:
            mounted = backend.mount(value, target, Options("bench"), store.open)
        middle = time.perf_counter()
        backend.unmount(mounted, lazy=False)
        times.append(((middle - begin) * 1000, (time.perf_counter() - middle) * 1000))
    mounts, unmounts = zip(*times[1:], strict=True)
    return f"{sorted(mounts)[2]:.2f}", f"{sorted(unmounts)[2]:.2f}"


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Give the median of five runs in milliseconds, and the last result."""
    times, results = list[float](), list[T]()
    for _ in range(5):
        begin = time.perf_counter()
        results = [work()]
        times.append((time.perf_counter() - begin) * 1000)
    return sorted(times)[2], results[0]


def grow(store: Folder, count: int, *, each: bool) -> Tree:
    """Make a tree of `count` files in folders of fifty, in a sparse blob."""
    chance, folders, offset = random.Random(1), dict[str, Directory](), 0
    entries: dict[str, File | Directory] = {}
    for number in range(count):
        if number % PER_FOLDER == 0:
            entries = {}
            folders[f"d{number // PER_FOLDER:06}"] = Directory(entries, MTIME, 0)
        size = chance.randrange(4000)
        mtime = MTIME + (number * 10**9 if each else 0)
        entries[f"file{number:07}.txt"] = File(Extent(BLOB, offset + 512, size), BLOB, False, mtime, 0)
        offset += 512 + -(-size // 512) * 512
    with store.file(BLOB).open("wb") as made:
        made.truncate(offset + 1024)
    return Tree(Directory(folders, MTIME, 0), BLOB, count, offset, (), (), (BLOB,))


if __name__ == "__main__":
    main()
