"""What `tests.soak.mutate` left alive, beside what was read and explained in survivors/*.toml.

python -m tests.soak.mutants [--of CLONE] [--whole]   every survivor that is not explained there; fails if there is one
python -m tests.soak.mutants --choose 1 --seed 7      names of that many modules, as `tests.soak.mutate` wants them

A mutant is known by its function and the lines that it changes, so that neither its number nor its place matters.
"""

from __future__ import annotations

import argparse
import difflib
import json
import random
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXPLAINED = Path(__file__).parent / "survivors"
_SURVIVED, _UNTESTED = 0, 33  # exit codes that mutmut keeps, besides pytest's own and signals
_TIMED_OUT = (24, 36, 152, 255)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one function."""

    function: str
    line: str
    change: str


def main() -> int:
    """Choose, or compare."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.mutants")
    parser.add_argument("--of", type=Path, default=ROOT, help="the clone in which it ran")
    parser.add_argument("--whole", action="store_true", help="fail if a mutant was not tried, too")
    parser.add_argument("--choose", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.choose is None:
        return compare(options.of, whole=options.whole)
    chosen = random.Random(options.seed).sample(sorted(modules()), options.choose)
    print(*(f"{name}.*" for name in chosen))
    return 0


def modules() -> Iterator[str]:
    """Give the modules that are changed, but for those without a function."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    for pattern in settings["only_mutate"]:
        for path in ROOT.glob(pattern if pattern.endswith(".py") else f"{pattern}*/*.py"):
            if "\ndef " in path.read_text(encoding="utf-8"):
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


def compare(run: Path, *, whole: bool) -> int:
    """Print the survivors that nobody explained, in the form of survivors/*.toml."""
    counted: Counter[str] = Counter()
    survivors = set[Mutant]()
    for name, code in sorted(results(run)):
        state = {_SURVIVED: "survived", _UNTESTED: "survived", None: "not tried"}.get(code, "killed")
        counted["timed out" if code in _TIMED_OUT else state] += 1
        if state == "survived":
            survivors.add(mutant(run, name))
    known = explained()
    for one in sorted(survivors - set(known), key=str):
        print(f"  {{ in = {_text(one.function)}, line = {_text(one.line)}, change = {_text(one.change)} }},")
    print(", ".join(f"{count} {state}" for state, count in counted.most_common()))
    print(f"{len(survivors & set(known))} of {len(survivors)} changes that survived are explained")
    return 1 if survivors - set(known) or (whole and counted["not tried"]) else 0


def results(run: Path) -> Iterator[tuple[str, int | None]]:
    """Give each mutant's name and how its tests ended."""
    for path in (run / "mutants").rglob("*.meta"):
        yield from json.loads(path.read_text())["exit_code_by_key"].items()


def explained() -> dict[Mutant, str]:
    """Give what was read, and why it may live."""
    files = sorted(EXPLAINED.glob("*.toml"))
    groups = [group for file in files for group in tomllib.loads(file.read_text(encoding="utf-8"))["reason"]]
    return {Mutant(row["in"], row["line"], row["change"]): group["why"] for group in groups for row in group["mutants"]}


def mutant(run: Path, name: str) -> Mutant:
    """Give what the mutant of that name changes."""
    from mutmut.mutation import diff_apply

    module, _, rest = name.rpartition(".")
    path = run / "mutants" / f"{module.replace('.', '/')}.py"
    found = diff_apply.read_functions_from_index(name, path)
    if found is None:
        raise SystemExit(f"no mutant {name} in {path}")
    old, new = (_lines(function) for function in found)
    changes = [line for line in difflib.ndiff(old, new) if line[0] in "+-"]
    line, change = ("\n".join(one[2:].strip() for one in changes if one[0] == sign) for sign in "-+")
    return Mutant(f"{module}.{_function(rest)}", line, change)


def _lines(function: object) -> list[str]:
    import libcst

    return libcst.Module([function]).code.strip().split("\n")  # type: ignore[list-item]


def _function(mangled: str) -> str:
    """Give a function's name from mutmut's: `x_name__mutmut_1`, `xǁClassǁname__mutmut_1`."""
    return mangled.rpartition("__mutmut_")[0].removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")


def _text(value: str) -> str:
    plain = "'" not in value and value.isprintable()
    return f"'{value}'" if plain else json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
