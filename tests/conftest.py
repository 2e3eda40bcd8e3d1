"""What holds in every test: no network but this machine's own, nobody's home, the same examples every time.

`SECMOUNT_TEST_EXAMPLES=N` (`make soak`) makes the properties run N examples each, from the seed that pytest is given.
"""

from __future__ import annotations

import ipaddress
import os
import sys
import tempfile
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

_WANTED = "SECMOUNT_TEST_EXAMPLES"
_EXAMPLES = os.environ.get(_WANTED)
_INHERITED = ("SECMOUNT_", "XDG_", "DOCKER_", "REGISTRY_", "COSIGN_", "SIGSTORE_", "TUF_")

settings.register_profile(
    "secmount",
    deadline=None,
    print_blob=True,
    derandomize=_EXAMPLES is None,
    database=None,
    max_examples=int(_EXAMPLES or 100),
    suppress_health_check=[HealthCheck.too_slow] if _EXAMPLES else [],
)
settings.load_profile("secmount")


def pytest_configure() -> None:
    """Give the whole run, subprocesses included, an empty home and none of the caller's settings.

    How many examples are wanted is left there: xdist's workers are started after this and read it, too.
    """
    for name in [name for name in os.environ if name.startswith(_INHERITED) and name != _WANTED]:
        del os.environ[name]
    os.environ["HOME"] = tempfile.mkdtemp(prefix="secmount-home-")
    os.environ["NO_COLOR"] = "1"
    os.environ["TERM"] = "dumb"  # no progress: on a slow day it would say more than on a fast one
    sys.addaudithook(_stay_here)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail where no test was selected: nothing was shown."""
    config = session.config
    asked = not config.option.collectonly and not hasattr(config, "workerinput")  # xdist's workers share one answer
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and asked:
        sys.stderr.write("no test was selected\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure() -> None:
    """Take the home away if it is still empty: what a test left there should be seen."""
    try:
        os.rmdir(os.environ["HOME"])
    except OSError as err:
        sys.stderr.write(f"a test wrote into HOME: {err}\n")


def _stay_here(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = str(args[1][0])
    elif event == "socket.getaddrinfo":
        host = str(args[0])
    else:
        return
    if host == "localhost":
        return
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here:
        pytest.fail(f"a test wanted to talk to {host}", pytrace=True)
