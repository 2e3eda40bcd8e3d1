"""A pytest plugin: run the tests once, then every mutant in a fork of that process.

mutmut starts pytest anew for each mutant, which takes longer than most tests do. Here the tests are imported once; a
child of that process runs those that reach the changed function until one fails: the one that failed last, then the
quickest files. Two things follow, and both are looked after: a child without any change must pass every test (the first
one is that), and what the first run kept in memory can hide a change, so that `tests.soak.mutate` tries survivors once
more from nothing. It runs this in mutmut's folder `mutants`, with `-p tests.soak.forks`.
"""

from __future__ import annotations

import contextlib
import fnmatch
import gc
import itertools
import json
import os
import resource
import shutil
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
import wasmtime
from mutmut.mutation import trampoline
from mutmut.mutation.data import SourceFileMutationData
from mutmut.utils.format_utils import mangled_name_from_mutant_name

SURVIVED, KILLED, UNREACHED, TIMED_OUT = 0, 1, 33, 36  # as mutmut writes them
SURVIVORS = Path("survivors.json")  # in the folder `mutants`: each one's tests
_CONTROL = ""
_KILLER = "killer"  # in a child's folder: the test that failed
_MOST_DATA = 6 << 30  # bytes of a child: a change may allocate without end
_PATIENCE = 20.0  # seconds beyond ten times what the tests took

Tests = list[pytest.Item]


@dataclass(eq=False, slots=True)
class Failures:
    """What failed since the last look."""

    tests: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.tests.append(report.nodeid)


@dataclass(frozen=True, slots=True)
class Job:
    """A mutant, the tests that reach it, and how many seconds they may take."""

    mutant: str
    tests: Tests
    patience: float


@dataclass(frozen=True, slots=True)
class Child:
    """A process that does a job."""

    job: Job
    deadline: float
    scratch: Path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--mutants", action="append", default=[], metavar="GLOB", help="names of mutants; all that were not tried"
    )
    parser.addoption("--children", type=int, default=os.cpu_count() or 1)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    if session.config.option.collectonly or session.testsfailed:
        return None
    _compile_alone()
    failures = Failures()
    session.config.pluginmanager.register(failures)
    reached, seconds = _record(session.items)
    if failures.tests:
        raise session.Failed(f"without a change: {failures.tests[:9]}")
    wanted = _wanted(session.config.option.mutants)
    began, survivors = time.monotonic(), dict[str, list[str]]()
    todo = {name: sorted(reached[mangled_name_from_mutant_name(name)], key=seconds.__getitem__) for name in wanted}
    jobs = [
        Job(name, tests, _PATIENCE + 10 * sum(map(seconds.__getitem__, tests))) for name, tests in todo.items() if tests
    ]
    jobs.insert(
        0, Job(_CONTROL, sorted(session.items, key=seconds.__getitem__), _PATIENCE + 10 * sum(seconds.values()))
    )
    gc.collect()
    gc.freeze()
    ends = _race(iter(jobs), failures, session.config)
    for name, code in itertools.chain(((name, UNREACHED) for name, tests in todo.items() if not tests), ends):
        if name != _CONTROL:
            wanted[name].exit_code_by_key[name] = code
            wanted[name].save()
        elif code != SURVIVED:
            raise session.Failed("a fork without a change fails a test: what others say of a change is worth nothing")
        if name and code == SURVIVED:
            survivors[name] = [item.nodeid for item in todo[name]]
    SURVIVORS.write_text(json.dumps(survivors), encoding="utf-8")
    print(f"\n{len(wanted)} mutants in {time.monotonic() - began:.0f} s")
    return True


def _compile_alone() -> None:
    """Let wasmtime compile in the thread that asks: a fork has none of the others, and would wait for them."""
    begin = wasmtime.Config.__init__

    def alone(config: wasmtime.Config) -> None:
        begin(config)
        config.parallel_compilation = False

    setattr(wasmtime.Config, "__init__", alone)  # noqa: B010


