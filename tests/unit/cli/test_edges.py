"""Where the command line ends badly: hostile names, full output, an interrupt, words that mean nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from secmount.audit.log import AuditLog
from secmount.errors import StorageError
from secmount.mount.copy import CopyBackend
from secmount.policy.wasm import WasmEngine
from tests.support.command import ROOT, Desk

REF = "oci:models/bert:v1"
HOSTILE = "x\x1b]0;owned\x07\x9b31m\u202egpj.\u2066\x7f"
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def kinds(secmount: Desk) -> list[str]:
    return [row["kind"] for row in secmount.log()]


def seen(text: str) -> set[str]:
    """Give the characters of `text` that a terminal would act on."""
    return {char for char in text if char != "\n" and unicodedata.category(char) in HIDDEN}


@pytest.mark.parametrize(
    "words",
    [
        ("verify", f"oci:models/{HOSTILE}:v1"),
        ("inspect", f"oci:models/{HOSTILE}:v1"),
        ("inspect", f"./{HOSTILE}"),
        ("mount", f"oci:models/{HOSTILE}:v1", "mnt"),
        ("mount", REF, f"none/{HOSTILE}", "--backend", "copy"),
        ("mount", REF, "mnt", "--backend", HOSTILE),
        ("mount", REF, "mnt", "--as", HOSTILE),
        ("mount", REF, "mnt", "--platform", HOSTILE),
        ("mount", REF, "mnt", f"--{HOSTILE}"),
        ("unmount", HOSTILE),
        ("check", HOSTILE),
        ("explain", HOSTILE),
        ("policy", HOSTILE),
        ("policy", "check", "--policy", f"/{HOSTILE}"),
        ("verify", REF, "--config", f"/{HOSTILE}"),
        ("verify", REF, "-o", HOSTILE),
        ("sign", REF, "--key", HOSTILE),
        ("audit", "show", HOSTILE),
        ("audit", "log", "--since", HOSTILE),
        ("audit", "verify", "--checkpoint", HOSTILE),
        (HOSTILE,),
    ],
    ids=lambda words: f"{words[0][:7]} {len(words)}",
)
def test_what_somebody_else_wrote_never_acts_on_a_terminal(secmount: Desk, words: tuple[str, ...]) -> None:
    secmount.ready()
    result = secmount(*words)
    assert result.exit not in {0, 1} and "Traceback" not in result.err
    assert seen(result.out + result.err) == set()
    if "-o" not in words:
        document = secmount.json(*words).document
        assert document["error"]["code"] != "SM9001"


def test_the_log_of_hostile_names_is_harmless_too(secmount: Desk) -> None:
    assert secmount.ready()("mount", REF, f"none/{HOSTILE}", "--backend", "copy").exit != 0
    for words in (("log",), ("log", "-o", "json"), ("log", "-o", "text"), ("stats",), ("export",)):
        result = secmount("audit", *words)
        assert result.exit == 0 and seen(result.out + result.err) == set()
    lines = [json.loads(line) for line in secmount("audit", "log").out.splitlines()]
    assert next(line["target"] for line in lines if line["kind"] == "mount.failed").endswith(HOSTILE)


@pytest.mark.parametrize(
    ("words", "schema"),
    [
        (("umount", "--bogus"), "unmount"),
        (("policy", "foo"), "usage"),
        (("policy",), "usage"),
        (("audit", "log", "--bogus"), "audit-log"),
        (("key", "generate"), "key-generate"),
        ((), "usage"),
        (("mount", REF), "mount"),
    ],
)
def test_misuse_is_one_document_of_a_published_schema(secmount: Desk, words: tuple[str, ...], schema: str) -> None:
    result = secmount.json(*words)
    assert (result.exit, result.code) == (2, "SM1010")
    assert result.document["schema"] == f"secmount.{schema}/v1"
    for line in result.document["error"]["help"]:
        assert secmount(*line.split()[1:]).exit == 0, line


@pytest.mark.parametrize(
    "words",
    [
        ("mount", REF, ""),
        ("unmount", ""),
        ("verify", REF, "--policy", ""),
        ("verify", REF, "--config", ""),
        ("verify", REF, "--store", ""),
    ],
)
def test_an_empty_path_is_not_the_working_directory(secmount: Desk, words: tuple[str, ...]) -> None:
    assert secmount.json(*words).code == "SM1010"


def test_a_full_standard_output_is_no_traceback(secmount: Desk) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "secmount", "version"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 50 and "SM7001" in done.stderr and "Traceback" not in done.stderr


# A job in the background inherits SIGINT ignored, and so would the command.
LISTENING = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"


def test_an_interrupt_of_a_followed_log_is_130(secmount: Desk) -> None:
    secmount.ready()("verify", REF)
    with subprocess.Popen(
        [sys.executable, "-c", LISTENING, sys.executable, "-u", "-m", "secmount", "audit", "log", "--follow"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        try:
            child.stdout.readline()
            child.send_signal(signal.SIGINT)
            assert child.wait(30) == 130
            assert b"Traceback" not in child.stderr.read()
        finally:
            child.kill()


def test_an_interrupt_of_a_mount_leaves_nothing(secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CopyBackend, "mount", interrupted)
        assert secmount.ready().json("mount", REF, "mnt", "--backend", "copy").exit == 130
    assert not Path("mnt").exists()
    assert secmount.json("verify", REF).exit == 0
    assert kinds(secmount)[-3:] == ["mount.failed", "config.loaded", "decision"]


def test_an_interrupt_just_after_the_effect_is_settled(secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real = CopyBackend.mount

    def interrupted(*args: object) -> None:
        real(*args)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CopyBackend, "mount", interrupted)
        assert secmount.ready().json("mount", REF, "mnt", "--backend", "copy").exit == 130
    assert Path("mnt").exists()
    assert secmount.json("verify", REF).exit == 0
    assert not Path("mnt").exists() and kinds(secmount)[-3:-1] == ["mount.failed", "config.loaded"]


@pytest.mark.parametrize("when", ["policy.loaded", "decision", "mount.intent"])
def test_without_a_record_nothing_is_mounted(secmount: Desk, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    real = AuditLog.append

    def full(log: AuditLog, record: dict[str, Any], **more: Any) -> object:
        if record["kind"] == when:
            raise StorageError("SM7102", subject="log", got="ENOSPC")
        return real(log, record, **more)

    def never(*_: object) -> None:
        raise AssertionError("the backend was asked")

    monkeypatch.setattr(AuditLog, "append", full)
    monkeypatch.setattr(CopyBackend, "mount", never)
    result = secmount.ready().json("mount", REF, "mnt", "--backend", "copy")
    assert (result.exit, result.code) == (50, "SM7102") and not Path("mnt").exists()


def test_a_backend_that_fails_leaves_nothing_and_is_recorded(secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise StorageError("SM7001", subject="mnt", got="ENOSPC")

    monkeypatch.setattr(CopyBackend, "mount", broken)
    assert secmount.ready().json("mount", REF, "mnt", "--backend", "copy").exit == 50
    assert kinds(secmount)[-2:] == ["mount.intent", "mount.failed"] and not Path("mnt").exists()
    assert secmount.json("ls").document["mounts"] == []


def test_an_engine_that_does_not_answer_allows_nothing(secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from secmount.errors import PolicyError

    def silent(*_: object) -> None:
        raise PolicyError("SM3091", got="no answer in time")

    monkeypatch.setattr(WasmEngine, "evaluate", silent)
    result = secmount.ready().json("mount", REF, "mnt", "--backend", "copy")
    assert result.exit == 21 and not Path("mnt").exists()
    row = secmount.log()[-1]
    assert (row["kind"], row["verdict"], row["deny"]) == ("decision", "undecided", ["SM3091"])


def test_a_bug_while_deciding_allows_nothing_and_is_recorded(secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def buggy(*_: object) -> None:
        raise RuntimeError("never seen before")

    monkeypatch.setattr(WasmEngine, "evaluate", buggy)
    result = secmount.ready().json("mount", REF, "mnt", "--backend", "copy")
    assert (result.exit, result.code) == (1, "SM9001") and not Path("mnt").exists()
    row = secmount.log()[-1]
    assert (row["kind"], row["verdict"], row["deny"]) == ("decision", "undecided", ["SM9001"])
