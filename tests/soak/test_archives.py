"""Many changed archives: no example takes a second, memory stays where it was, and a fuzzer finds nothing either."""

from __future__ import annotations

import importlib.util
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secmount.errors import ContentError
from tests.support.archives import zstd
from tests.support.examples import WANTED
from tests.support.mutation import SEEDS, STREAMS, judge, mutants, rehead

ROOT = Path(__file__).parents[2]
EXAMPLES = min(20_000, 10 * WANTED or 20_000)
RUNS = 20 * EXAMPLES  # of the fuzzer
MEMORY = 16 << 10  # KiB that the process may grow by


def is_judged(data: bytes, *, image: bool) -> None:
    try:
        judge(data, image=image)
    except ContentError as err:
        assert err.code.startswith("SM51")


@settings(max_examples=EXAMPLES, deadline=1000)
@given(mutants(), st.booleans())
def test_changed_archives_are_a_tree_or_a_code_within_a_second(data: bytes, image: bool) -> None:
    is_judged(data, image=image)


def test_changed_archives_leave_memory_as_it_was() -> None:
    chance = random.Random(1)
    is_judged(zstd(SEEDS[0]), image=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3 * EXAMPLES):
        data, method = chance.choice(STREAMS)
        changed = bytearray(data)
        for _ in range(chance.randint(1, 5)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        repaired = method == "none" and chance.random() < 0.5
        is_judged(rehead(bytes(changed)) if repaired else bytes(changed), image=chance.random() < 0.5)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this Python")
def test_a_fuzzer_finds_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.fuzz_archives", f"-runs={RUNS}", "-seed=1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
