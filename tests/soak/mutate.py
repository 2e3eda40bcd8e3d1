"""Change the code one way at a time: a test must fail. `python -m tests.soak.mutate ['secmount.trust.spki.*' …]`.

mutmut makes the changes; `tests.soak.forks` tries them, several at once; what survives there is tried once more by
tests that start from nothing, because what a process keeps in memory can hide a change. `tests.soak.mutants` reads the
ends. A mutant that was killed is not tried again until its function changes, unless it is named.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData

from tests.soak.forks import KILLED, SURVIVORS
from tests.soak.mutants import ROOT, explained, mutant

FOLDER = ROOT / "mutants"
_MEMORY = "/dev/shm"  # most tests write a policy: not to a disk where memory can hold it


def main() -> int:
    """Change, try, and try once more what survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.mutate")
    parser.add_argument(
        "globs", nargs="*", metavar="GLOB", help="names of mutants; without one, all that were not killed"
    )
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, help="so many at a time")
    options = parser.parse_args()
    os.chdir(ROOT)
    arguments, selection = change(options.children)
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="secmount-mutants-", dir=memory) as folder:
        return attempt(options.globs, options.children, arguments, selection, {"TMPDIR": folder})


def attempt(
    globs: list[str], children: int, arguments: list[str], tests: list[str], environment: dict[str, str]
) -> int:
    """Try the mutants of `globs`, and those that survived once more."""
    wanted = [f"--mutants={glob}" for glob in globs]
    forks = ["-s", "--tb=native", "-p", "tests.soak.forks", f"--children={children}", "--timeout=0", *wanted]
    if status := _pytest([*arguments, *forks, *tests], environment):
        return status
    survivors: dict[str, list[str]] = json.loads((FOLDER / SURVIVORS).read_text(encoding="utf-8"))
    known = explained()
    for name, reaching in survivors.items():
        alone = environment | {"MUTANT_UNDER_TEST": name}
        if mutant(ROOT, name) not in known and _pytest([*arguments, *reaching], alone):
            print(f"killed by tests that start from nothing: {name}")
            _write_killed(name)
    return 0


def change(children: int) -> tuple[list[str], list[str]]:
    """Let mutmut write its folder `mutants`; give pytest's arguments, and the tests that pyproject.toml selects."""
    from mutmut.__main__ import create_mutants
    from mutmut.configuration import config
    from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir

    FOLDER.mkdir(exist_ok=True)
    with contextlib.redirect_stdout(io.StringIO()):
        copy_src_dir()
        copy_also_copy_files()
        create_mutants(children)
    return config().pytest_add_cli_args, config().pytest_add_cli_args_test_selection


def _pytest(arguments: list[str], environment: dict[str, str]) -> int:
    return subprocess.call([sys.executable, "-m", "pytest", *arguments], cwd=FOLDER, env=os.environ | environment)


def _write_killed(name: str) -> None:
    data = SourceFileMutationData(path=Path(f"{name.rpartition('.')[0].replace('.', '/')}.py"))
    data.load()
    data.exit_code_by_key[name] = KILLED
    data.save()


if __name__ == "__main__":
    sys.exit(main())
