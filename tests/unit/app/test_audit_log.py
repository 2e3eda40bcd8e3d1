"""`[audit-log]` of the configuration is in force: masks, witnesses, a key from elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from secmount.app.assembly import assemble
from secmount.audit.record import record, request
from secmount.config.value import AuditLogSettings, Config
from secmount.errors import InputError

PLACES = ("store", "policy", "log", "state", "run")


def appended(tmp_path: Path, settings: AuditLogSettings) -> tuple[dict[str, Any], tuple[str, ...]]:
    store, policy, log, state, run = (str(tmp_path / name) for name in PLACES)
    config = Config(store, policy, log, state, run, audit_log=settings)
    asked = request(face="cli", use="cli", verb="mount", user="alice")
    with assemble(config) as application:
        entry = application.parts.log.append(record("check", now_ms=1_795_500_000_000, request=asked))
        return dict(entry.record), application.parts.log.warnings


def test_what_is_masked_is_not_in_the_log(tmp_path: Path) -> None:
    found, _ = appended(tmp_path, AuditLogSettings(mask=("/request/user",)))
    assert found["request"]["user"].startswith("masked:sha256:")
    assert found["request"]["verb"] == "mount"
    assert not [path for path in (tmp_path / "log").rglob("*") if path.is_file() and b"alice" in path.read_bytes()]


@pytest.mark.parametrize("mask", ["request/user", "/verdict", "/input", "/a~2"])
def test_a_mask_that_cannot_be_is_a_fault_of_the_configuration(tmp_path: Path, mask: str) -> None:
    with pytest.raises(InputError, match="SM1103"):
        appended(tmp_path, AuditLogSettings(mask=(mask,)))


def test_witnesses_see_the_checkpoint(tmp_path: Path) -> None:
    command = tmp_path / "witness"
    command.write_text(f"#!/bin/sh\ncat > {tmp_path}/told\n")
    command.chmod(0o700)
    settings = AuditLogSettings(witness_files=(f"{tmp_path}/copy",), witness_commands=(str(command),))
    _, warnings = appended(tmp_path, settings)
    note = (tmp_path / "log/checkpoint").read_text()
    assert warnings == ()
    assert (tmp_path / "copy").read_text() == (tmp_path / "told").read_text() == note


def test_a_witness_command_that_others_can_change_is_not_run(tmp_path: Path) -> None:
    command = tmp_path / "witness"
    command.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    command.chmod(0o777)
    _, warnings = appended(tmp_path, AuditLogSettings(witness_commands=(str(command),)))
    assert not (tmp_path / "ran").exists()
    assert "SM7011" in warnings[0]


def test_the_key_can_stand_elsewhere(tmp_path: Path) -> None:
    appended(tmp_path / "a", AuditLogSettings())
    key = tmp_path / "audit.key"
    key.write_bytes((tmp_path / "a/log/log.key").read_bytes())
    os.chmod(key, 0o600)
    appended(tmp_path / "b", AuditLogSettings(key=str(key)))
    assert not (tmp_path / "b/log/log.key").exists()
    assert (tmp_path / "b/log/log.vkey").read_text() == (tmp_path / "a/log/log.vkey").read_text()
