"""kill -9 of four writers of the audit log, 500 times by hand, 25 times in CI."""

from __future__ import annotations

import os
from pathlib import Path

from tests.system import test_audit_kill as system

ROUNDS = 25 if os.environ.get("CI") else 500


def test_four_writers_killed_again_and_again(tmp_path: Path) -> None:
    found = system.killed("random", str(tmp_path), str(ROUNDS), "1")
    assert found["acknowledged"] > ROUNDS
    assert sum(found["points"].values()) == 4 * ROUNDS
