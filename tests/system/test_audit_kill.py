"""kill -9 while the audit log is written: no acknowledged entry is lost, the log verifies, the next append works.

25 rounds here; `make soak` runs 500. Which system calls the kills met is printed with `pytest -s`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ROUNDS = 25


def killed(*words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.support.audit_kill", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    print(done.stdout)  # noqa: T201 - the points that were hit
    return found


def test_four_writers_killed_at_random_instants(tmp_path: Path) -> None:
    found = killed("random", str(tmp_path), str(ROUNDS), "20261124")
    assert found["acknowledged"] > ROUNDS
    assert sum(found["points"].values()) == 4 * ROUNDS


def test_a_writer_killed_at_each_of_its_system_calls(tmp_path: Path) -> None:
    points = killed("each", str(tmp_path))["points"]
    assert {"open", "write", "write torn", "pwrite torn", "fdatasync", "fsync", "rename", "mkdir", "rmdir"} <= set(
        points
    )
