"""Audit logs for tests: a clock that stands, randomness that repeats, records of each kind."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from secmount.audit import record
from secmount.audit.log import AuditLog
from secmount.review.reader import Reader, open_log

NOW = 1_795_500_000_000  # 2026-11-24T06:00:00Z
UID = os.getuid()
NO_JOURNAL = "/nonexistent/journal"


@dataclass
class Clock:
    """Milliseconds, moved by hand."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class Desk:
    """A log in `base`/log with its state in `base`/state."""

    base: Path
    clock: Clock = field(default_factory=Clock)

    @property
    def folder(self) -> Path:
        return self.base / "log"

    @property
    def state(self) -> Path:
        return self.base / "state"

    def open(self, **named: Any) -> AuditLog:
        """Give a log object of its own, as another process would have."""
        named = {"state": str(self.state), "journal": NO_JOURNAL, "host": "host.example", **named}
        return AuditLog(str(self.folder), clock=self.clock, uid=UID, random=Random(1).randbytes, **named)

    @contextmanager
    def reader(self, *, state: bool = True, **named: Any) -> Iterator[Reader]:
        """Open it for review."""
        with open_log(str(self.folder), uid=UID, state=str(self.state) if state else None, **named) as opened:
            yield opened

    def fill(self, count: int, **named: Any) -> None:
        """Append `count` decisions, numbered in `reference`."""
        with self.open(**named) as log:
            start = sum(1 for _ in log.read())
            for number in range(start, start + count):
                log.append(decision(number))

    def grown(self, count: int) -> None:
        """Append `count` decisions at once, as a batch of other processes would."""
        with self.open() as log:
            log.append(decision(0))
            entries = [log_bytes(decision(number)) for number in range(1, count)]
            log._writer.append(entries, prologue=lambda *_: [])

    def references(self) -> list[str]:
        """Give what is in the log, by reference, oldest first; what the log wrote of itself left out."""
        with self.open() as log:
            return [entry.record["reference"] for entry in log.read(newest_first=False) if entry.record["reference"]]


def log_bytes(value: Mapping[str, Any]) -> bytes:
    """Give a record's bytes."""
    from secmount.oci import canonical

    return canonical.encode(value)


def decision_id(number: int) -> str:
    """Give a UUIDv7 for a number."""
    return f"019c29aa-{number >> 16 & 0xFFFF:04x}-7bcf-9340-{number & 0xFFFF:012x}"


def decision(number: int, *, verdict: str = "allowed", **named: Any) -> dict[str, Any]:
    """Give a decision on artifact `number`."""
    values: dict[str, Any] = {
        "now_ms": NOW + number,
        "decision_id": decision_id(number),
        "subject": f"sha256:{number:064x}",
        "reference": f"ghcr.io/acme/model-{number}:v1",
        "request": record.request(face="cli", use="cli", verb="mount", user="alice"),
        "verdict": verdict,
        "deny": [] if verdict == "allowed" else ["SM3010"],
        "signers": ["release"] if verdict == "allowed" else [],
        "policy_revision": f"sha256:{7:064x}",
        "engine": "wasm",
        "memo": False,
    }
    return record.record("decision", **{**values, **named})


def effect(kind: str, number: int, **named: Any) -> dict[str, Any]:
    """Give a record of `kind` that belongs to decision `number`."""
    reference = f"ghcr.io/acme/model-{number}:v1"
    return record.record(kind, now_ms=NOW + number, decision_id=decision_id(number), reference=reference, **named)
