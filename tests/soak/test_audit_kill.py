"""kill -9 of four writers of the audit log, 500 times; a tenth of the examples asked for where that is less."""

from __future__ import annotations

from pathlib import Path

from tests.support.examples import WANTED
from tests.system import test_audit_kill as system

ROUNDS = min(500, WANTED // 10 or 500)


def test_four_writers_killed_again_and_again(tmp_path: Path) -> None:
    found = system.killed("random", str(tmp_path), str(ROUNDS), "1")
    assert found["acknowledged"] > ROUNDS
    assert sum(found["points"].values()) == 4 * ROUNDS
