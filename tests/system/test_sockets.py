"""No INET socket is opened with `--offline`, nor for a reference without a rule: seen by strace, not by ourselves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from secmount.publish import sample
from tests.support import keyless, keys
from tests.support.keyless import Keyless
from tests.support.layouts import BUNDLE, Layout
from tests.support.minisig import MiniSigstore

ROOT = Path(__file__).parents[2]
RULE = '[[rules]]\nmatch = "{match}"\nsigners = ["release"]\n'


def traced(folder: Path, *words: str) -> tuple[int, list[str]]:
    """Run a command under strace; give its status and the INET sockets it made."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is missing: apt-get install strace")
    trace = folder / "trace.txt"
    command = [sys.executable, "-m", "secmount", *words, "--config", str(folder / "config.toml"), "-o", "json"]
    done = subprocess.run(
        [strace, "-f", "-e", "trace=socket,socketpair,connect", "-o", str(trace), *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if "ptrace" in done.stderr and "Operation not permitted" in done.stderr:
        pytest.skip("this machine lets nobody trace a process")
    assert done.stdout, done.stderr
    return done.returncode, [line for line in trace.read_text().splitlines() if "AF_INET" in line]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A store that holds a signed model, and a policy with a rule for one registry and for layouts."""
    lines = [f'{key} = "{tmp_path}/{key}"\n' for key in ("store", "policy", "state")]
    (tmp_path / "config.toml").write_text("".join(lines))

    def secmount(*words: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "secmount", *words, "--config", "config.toml"]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=60)

    secmount("key", "generate", "release")
    secmount("policy", "init", "--key", "release.pub", "--match", "oci:models/**")
    with (tmp_path / "policy/policy.toml").open("a") as file:
        file.write(RULE.format(match="127.0.0.1:1/**"))
    sample.pack(str(tmp_path / "models/bert"), "v1")
    secmount("sign", "oci:models/bert:v1", "--key", "release.key", "--as", "127.0.0.1:1/acme/bert")
    return tmp_path


def test_a_command_that_may_asks_the_registry(desk: Path) -> None:
    status, sockets = traced(desk, "verify", "127.0.0.1:1/acme/bert:v1", "--plain-http", "--timeout", "2s")
    assert status == 5 and sockets


def test_offline_opens_none(desk: Path) -> None:
    for words in (
        ("verify", "127.0.0.1:1/acme/bert:v1"),
        ("resolve", "127.0.0.1:1/acme/bert:v1"),
        ("pull", "127.0.0.1:1/acme/bert@sha256:" + "0" * 64),
        ("mount", "127.0.0.1:1/acme/bert:v1", "mnt"),
    ):
        status, sockets = traced(desk, *words, "--offline")
        assert (status, sockets) == (3, [])


def test_a_reference_without_a_rule_opens_none(desk: Path) -> None:
    for verb in ("verify", "resolve", "pull"):
        status, sockets = traced(desk, verb, "127.0.0.2:1/acme/bert:v1", "--plain-http")
        assert (status, sockets) == (20, [])


def test_a_short_name_is_looked_up_without_one(desk: Path) -> None:
    with (desk / "config.toml").open("a") as file:
        file.write('[aliases]\nbert = "127.0.0.2:1/acme/bert"\n')
    status, sockets = traced(desk, "verify", "bert:v1")
    assert (status, sockets) == (20, [])


def test_a_layout_opens_none(desk: Path) -> None:
    status, sockets = traced(desk, "verify", "oci:models/bert:v1", "--as", "127.0.0.1:1/acme/bert")
    assert (status, sockets) == (0, [])


def test_a_keyless_signature_offline_opens_none(desk: Path) -> None:
    mini = MiniSigstore()
    layout = Layout(desk / "models/ci")
    row = layout.add_manifest([layout.add_file("weights", b"weights")])
    layout.tag(row, "v1")
    statement = json.dumps(keys.statement(row["digest"])).encode()
    layout.attach_referrer(row, keyless.bundle(mini, Keyless(statement=statement)), BUNDLE)
    layout.write_index()
    (desk / "root.json").write_bytes(mini.trusted_root())
    words = ("--from", "oci:models/ci:v1", "--trusted-root", "root.json", "--yes")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    init = [
        sys.executable,
        "-m",
        "secmount",
        "policy",
        "init",
        "--policy",
        "keyless",
        *words,
        "--config",
        "config.toml",
    ]
    subprocess.run(init, cwd=desk, env=environment, check=True, capture_output=True, timeout=60)
    for _ in range(2):  # verified, and then remembered
        status, sockets = traced(desk, "verify", "oci:models/ci:v1", "--policy", "keyless", "--offline")
        assert (status, sockets) == (0, [])