def _record(items: Tests) -> tuple[defaultdict[str, Tests], dict[pytest.Item, float]]:
    """Run every test; say which reach a function, and how long each takes."""
    reached, seconds, hits = defaultdict[str, Tests](list), dict[pytest.Item, float](), set[str]()

    def record(name: str, caller: str | None = None) -> None:
        hits.add(name)

    setattr(trampoline, "record_trampoline_hit", record)  # noqa: B010  # which its module does not say it exports
    trampoline.set_mutant_under_test("stats")
    for item, following in zip(items, [*items[1:], None], strict=True):
        hits.clear()
        began = time.monotonic()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        seconds[item] = time.monotonic() - began
        for name in hits:
            reached[name].append(item)
    trampoline.set_mutant_under_test(_CONTROL)
    return reached, seconds


def _ordered(tests: Tests, seconds: dict[pytest.Item, float]) -> Tests:
    """Give the quickest files first, each in its own order: what a file's tests share is made once."""
    files = defaultdict[Path, float](float)
    for item in tests:
        files[item.path] += seconds[item]
    return sorted(tests, key=lambda item: (files[item.path], item.path))


def _patience(tests: Tests, seconds: dict[pytest.Item, float]) -> float:
    return _PATIENCE + 10 * sum(map(seconds.__getitem__, tests))


def _wanted(globs: list[str]) -> dict[str, SourceFileMutationData]:
    """Give the mutants to try, and where each one's end is written."""
    todo = dict[str, SourceFileMutationData]()
    for meta in sorted(Path("secmount").rglob("*.py.meta")):
        data = SourceFileMutationData(path=meta.with_suffix(""))
        data.meta_path = meta
        data.load()
        for name, code in data.exit_code_by_key.items():
            if any(fnmatch.fnmatch(name, glob) for glob in globs) if globs else code in (None, SURVIVED, UNREACHED):
                todo[name] = data
    return todo


def _race(jobs: Iterator[Job], failures: Failures, config: pytest.Config) -> Iterator[tuple[str, int]]:
    """Try the mutants, so many at a time; give each one's end."""
    running = dict[int, Child]()
    scratch = Path(tempfile.mkdtemp(prefix="secmount-forks-"))
    try:
        while True:
            while len(running) < config.option.children and (job := next(jobs, None)):
                own = scratch / (job.mutant or "control")
                pid = os.fork()
                if not pid:
                    _try(job, own, failures, config)
                running[pid] = Child(job, time.monotonic() + job.patience, own)
            if not running:
                return
            for pid, code in _ended(running):
                child = running.pop(pid)
                _learn(child)
                shutil.rmtree(child.scratch, ignore_errors=True)
                yield child.job.mutant, code
    finally:
        for pid in running:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        shutil.rmtree(scratch, ignore_errors=True)


def _learn(child: Child) -> None:
    """Let the test that failed come first for the next change of that function."""
    with contextlib.suppress(OSError, ValueError):
        killer = (child.scratch / _KILLER).read_text(encoding="utf-8")
        at = next(at for at, item in enumerate(child.job.tests) if item.nodeid == killer)
        child.job.tests.insert(0, child.job.tests.pop(at))


def _try(job: Job, scratch: Path, failures: Failures, config: pytest.Config) -> NoReturn:
    """Be the child: run the tests until one fails, and end."""
    code = KILLED
    with contextlib.suppress(BaseException):
        os.setsid()
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_DATA, _MOST_DATA))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        scratch.mkdir(mode=0o700)
        config._tmp_path_factory._basetemp = scratch  # type: ignore[attr-defined]  # so that children's folders are their own
        trampoline.set_mutant_under_test(job.mutant)
        setattr(trampoline, "get_mutant_under_test", lambda: job.mutant)  # noqa: B010  # not by os.environ, at every call
        for item, following in zip(job.tests, [*job.tests[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if failures.tests:
                (scratch / _KILLER).write_text(item.nodeid, encoding="utf-8")
                break
        else:
            code = SURVIVED
    os._exit(code)


def _ended(running: dict[int, Child]) -> Iterator[tuple[int, int]]:
    """Wait for the next children to end, or end those whose time is over."""
    while True:
        over = [pid for pid, child in running.items() if time.monotonic() > child.deadline]
        for pid in over:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            yield pid, TIMED_OUT
        if over:
            return
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in running:
            yield pid, KILLED if os.waitstatus_to_exitcode(status) else SURVIVED
            return
        time.sleep(0.002)
