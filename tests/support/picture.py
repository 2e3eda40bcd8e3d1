"""The report's picture in docs/audit.md: a page about a fortnight that never was, hostile names included, in Chromium.

python -m tests.support.picture        needs `chromium`; writes docs/audit-report.png
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from secmount.audit import record
from secmount.review.report.page import report
from secmount.review.verify import verify
from tests.support.logs import NOW, Desk, decision, effect, log_bytes

PAGE = Path(__file__).parents[2] / "docs/audit-report.png"
DAYS, DECISIONS, HOUR = 14, 520, 3_600_000
NAMES = ("llama-guard", "whisper-large", "bert", "rerank")
HOSTILE = ("ghcr.io/evil/\u202egnp.exe\x1b[31m", "ghcr.io/evil/<script>alert(1)</script>", "ghcr.io/unknown/model")
CODES = (
    ("denied", "SM3010"),
    ("denied", "SM3001"),
    ("denied", "SM3012"),
    ("denied", "SM3020"),
    ("undecided", "SM3091"),
)


def happened(chance: Random) -> Iterator[dict[str, Any]]:
    """Give two weeks of decisions and their mounts, oldest first."""
    start = NOW - DAYS * 24 * HOUR
    for number, moment in enumerate(sorted(chance.randrange(DAYS * 24 * HOUR) for _ in range(DECISIONS))):
        name, refused = f"ghcr.io/acme/{chance.choice(NAMES)}", chance.random() < 0.2
        if refused and chance.random() < 0.7:
            name = chance.choice(HOSTILE)
        verdict, code = chance.choice(CODES) if refused else ("allowed", "")
        who = record.request(
            face="csi",
            use="csi",
            verb="mount",
            user=chance.choice(("alice", "system:node")),
            namespace=chance.choice(("ml-dev", "ml-prod")),
        )
        details = record.decision_details(
            name=name, rule="acme", line=3, checks=(), considered=(), approved=(), elapsed_ms=chance.randrange(8, 120)
        )
        common = {"now_ms": start + moment, "reference": f"{name}:v{chance.randrange(3)}", "request": who}
        row = {**common, "deny": [code] if code else [], "details": details}
        signers = [] if refused else chance.sample(("release", "ci", "vision-team"), chance.randrange(1, 3))
        yield decision(number, verdict=verdict, signers=signers, **row)
        if not refused:
            yield {**effect("mount.intent", number), **_at(start + moment + 1)}
            yield {**effect("mount.done", number, target="/mnt"), **_at(start + moment + chance.randrange(20, 90))}


def _at(moment: int) -> dict[str, Any]:
    return {"time": record.record("check", now_ms=moment)["time"]}


def main() -> None:
    """Make the log, the page and the picture."""
    with tempfile.TemporaryDirectory() as name:
        desk = Desk(Path(name))
        with desk.open() as log:
            first, *rest = happened(Random(7))
            log.append(first)
            log._writer.append([log_bytes(row) for row in rest], prologue=lambda *_: [])
        with desk.reader() as reader:
            page = report(reader, now_ms=NOW, since=NOW - DAYS * 24 * HOUR, verified=verify(reader))
        file = Path(name) / "report.html"
        file.write_text(page.replace(name, "/var/lib/secmount"), "utf-8")
        size = ["--window-size=1200,1340", f"--screenshot={PAGE}"]
        words = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *size, file.as_uri()]
        subprocess.run(["chromium", *words], check=True, capture_output=True)


if __name__ == "__main__":
    main()
