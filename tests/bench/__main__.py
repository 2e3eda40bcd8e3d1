"""`make bench`: the promised times and sizes as a table, secmount from a wheel, each beside the nearest peer.

    python -m tests.bench [--rounds 9] [--layer-mib 2048]

Whole processes as a user starts them. A row that is over its target says so; nothing fails, machines differ.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import Row, interleave, line
from tests.bench.place import MIB, ROOT, Place, artifact, make


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--layer-mib", type=int, default=2048)
    options = parser.parse_args()
    scratch = ROOT / ".bench"
    scratch.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        place = make(Path(name))
        rows = [*start_up(place), *mounting(place), *large(place, options.layer_mib)]
        interleave(rows, options.rounds, place.environment, place.folder)
        python = f"{platform.python_implementation()} {platform.python_version()}"
        print(f"{python}, Linux {platform.release()}, {os.cpu_count()} cores")
        print("| what, whole process | target | median | range | processor | | n | nearest peer, in the same rounds")
        for row in rows:
            print(line(row))


def backend() -> list[str]:
    """Say how this machine can mount: the kernel's EROFS as root, else a copy, which the table then names."""
    return [] if os.geteuid() == 0 and "erofs" in Path("/proc/filesystems").read_text() else ["--backend", "copy"]


def peer(name: str) -> str | None:
    """Find a peer that is built."""
    path = ROOT / ".peers/bin" / name
    return str(path) if path.exists() else None


def start_up(place: Place) -> Iterator[Row]:
    """Commands that decide nothing."""
    version = Row("secmount --version", "ms", 20, [place.program, "--version"])
    listing = Row("secmount ls", "ms", 100, place.command("ls"))
    if oras := peer("oras"):
        version.peer, version.peer_command = "oras version", [oras, "version"]
        listing.peer, listing.peer_command = (
            "oras repo tags",
            [oras, "repo", "tags", "--oci-layout", f"{place.folder}/store"],
        )
    yield Row("python -c pass (the floor)", "ms", None, [str(place.folder / "venv/bin/python"), "-c", "pass"])
    yield version
    yield listing


def mounting(place: Place) -> Iterator[Row]:
    """A small artifact that is held: verified and mounted again."""
    chance = random.Random(1)
    layers = [(f"part-{number}.bin", iter([chance.randbytes(MIB)])) for number in range(6)]
    reference = artifact(place, "small", layers)
    target, pulled = str(place.folder / "mounted"), place.folder / "pulled"
    way = backend()
    place.run("mount", reference, target, *way)
    place.run("unmount", target)
    shown = " ".join(["secmount mount, held", *way])
    mount = Row(shown, "ms", 250, place.command("mount", reference, target, *way), lambda: place.run("unmount", target))
    if oras := peer("oras"):
        mount.peer = "oras pull (copies, verifies no signature)"
        mount.peer_command = [oras, "pull", "--oci-layout", reference.removeprefix("oci:"), "-o", str(pulled)]
        mount.peer_after = lambda: shutil.rmtree(pulled)
    yield mount
    yield Row("secmount verify, again: the answer is remembered", "ms", None, place.command("verify", reference))
    state, store = place.folder / "state", place.folder / "store-first"
    first = place.command("verify", reference, "--store", str(store))
    decide = Row(
        "secmount verify, first: the compiled module is kept", "ms", 300, first, after=lambda: shutil.rmtree(store)
    )
    if opa := peer("opa"):
        question = ["--data", str(ROOT / "policies/decision.rego"), "--format", "raw", "data.secmount.decision"]
        decide.peer, decide.peer_command = "opa eval (no input: start and compile only)", [opa, "eval", *question]
    yield decide
    yield Row(
        "secmount verify, first: the module is compiled",
        "ms",
        None,
        first,
        after=lambda: shutil.rmtree(store),
        before=lambda: shutil.rmtree(state / "modules"),
    )


def large(place: Place, mib: int) -> Iterator[Row]:
    """One large layer, pulled and mounted for the first time: memory."""
    free = shutil.disk_usage(place.folder).free // MIB
    if free < mib * 4:
        print(f"skipped: a {mib} MiB layer needs {mib * 4} MiB of disk, {free} MiB are free")
        return
    chance = random.Random(2)
    block = chance.randbytes(MIB)
    chunks = (number.to_bytes(8, "big") + block[8:] for number in range(mib))
    reference = artifact(place, "large", [("weights.bin", chunks)])
    target, pulled, store = str(place.folder / "large"), place.folder / "pulled-large", place.folder / "store-large"

    def forget() -> None:
        place.run("unmount", target, "--store", str(store))
        shutil.rmtree(store)

    way = backend()
    words = [reference, target, "--store", str(store), *way]
    row = Row(
        f"secmount mount of a {mib} MiB layer, not held", "MiB", 150, place.command("mount", *words), forget, rounds=1
    )
    if oras := peer("oras"):
        row.peer = "oras pull"
        row.peer_command = [oras, "pull", "--oci-layout", reference.removeprefix("oci:"), "-o", str(pulled)]
        row.peer_after = lambda: shutil.rmtree(pulled)
    yield row


if __name__ == "__main__":
    main()
