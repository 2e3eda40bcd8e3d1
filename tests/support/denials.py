"""The words of every refusal that the tests of trust provoke: `python -m tests.support.denials` writes them anew."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "tests/unit/trust/denials.golden.txt"
_RECORD = "DENIALS_RECORD"  # names the file that a run adds its refusals to instead of comparing them
_MADE_ANEW = re.compile(
    r"[0-9a-f]{12,}|[A-Za-z0-9+/_-]{40,}=*"  # digests, keys, signatures
    r"|(?<=127\.0\.0\.1:)[0-9]{2,}|(?<=port=)[0-9]{2,}|(?<=read timeout=)[0-9.]+"
    r"|(?<=position )[0-9]+|(?<=column )[0-9]+ \(char [0-9]+\)"
    r"|(?<=checkpoint of )[0-9]+|(?<=a proof for )[0-9]+|[0-9]{3,}(?= bytes)"  # signatures differ in length
)


def masked(said: str) -> str:
    """Give one line, in which what is different in each run is `…`."""
    return _MADE_ANEW.sub("…", said).replace("\n", "\\n")


@cache
def known() -> frozenset[str]:
    """Give the refusals that were read."""
    return frozenset(PAGE.read_text().splitlines())


def recorded(said: set[str]) -> bool:
    """Add `said` to the record, if one is kept."""
    path = os.environ.get(_RECORD)
    if path is None:
        return False
    with open(path, "a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in sorted(said))
    return True


def main() -> int:
    """Run the tests and write what they were told."""
    with tempfile.NamedTemporaryFile(prefix="denials-") as file:
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "tests/unit/trust"]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, _RECORD: file.name}, check=False)
        lines = set(Path(file.name).read_text(encoding="utf-8").splitlines())
    if done.returncode == 0:
        PAGE.write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
