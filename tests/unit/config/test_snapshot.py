"""The configuration as the audit log keeps it: all of it, and other bytes for other values."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType

from secmount.config.file import load
from secmount.config.snapshot import snapshot
from secmount.config.value import AuditLogSettings, Config, RegistrySettings
from secmount.tree.limits import Limits

CONFIG = Config(
    "/s",
    "/p",
    "/a",
    "/t",
    "/r",
    locked=frozenset({"policy", "audit"}),
    audit_log=AuditLogSettings(mask=("/request/user",)),
    registry=RegistrySettings(helpers=MappingProxyType({"gcr": "/usr/bin/helper"})),
    aliases=MappingProxyType({"bert": "ghcr.io/acme/bert"}),
    origin=MappingProxyType({"store": "flag"}),
)


def test_every_value_is_in_it() -> None:
    kept = json.loads(snapshot(CONFIG))
    assert set(kept) == {field.name for field in fields(Config)}
    assert kept["locked"] == ["audit", "policy"]
    assert kept["audit_log"]["mask"] == ["/request/user"]
    assert kept["registry"]["helpers"] == {"gcr": "/usr/bin/helper"}
    assert kept["limits"]["entries"] == Limits().entries


def test_equal_configurations_have_equal_bytes_and_others_do_not() -> None:
    assert snapshot(CONFIG) == snapshot(replace(CONFIG, locked=frozenset({"audit", "policy"})))
    assert snapshot(CONFIG) != snapshot(replace(CONFIG, limits=Limits(entries=5)))


def test_paths_that_are_no_text_do_not_break_it(tmp_path: Path) -> None:
    odd = f"{tmp_path}/\udcff"
    assert b"\\\\udcff" in snapshot(load({"store": odd}, {}, uid=1))
