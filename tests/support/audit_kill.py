"""Kills processes that append to one audit log: `python -m tests.support.audit_kill random|each …`.

`random FOLDER ROUNDS SEED`: every round forks four writers, kills all of them at a random instant, and looks at what is
left: the log verifies in full, holds every entry whose append returned, and takes the next one. `each FOLDER`: one
writer is killed before the first system call of appends that fill a bundle, before the second, and so on, and once more
in the middle of each write. Prints one JSON document: which system calls a kill met how often, how many entries were
acknowledged. Leaves with 1 where a promise is broken.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import re
import shutil
import signal
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from secmount.audit.log import AuditLog
from secmount.audit.record import record, request
from secmount.review.reader import open_log
from secmount.review.verify import verify

WRITERS = 4
SLOT = 64  # bytes of a writer's place in the shared page
CALLS = ("open", "write", "pwrite", "fdatasync", "fsync", "rename", "ftruncate", "unlink", "mkdir", "rmdir", "close")
LONGEST = 0.15  # seconds that writers run before they are killed
UID = os.geteuid()


def open_writer(folder: str) -> AuditLog:
    """Open the log as a command would."""
    return AuditLog(
        f"{folder}/log",
        clock=lambda: time.time_ns() // 1_000_000,
        uid=UID,
        random=os.urandom,
        state=f"{folder}/state",
        journal="/nonexistent/journal",
    )


def entry(writer: int, number: int) -> dict[str, Any]:
    """Give a record that names who wrote it; every third is an intent, so that marks are set and die too."""
    kind = ("decision", "mount.intent", "mount.done")[number % 3]
    return record(
        kind,
        now_ms=time.time_ns() // 1_000_000,
        decision_id=f"{writer:08x}-{number:08x}",
        request=request(face="cli", use="cli", verb="mount"),
        verdict="allowed" if kind == "decision" else None,
        details={"padding": "x" * (number * 37 % 900)},
    )


def traced(page: mmap.mmap, slot: int) -> None:
    """Let this process write into its slot which system call it is in."""

    def patched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            what = next((str(each) for each in args if isinstance(each, str)), "")
            page[slot : slot + SLOT] = f"{name} {what}".encode()[:SLOT].ljust(SLOT, b"\0")
            try:
                return real(*args, **named)
            finally:
                page[slot : slot + SLOT] = bytes(SLOT)

        return call

    for name in CALLS:
        setattr(os, name, patched(name, getattr(os, name)))


def write(folder: str, writer: int, page: mmap.mmap, slot: int, acknowledge: int) -> None:
    """Append for ever, and say of each entry when it is acknowledged."""
    said = os.write
    traced(page, slot)
    log = open_writer(folder)
    number = 0
    while True:
        log.append(entry(writer, number))
        said(acknowledge, struct.pack(">II", writer, number))
        number += 1


def point(page: mmap.mmap, slot: int) -> str:
    """Name what a killed writer was doing."""
    words = bytes(page[slot : slot + SLOT]).rstrip(b"\0").decode(errors="replace").split(" ", 1)
    if not words[0]:
        return "computing"
    path = re.sub(r"audit-[0-9a-f]+", "audit-#", words[1]) if len(words) > 1 else ""
    return f"{words[0]} {re.sub('[0-9]+', '#', path)}".strip()


def round_of(folder: str, first: int, page: mmap.mmap, chance: random.Random) -> tuple[set[str], list[str]]:
    """Run and kill four writers; give the ids that were acknowledged and what the writers were doing."""
    reading, acknowledge = os.pipe()
    children = []
    for place in range(WRITERS):
        child = os.fork()
        if not child:
            try:
                os.close(reading)
                write(folder, first + place, page, place * SLOT, acknowledge)
            except BaseException as err:  # noqa: BLE001 - the child must end here, whatever happened
                sys.stderr.write(f"writer: {err!r}\n")
            finally:
                os._exit(1)
        children.append(child)
    os.close(acknowledge)
    time.sleep(chance.uniform(0.005, LONGEST))
    for child in children:
        os.kill(child, signal.SIGKILL)
    ends = [os.waitpid(child, 0)[1] for child in children]
    assert all(os.WIFSIGNALED(end) for end in ends), "a writer ended by itself"
    with open(reading, "rb") as stream:
        data = stream.read()
    ids = {f"{writer:08x}-{number:08x}" for writer, number in struct.iter_unpack(">II", data)}
    return ids, [point(page, place * SLOT) for place in range(WRITERS)]


def look(folder: str, acknowledged: set[str]) -> int:
    """Check the promises on what is left; give the log's size."""
    with open_writer(folder) as log:
        after = log.append(record("check", now_ms=time.time_ns() // 1_000_000))
        unfinished = log.unfinished()
    assert after.index is not None
    with open_log(f"{folder}/log", uid=UID, state=f"{folder}/state") as reader:
        found = verify(reader, full=True)
        assert found.ok, found.problems
        assert found.anchored, "the remembered checkpoint is gone"
        ids = [each.record["decision_id"] for each in reader.entries() if each.record["decision_id"]]
    lost = acknowledged.difference(ids)
    assert not lost, f"{len(lost)} acknowledged entries are lost, such as {sorted(lost)[:3]}"
    assert len(ids) == len(set(ids)), "an entry stands twice"
    assert all(each.record["kind"] == "mount.intent" for each in unfinished)
    return found.size


def dying(nth: int, *, torn: bool, page: mmap.mmap) -> None:
    """Let this process be killed before its `nth` system call; `torn`: in the middle, if that call writes."""
    made = 0

    def patched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            nonlocal made
            made += 1
            if made == nth:
                page[:SLOT] = (
                    f"{name} torn".encode()[:SLOT].ljust(SLOT, b"\0") if torn else name.encode().ljust(SLOT, b"\0")
                )
                if torn and name in {"write", "pwrite"}:
                    real(args[0], bytes(args[1])[: len(args[1]) // 2], *args[2:])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **named)

        return call

    for name in CALLS:
        setattr(os, name, patched(name, getattr(os, name)))


def each(folder: str) -> None:
    """Kill one writer at each of its system calls in turn, always on the same log of 254 entries."""
    page = mmap.mmap(-1, SLOT)
    points: Counter[str] = Counter()
    with open_writer(folder) as log:
        for number in range(0, 253 * 3, 3):  # and the entry that says the log was made
            log.append(entry(0, number))
    for name in ("log", "state"):
        shutil.copytree(f"{folder}/{name}", f"{folder}/pristine/{name}")
    acknowledged, size, nth, writes = 0, 0, 0, list[int]()
    while True:
        nth += 1
        ids, killed = died(folder, nth, torn=False, page=page)
        size = look(folder, ids)
        acknowledged += len(ids)
        if not killed:
            break
        points[point(page, 0)] += 1
        if point(page, 0) in {"write", "pwrite"}:
            writes.append(nth)
    for torn in writes:
        ids, _ = died(folder, torn, torn=True, page=page)
        size = look(folder, ids)
        acknowledged += len(ids)
        points[point(page, 0)] += 1
    json.dump({"acknowledged": acknowledged, "size": size, "points": dict(points.most_common())}, sys.stdout)


def died(folder: str, nth: int, *, torn: bool, page: mmap.mmap) -> tuple[set[str], bool]:
    """Run one writer that dies at its `nth` system call; give what it acknowledged, and whether it died."""
    for name in ("log", "state"):
        shutil.rmtree(f"{folder}/{name}")
        shutil.copytree(f"{folder}/pristine/{name}", f"{folder}/{name}")
    reading, acknowledge = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            said = os.write
            dying(nth, torn=torn, page=page)
            log = open_writer(folder)
            for number in range(4):
                log.append(entry(1, number))
                said(acknowledge, struct.pack(">II", 1, number))
            status = 0
        finally:
            os._exit(status)
    os.close(acknowledge)
    end = os.waitpid(child, 0)[1]
    with open(reading, "rb") as stream:
        data = stream.read()
    assert os.WIFSIGNALED(end) or not os.WEXITSTATUS(end), "the writer failed"
    return {f"{writer:08x}-{number:08x}" for writer, number in struct.iter_unpack(">II", data)}, os.WIFSIGNALED(end)


def randomly(folder: str, rounds: int, seed: int) -> None:
    """Run all rounds on one log."""
    look(folder, set())  # imports what a signature needs, so that the writers do not spend their lives on that
    chance = random.Random(seed)
    page = mmap.mmap(-1, WRITERS * SLOT)
    acknowledged: set[str] = set()
    points: Counter[str] = Counter()
    size = 0
    for number in range(rounds):
        page[:] = bytes(WRITERS * SLOT)
        ids, met = round_of(folder, number * WRITERS + 1, page, chance)
        acknowledged |= ids
        points.update(met)
        size = look(folder, acknowledged)
    json.dump({"acknowledged": len(acknowledged), "size": size, "points": dict(points.most_common())}, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1] == "each":
        each(sys.argv[2])
    else:
        randomly(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
