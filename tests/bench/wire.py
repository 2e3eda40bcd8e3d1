"""Cold pull, verification and mount of four layers from a real registry on loopback, beside what others do with them.

    python -m tests.bench.wire [--rounds 3] [--layer-mib 512]

secmount's bytes are on the disk when it says so; `oras pull; sync` is the like of that, `oras pull` alone leaves them
in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measure import Sample, process
from tests.bench.place import MIB, ROOT, Place, make

LAYERS = 4
PEAK = 150  # MiB; issue "The wire"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="tests.bench.wire")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layer-mib", type=int, default=512)
    options = parser.parse_args()
    missing = [name for name in ("docker-registry", "skopeo") if shutil.which(name) is None]
    oras = ROOT / ".peers/bin/oras"
    if missing or not oras.exists():
        raise SystemExit(f"missing: {', '.join([*missing, *([] if oras.exists() else ['oras (make peers)'])])}")
    scratch = ROOT / ".bench"
    scratch.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        place = make(Path(name))
        with served(place) as host:
            reference = published(place, host, str(oras), options.layer_mib)
            report(measured(place, reference, str(oras), options.rounds), options.layer_mib)


@contextmanager
def served(place: Place) -> Iterator[str]:
    """Run docker-registry."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(place.folder / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    path = place.folder / "registry.yml"
    path.write_text(json.dumps(settings))
    environment = {**place.environment, "OTEL_TRACES_EXPORTER": "none"}
    with (
        (place.folder / "registry.log").open("wb") as log,
        subprocess.Popen(["docker-registry", "serve", str(path)], env=environment, stdout=log, stderr=log) as server,
    ):
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


def published(place: Place, host: str, oras: str, mib: int) -> str:
    """Push four layers that nobody can compress, and sign them; give the reference."""
    chance, folder = random.Random(3), place.folder / "parts"
    folder.mkdir()
    names = [f"part-{number}.bin" for number in range(LAYERS)]
    for name in names:
        with (folder / name).open("wb") as file:
            for _ in range(mib):
                file.write(chance.randbytes(MIB))
    reference = f"{host}/acme/large:v1"
    pushed = [oras, "push", "--plain-http", reference, *(f"{name}:application/octet-stream" for name in names)]
    subprocess.run(pushed, cwd=folder, env=place.environment, check=True, capture_output=True)
    shutil.rmtree(folder)
    policy = place.folder / "policy/policy.toml"
    policy.write_text(f'{policy.read_text()}\n[[rules]]\nmatch = "{host}/**"\nsigners = ["release"]\n')
    shown = [oras, "resolve", "--plain-http", reference]
    digest = subprocess.run(shown, env=place.environment, check=True, capture_output=True, text=True).stdout.strip()
    key = str(place.folder / "release.key")
    place.run("sign", f"{host}/acme/large@{digest}", "--plain-http", "--key", key)
    return reference


def measured(place: Place, reference: str, oras: str, rounds: int) -> dict[str, list[Sample]]:
    """Take turns, everything cold but the registry's page cache."""
    found: dict[str, list[Sample]] = {"secmount mount": [], "oras pull": [], "oras pull; sync": [], "skopeo copy": []}
    store, target, out = place.folder / "store-wire", place.folder / "wire", place.folder / "out"
    way = [] if os.geteuid() == 0 and "erofs" in Path("/proc/filesystems").read_text() else ["--backend", "copy"]
    for number in range(rounds + 1):  # the first warms the registry's page cache and is thrown away
        words = [reference, str(target), "--plain-http", "--store", str(store), *way]
        taken = {"secmount mount": timed(place, place.command("mount", *words))}
        place.run("unmount", str(target), "--store", str(store))
        shutil.rmtree(store)
        pull = [oras, "pull", "--plain-http", reference, "-o", str(out)]
        began = time.perf_counter()
        taken["oras pull"] = timed(place, pull)
        os.sync()
        whole = (time.perf_counter() - began) * 1000
        taken["oras pull; sync"] = Sample(whole, taken["oras pull"].processor, taken["oras pull"].peak)
        shutil.rmtree(out)
        copy = ["skopeo", "copy", "--src-tls-verify=false", f"docker://{reference}", f"oci:{out}:v1"]
        taken["skopeo copy"] = timed(place, [str(shutil.which(copy[0])), *copy[1:]])
        shutil.rmtree(out)
        if number:
            for name, sample in taken.items():
                found[name].append(sample)
    return found


def timed(place: Place, command: Sequence[str]) -> Sample:
    """Run one process on a disk with nothing left to write."""
    os.sync()
    return process(command, place.environment, place.folder)


def report(found: dict[str, list[Sample]], mib: int) -> None:
    """Print the table."""
    mine = statistics.median(sample.wall for sample in found["secmount mount"])
    print(f"| {LAYERS} layers of {mib} MiB, cold | median | range | processor | peak | secmount / this |")
    for name, samples in found.items():
        walls = sorted(sample.wall / 1000 for sample in samples)
        middle = statistics.median(walls)
        processor = statistics.median(sample.processor for sample in samples) / 1000
        peak = max(sample.peak for sample in samples)
        print(
            f"| {name} | {middle:.2f} s | {walls[0]:.2f} to {walls[-1]:.2f} | {processor:.2f} s | {peak:.0f} MiB |"
            f" {mine / 1000 / middle:.2f} |"
        )
    peak = max(sample.peak for sample in found["secmount mount"])
    print(f"secmount's peak memory: {peak:.0f} MiB, target {PEAK}: {'ok' if peak <= PEAK else 'OVER'}")


if __name__ == "__main__":
    main()
