"""The words of every refusal that the tests of trust and policy provoke: `python -m tests.support.denials` writes them.

Each of those folders has one list of them, `denials.golden.txt`, and a fixture that compares what was said in a test.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("tests/unit/trust", "tests/unit/policy")
_RECORD = "DENIALS_RECORD"  # names the file that a run adds its refusals to instead of comparing them
_MADE_ANEW = re.compile(
    r"[0-9a-f]{12,}|[A-Za-z0-9+/_-]{40,}=*"  # digests, keys, signatures
    r"|(?<=127\.0\.0\.1:)[0-9]{2,}|(?<=port=)[0-9]{2,}|(?<=read timeout=)[0-9.]+"
    r"|(?<=position )[0-9]+|(?<=column )[0-9]+ \(char [0-9]+\)"
    r"|/[^: ]*/pytest-of-[^/]+/pytest-[0-9]+/(?:popen-gw[0-9]+/)?[^/: ]+"  # the folder of a test
    r"|(?<=checkpoint of )[0-9]+|(?<=a proof for )[0-9]+|[0-9]{3,}(?= bytes)"  # signatures differ in length
)


def masked(said: str) -> str:
    """Give one line, in which what is different in each run is `…`."""
    return _MADE_ANEW.sub("…", said).replace("\n", "\\n")


@cache
def known(folder: str) -> frozenset[str]:
    """Give the refusals that were read."""
    return frozenset(_page(folder).read_text(encoding="utf-8").splitlines())


def compare(folder: str, said: set[str]) -> None:
    """Fail if `said` in a test of `folder` has words that nobody read; add it to the record instead, if one is kept."""
    said = {masked(line) for line in said}
    path = os.environ.get(_RECORD)
    if path is not None:
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in sorted(said))
        return
    unknown = "\n".join(sorted(said - known(folder)))
    assert not unknown, f"new words; if they are right: python -m tests.support.denials\n{unknown}"


def main() -> int:
    """Run the tests and write what they were told."""
    return max(_write(folder) for folder in FOLDERS)


def _write(folder: str) -> int:
    with tempfile.NamedTemporaryFile(prefix="denials-") as file:
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", folder]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, _RECORD: file.name}, check=False)
        lines = set(Path(file.name).read_text(encoding="utf-8").splitlines())
    if done.returncode == 0:
        _page(folder).write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8")
    return done.returncode


def _page(folder: str) -> Path:
    return ROOT / folder / "denials.golden.txt"


if __name__ == "__main__":
    sys.exit(main())
