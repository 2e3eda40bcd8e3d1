"""How the process ends: whatever is due is done, and nobody sees a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Desk

ROOT = Path(__file__).parents[3]
START = "import sys, secmount.__main__ as program\nsys.argv = ['secmount', '--version']\n"


def ended(code: str, **more: object) -> subprocess.CompletedProcess[str]:
    """Run the program after `code`, in a process of its own."""
    command = [sys.executable, "-c", f"{START}{code}\nprogram.main()\nprint('not reached')"]
    return subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False, timeout=60, **more)  # type: ignore[call-overload, no-any-return]


def test_what_was_asked_for_at_the_end_is_done_and_what_was_printed_is_seen() -> None:
    done = ended("import atexit; atexit.register(print, 'at the end')", stdout=subprocess.PIPE)
    version, end = done.stdout.splitlines()
    assert (version.split()[0], end, done.stderr, done.returncode) == ("secmount", "at the end", "", 0)


def test_a_thread_that_is_waited_for_is_waited_for() -> None:
    slow = "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.2), print('done'))).start()"
    done = ended(slow, stdout=subprocess.PIPE)
    assert (done.stdout.splitlines()[-1], done.returncode) == ("done", 0)


def test_a_daemon_is_not() -> None:
    slow = "import threading, time\nthreading.Thread(target=time.sleep, args=(50,), daemon=True).start()"
    assert ended(slow, stdout=subprocess.PIPE).returncode == 0


@pytest.mark.parametrize("status", [0, 2, 12, 40])
def test_the_status_is_the_commands(status: int) -> None:
    done = ended(f"program._run = lambda _: {status}", stdout=subprocess.PIPE)
    assert (done.stdout, done.returncode) == ("", status)


def test_an_interrupt_while_it_starts_is_no_traceback() -> None:
    done = ended("def early(_): raise KeyboardInterrupt\nprogram._run = early", stdout=subprocess.PIPE)
    assert (done.stdout, done.stderr, done.returncode) == ("", "interrupted\n", 130)


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("words", ["--version", "completion', 'bash"])
def test_an_output_that_takes_nothing_is_told(words: str, buffered: str) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = ended(
            f"sys.argv = ['secmount', '{words}']", stdout=full, env={**os.environ, "PYTHONUNBUFFERED": buffered}
        )
    assert done.stderr.startswith("error[SM7001]: no space left\n  standard output")
    assert "Traceback" not in done.stderr
    assert done.returncode == 50


def test_a_reader_that_goes_away_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = ended("", stdout=write)
    os.close(write)
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize("output", ["json", "text"])
def test_a_denial_is_one_though_nobody_reads_it(secmount: Desk, output: str) -> None:
    """Behind `secmount verify … | head` and `pipefail`, status 0 would have been read as allowed."""
    secmount.ready().model("unsigned", key=None)
    command = [sys.executable, "-m", "secmount", "verify", "oci:models/unsigned:v1", "-o", output]
    read, write = os.pipe()
    os.close(read)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, env=environment, check=False, timeout=60)
    os.close(write)
    assert (done.returncode, b"Traceback" in done.stderr) == (10, False)


def test_an_interrupted_command_was_interrupted_though_nobody_reads_it() -> None:
    interrupted = "import secmount.cli.main as lines\ndef early(_): raise KeyboardInterrupt\nlines._command = early\n"
    read, write = os.pipe()
    os.close(read)
    done = ended(f"{interrupted}sys.argv = ['secmount', 'ls', '-o', 'json']", stdout=write)
    os.close(write)
    assert (done.stderr, done.returncode) == ("interrupted; an unfinished mount is settled by the next command\n", 130)
