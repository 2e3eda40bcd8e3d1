"""`audit stats`: what was decided in a period, what was denied and why, how long it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from secmount.review.filter import Filter
from secmount.review.reader import Reader
from secmount.review.row import Row, read, split
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds (nearest rank) over `count` measurements."""

    count: int
    p50: int
    p90: int
    p99: int
    longest: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts over a period; aggregated denials count as often as they happened. Tables are sorted, most first."""

    since: int | None
    until: int | None
    entries: int
    kinds: tuple[tuple[str, int], ...]
    verdicts: tuple[tuple[str, int], ...]
    denials_by_code: tuple[tuple[str, int], ...]
    denials_by_repository: tuple[tuple[str, int], ...]
    signers: tuple[tuple[str, int], ...]
    latency: tuple[tuple[str, Latency], ...]  # by kind: decision, mount


def stats(reader: Reader, *, since: int | None = None, until: int | None = None) -> Stats:
    """Count the entries of a period (milliseconds; `until` is not included)."""
    return count(rows(reader, Filter(since=since, until=until)), since=since, until=until)


def rows(reader: Reader, wanted: Filter) -> Iterator[Row]:
    """Give the rows that `wanted` matches, oldest first, through the index where that is faster."""
    from secmount.review.listing import SMALL

    if reader.size <= SMALL:
        for entry in reader.entries():
            row = read(entry.index or 0, entry.raw)
            if wanted.matches(row):
                yield row
        return
    from secmount.review.index import open_index

    with open_index(reader) as index:
        yield from index.rows(wanted)


def count(found: Iterable[Row], *, since: int | None, until: int | None) -> Stats:
    """Count rows."""
    entries = 0
    kinds, verdicts, codes, repositories, signers = (Counter[str]() for _ in range(5))
    elapsed: dict[str, list[int]] = {}
    begun: dict[str, int] = {}
    for row in found:
        entries += 1
        kinds[row.kind] += 1
        if row.elapsed is not None:
            elapsed.setdefault(row.kind, []).append(row.elapsed)
        if row.kind == "mount.intent" and row.decision:
            begun[row.decision] = row.time
        elif row.kind == "mount.done" and row.decision in begun:
            elapsed.setdefault("mount", []).append(max(0, row.time - begun.pop(row.decision)))
        if row.kind != "decision" or row.verdict is None:
            continue
        verdicts[row.verdict] += row.occurrences
        if row.verdict == "allowed":
            signers.update(split(row.signers))
            continue
        codes.update(dict.fromkeys(split(row.codes), row.occurrences))
        repositories[row.repository or row.subject or "unknown"] += row.occurrences
    return Stats(
        since,
        until,
        entries,
        _sorted(kinds),
        _sorted(verdicts),
        _sorted(codes),
        _sorted(repositories),
        _sorted(signers),
        tuple((kind, latency(values)) for kind, values in sorted(elapsed.items())),
    )


def latency(values: list[int]) -> Latency:
    """Give the percentiles of at least one value, by nearest rank."""
    ordered = sorted(values)
    p50, p90, p99 = (ordered[max(0, -(-len(ordered) * percent // 100) - 1)] for percent in (50, 90, 99))
    return Latency(len(ordered), p50, p90, p99, ordered[-1])


def _sorted(counter: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counter.items(), key=lambda row: (-row[1], row[0])))
