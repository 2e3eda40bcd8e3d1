"""The audit log's promised times: appends beside the disk's own flush, and review over a million entries.

    python -m tests.bench.audit [--entries 1000000] [--rounds 5] [--scratch /var/tmp]

An append and a bare `write` + `fdatasync` are taken in turn on the same disk; the difference of the medians is what
secmount adds. Nothing fails here: machines differ.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from secmount.audit.log import AuditLog
from secmount.audit.record import decision_details, record, request
from secmount.audit.tlog.writer import Writer
from secmount.oci import canonical, instant
from secmount.review.filter import Filter
from secmount.review.index import open_index
from secmount.review.listing import line, log
from secmount.review.reader import open_log
from secmount.review.show import show
from secmount.review.stats import stats
from secmount.review.verify import verify

UID = os.geteuid()
START = 1_790_000_000_000  # ms
PROCESSES, EACH = 4, 500
PROCESS = "tests.bench.audit"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.audit")
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scratch", default="/var/tmp")
    parser.add_argument("--append", metavar="FOLDER", help="only append to a log, as one of several processes")
    parser.add_argument("--verify", metavar="FOLDER", help="only verify a log, and say how long and how much memory")
    options = parser.parse_args()
    if options.append:
        appended(options.append)
        return
    if options.verify:
        verified(options.verify)
        return
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        place = Path(name)
        print("| what | target | measured | |")  # noqa: T201
        for row in chain(appending(place, options.rounds), reviewing(place, options.entries, options.rounds)):
            print(row, flush=True)  # noqa: T201


def opened(folder: str | Path) -> AuditLog:
    """Open a log with its state beside it."""
    return AuditLog(f"{folder}/log", clock=now, uid=UID, random=os.urandom, state=f"{folder}/state")


def now() -> int:
    """Give the time in milliseconds."""
    return time.time_ns() // 1_000_000


def decision_id(number: int) -> str:
    """Give an id that looks like a UUIDv7."""
    return f"0199{number >> 16 & 0xFFFF:04x}-{number & 0xFFFF:04x}-7000-8000-{number * 7919 & 0xFFFFFFFFFFFF:012x}"


def decision(number: int) -> dict[str, Any]:
    """Give a record of the size that a decision has, about 1.3 KiB, one in ten denied."""
    denied = number % 10 == 3
    check = {"id": "signatures", "ok": not denied, "got": "1", "want": "1"}
    return record(
        "decision",
        now_ms=START + number * 1000,
        decision_id=decision_id(number),
        subject=f"sha256:{number % 500 * 104729:064x}",
        reference=f"ghcr.io/acme/model-{number % 500}:v1",
        request=request(face="cli", use="cli", verb="mount", user=f"user-{number % 50}", namespace=f"ns-{number % 20}"),
        verdict="denied" if denied else "allowed",
        deny=[f"SM30{number % 15:02d}"] if denied else [],
        signers=[] if denied else ["release"],
        policy_revision=f"sha256:{7:064x}",
        engine="wasm",
        memo=False,
        details=decision_details(
            name=f"ghcr.io/acme/model-{number % 500}",
            rule="acme",
            line=3,
            checks=[check] * 4,
            considered=[{"material": f"sha256:{9:064x}", "format": "cosign", "outcome": "counts"}],
            approved=[0, 1],
            elapsed_ms=number % 200,
        ),
    )


def appending(place: Path, rounds: int) -> Iterator[str]:
    """Durable appends: one at a time, and from four processes at once."""
    bare, whole = [], []
    handle = os.open(place / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    raw = canonical.encode(decision(0))
    with opened(place / "one") as log_:
        log_.append(decision(0))
        for number in range(rounds * 100):
            value = decision(number * 10)
            whole.append(timed(lambda value=value: log_.append(value)))  # type: ignore[misc]
            bare.append(timed(lambda: flushed(handle, raw)))
    os.close(handle)
    alone, flush = statistics.median(whole) * 1000, statistics.median(bare) * 1000
    yield shown(
        "one durable append, above write + fdatasync", "≤ 2 ms", f"{alone - flush:.2f} ms", f"{alone:.2f} - {flush:.2f}"
    )
    rates = []
    for number in range(rounds):
        folder = place / f"many-{number}"
        command = [sys.executable, "-m", PROCESS, "--append", str(folder)]
        with opened(folder) as log_:
            log_.append(decision(0))
        running = [started(command) for _ in range(PROCESSES)]
        for process in running:
            assert process.stdout is not None
            process.stdout.read(1)  # it is ready
        began = time.perf_counter()
        for process in running:
            assert process.stdin is not None
            process.stdin.write(b"!")
            process.stdin.close()
        for process in running:
            assert process.wait() == 0
        rates.append(PROCESSES * EACH / (time.perf_counter() - began))
    spread = f"{min(rates):.0f} to {max(rates):.0f}"
    yield shown("durable appends, 4 processes", "≥ 1000/s", f"{statistics.median(rates):.0f}/s", spread)


def started(command: list[str]) -> subprocess.Popen[bytes]:
    """Start one of the processes, which waits for a byte."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)


