"""kill -9 of four writers of the audit log, 500 times."""

from __future__ import annotations

from pathlib import Path

from tests.system import test_audit_kill as system

ROUNDS = 500


def test_four_writers_killed_five_hundred_times(tmp_path: Path) -> None:
    found = system.killed("random", str(tmp_path), str(ROUNDS), "1")
    assert found["acknowledged"] > ROUNDS
    assert sum(found["points"].values()) == 4 * ROUNDS
