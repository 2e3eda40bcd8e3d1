"""Whole processes, measured from outside: wall time and peak memory, interleaved, medians."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Step = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Sample:
    """One process: milliseconds of wall time and of processor time, MiB of peak resident memory."""

    wall: float
    processor: float
    peak: float


@dataclass(slots=True)
class Row:
    """One promise: a command, its target, what puts the machine back, and the nearest thing that a peer does."""

    name: str
    unit: Literal["ms", "MiB"]
    target: float | None
    command: Sequence[str]
    after: Step = lambda: None
    before: Step = lambda: None
    peer: str = ""
    peer_command: Sequence[str] = ()
    peer_after: Step = lambda: None
    rounds: int | None = None
    samples: list[Sample] = field(default_factory=list)
    peer_samples: list[Sample] = field(default_factory=list)


def process(command: Sequence[str], environment: dict[str, str], folder: Path) -> Sample:
    """Run `command` to its end; it must succeed."""
    log = folder / "measured.log"
    with log.open("wb") as out:
        actions = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, out.fileno(), 2)]
        began = time.perf_counter()
        pid = os.posix_spawn(command[0], list(command), environment, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        wall = (time.perf_counter() - began) * 1000
    if status:
        tail = log.read_text(errors="replace")
        raise SystemExit(f"bench: {' '.join(command)} left with {os.waitstatus_to_exitcode(status)}\n{tail}")
    return Sample(wall, (usage.ru_utime + usage.ru_stime) * 1000, usage.ru_maxrss / 1024)


def interleave(rows: Sequence[Row], rounds: int, environment: dict[str, str], folder: Path) -> None:
    """Measure every row and its peer once a round, so that a slow minute of the machine touches all of them alike."""
    for number in range(rounds + 1):  # the first warms caches and is thrown away
        for row in rows:
            if row.rounds and not 1 <= number <= row.rounds:
                continue
            row.before()
            mine = process(row.command, environment, folder)
            row.after()
            other = process(row.peer_command, environment, folder) if row.peer_command else None
            row.peer_after()
            if number:
                row.samples.append(mine)
                if other:
                    row.peer_samples.append(other)


def figures(row: Row, samples: Sequence[Sample]) -> list[float]:
    """Give the figures that the row is about, sorted."""
    return sorted(sample.wall if row.unit == "ms" else sample.peak for sample in samples)


def line(row: Row) -> str:
    """Write a row of the table: name, target, median, range, processor time, verdict, peer and its median."""
    mine = figures(row, row.samples)
    median = statistics.median(mine)
    target = f"≤ {row.target:.0f}" if row.target is not None else "-"
    verdict = "-" if row.target is None else "ok" if median <= row.target else "OVER"
    processor = statistics.median(sample.processor for sample in row.samples)
    other = (
        f"{row.peer}: {statistics.median(figures(row, row.peer_samples)):.0f}" if row.peer_samples else row.peer or "-"
    )
    return (
        f"| {row.name:<58} | {target:>6} {row.unit:<3} | {median:7.1f} | {mine[0]:7.1f} – {mine[-1]:7.1f} "
        f"| {processor:7.1f} ms | {verdict:<4} | {len(mine):>2} | {other}"
    )