def flushed(handle: int, data: bytes) -> None:
    """Do the least that a durable append could be."""
    os.write(handle, data)
    os.fdatasync(handle)


def appended(folder: str) -> None:
    """Append as one of several processes, when told to."""
    values = [decision(number * 10) for number in range(EACH)]
    with opened(folder) as log_:
        log_.append(values[0])
        os.write(1, b"!")
        os.read(0, 1)
        for value in values:
            log_.append(value)


def reviewing(place: Path, entries: int, rounds: int) -> Iterator[str]:
    """Review over a large log."""
    folder = place / "large"
    grow(folder, entries)
    name = f"{entries:,} entries".replace(",", " ")
    command = [sys.executable, "-m", PROCESS, "--verify", str(folder)]
    with open_log(f"{folder}/log", uid=UID) as reader:
        began = time.perf_counter()
        with open_index(reader):
            yield shown(f"index of {name} made anew", "", f"{time.perf_counter() - began:.1f} s", "")
        walls, peaks = [], []
        for _ in range(rounds):
            wall, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            walls.append(float(wall))
            peaks.append(int(peak))
        yield shown(
            f"verify --full, {name}",
            "≤ 8 s",
            f"{statistics.median(walls):.1f} s",
            f"{min(walls):.1f} to {max(walls):.1f}",
        )
        yield shown("its peak memory, both processes", "≤ 300 MiB", f"{max(peaks)} MiB", "")
        rare = Filter(user="user-7", verdict="denied")
        nobody = Filter(user="nobody")
        for what, target, step in (
            (
                "log, first 20 filtered rows",
                "≤ 0.3 s",
                lambda: [row for row, _ in zip(log(reader, rare), range(20), strict=False)],
            ),
            ("log, nothing matches", "≤ 0.3 s", lambda: list(log(reader, nobody))),
            ("log, all as NDJSON", "≤ 5 s", lambda: sum(len(line(each)) for each in log(reader, Filter()))),
            (
                "log, a tenth filtered as NDJSON",
                "≤ 5 s",
                lambda: sum(len(line(each)) for each in log(reader, Filter(verdict="denied"))),
            ),
            ("show", "≤ 0.2 s", lambda: show(reader, decision(entries // 2 | 1)["decision_id"])),
            ("stats", "", lambda: stats(reader)),
        ):
            taken = [timed(step) for _ in range(rounds)]
            yield shown(
                f"{what}, {name}", target, f"{statistics.median(taken):.3f} s", f"{min(taken):.3f} to {max(taken):.3f}"
            )


def verified(folder: str) -> None:
    """Verify in a process of its own; print seconds and MiB."""
    with open_log(f"{folder}/log", uid=UID) as reader:
        began = time.perf_counter()
        found = verify(reader, full=True)
        wall = time.perf_counter() - began
    assert found.ok, found.problems
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) >> 10
    print(wall, peak)  # noqa: T201


def grow(folder: Path, entries: int) -> None:
    """Make a log of `entries` decisions, in batches."""
    writer = Writer(
        f"{folder}/log",
        uid=UID,
        random=os.urandom,
        host="bench",
        key=None,
        anchored=lambda _: None,
        remembered=lambda: None,
    )
    pattern = decision(3), decision(4)
    for start in range(0, entries, 20_000):
        rows = []
        for number in range(start, min(entries, start + 20_000)):
            value = decision(number) if number < 1000 else varied(pattern[number % 10 != 3], number)
            rows.append(canonical.encode(value))
        writer.append(rows, prologue=lambda *_: [])
    writer.close()


def varied(value: dict[str, Any], number: int) -> dict[str, Any]:
    """Give a decision like `value` in other words; quicker than `decision`."""
    return {
        **value,
        "time": instant.render(START + number * 1000),
        "decision_id": decision_id(number),
        "subject": f"sha256:{number % 500 * 104729:064x}",
        "reference": f"ghcr.io/acme/model-{number % 500}:v1",
        "request": {**value["request"], "user": f"user-{number % 50}", "namespace": f"ns-{number % 20}"},
        "details": {**value["details"], "name": f"ghcr.io/acme/model-{number % 500}", "elapsed_ms": number % 200},
    }


def timed(step: Callable[[], object]) -> float:
    """Give the seconds that a step takes."""
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def shown(what: str, target: str, measured: str, spread: str) -> str:
    """Give a row of the table."""
    return f"| {what} | {target} | {measured} | {spread} |"


if __name__ == "__main__":
    main()
