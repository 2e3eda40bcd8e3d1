"""A fuzzer finds nothing in the parsers of signatures."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.soak.signatures import parsers
from tests.support.examples import WANTED

ROOT = Path(__file__).parents[2]
RUNS = 20 * min(20_000, 10 * WANTED or 20_000)


def test_every_parser_reads_what_the_fuzzer_starts_from() -> None:
    for read, sound in parsers():
        read(sound)


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this Python")
def test_a_fuzzer_finds_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.fuzz_signatures", f"-runs={RUNS}", "-seed=1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
