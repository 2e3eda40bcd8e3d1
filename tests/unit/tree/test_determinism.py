"""One artifact, one tree digest: in any download order, as anybody, wherever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
WHOLE = "sha256:01119a20da1db32dc0ce657f5615ff2f613c9635158ca76de05c61cacbe7de23"
PARTIAL = "sha256:cd75b3b79f6df81c096f0c2feedee7fd3d9deff31c3069eff92eec06fc3d4b70"


def digests(
    folder: Path, *words: str, environment: dict[str, str] | None = None, umask: int = 0o22, user: int | None = None
) -> list[str]:
    folder.mkdir(mode=0o700)
    if user is not None:
        os.chown(folder, user, user)
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.digests", str(folder), *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        umask=umask,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


PLACES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "another time zone, language, hash seed": {
        "environment": {"TZ": "Pacific/Chatham", "LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "7"}
    },
    "no language, UTF-8 off, permissive umask": {
        "environment": {"TZ": "America/St_Johns", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONHASHSEED": "0"},
        "umask": 0,
    },
    "strict umask": {"environment": {"TZ": ":UTC"}, "umask": 0o777 - 0o700},
}


@pytest.mark.parametrize("place", PLACES)
def test_the_same_everywhere(place: str, tmp_path: Path) -> None:
    assert digests(tmp_path / "a", **PLACES[place]) == [WHOLE, PARTIAL]


def test_the_same_in_any_order_of_downloads(tmp_path: Path) -> None:
    assert digests(tmp_path / "a", "reversed") == [WHOLE, PARTIAL]


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming an ordinary user needs root")
def test_the_same_for_an_ordinary_user(tmp_path: Path) -> None:
    try:
        subprocess.run([sys.executable, "-c", "import secmount"], cwd=ROOT, check=True, capture_output=True, user=65534)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("an ordinary user cannot run this Python or read this checkout")
    tmp_path.chmod(0o755)
    assert digests(tmp_path / "a", user=65534) == [WHOLE, PARTIAL]
