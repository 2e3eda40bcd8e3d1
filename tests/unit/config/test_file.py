"""config.toml: what is believed, what is refused, and what flags may change."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from secmount.config.file import load
from secmount.errors import InputError, StorageError

UID = os.geteuid()


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return str(path)


def test_folders_come_from_the_file_and_flags_change_them(tmp_path: Path) -> None:
    path = write(tmp_path, 'store = "/srv/store"\naudit = "/srv/log"\n')
    config = load({"config": path, "policy": "/p", "store": None}, {}, uid=UID)
    assert (config.store, config.policy, config.audit) == ("/srv/store", "/p", "/srv/log")
    assert config.origin["policy"] == "flag" and config.origin["store"] == path


def test_log_and_state_move_with_the_store_only_where_they_are_unset(tmp_path: Path) -> None:
    unset = load({"config": write(tmp_path, ""), "store": "/s"}, {}, uid=UID)
    assert (unset.audit, unset.state) == ("/s/audit", "/s/state")
    fixed = load({"config": write(tmp_path, 'audit = "/log"\nstate = "/state"\n'), "store": "/s"}, {}, uid=UID)
    assert (fixed.audit, fixed.state) == ("/log", "/state")


@pytest.mark.parametrize("key", ["store", "policy", "backend"])
def test_what_is_locked_no_flag_changes(tmp_path: Path, key: str) -> None:
    path = write(tmp_path, f'{key} = "/fixed"\nlocked = ["{key}"]\n')
    assert getattr(load({"config": path, key: "/fixed"}, {}, uid=UID), key) == "/fixed"
    with pytest.raises(InputError, match="SM1104"):
        load({"config": path, key: "/other"}, {}, uid=UID)


@pytest.mark.parametrize("key", ["audit", "state"])
def test_a_locked_log_does_not_move_with_the_store(tmp_path: Path, key: str) -> None:
    path = write(tmp_path, f'store = "/fixed"\nlocked = ["{key}"]\n')
    assert getattr(load({"config": path, "store": "/other"}, {}, uid=UID), key) == f"/fixed/{key}"
    path = write(tmp_path, f'locked = ["{key}"]\n')
    default = load({"config": path}, {}, uid=UID)
    assert getattr(load({"config": path, "store": "/other"}, {}, uid=UID), key) == getattr(default, key)


def test_what_is_locked_without_a_value_keeps_its_default(tmp_path: Path) -> None:
    path = write(tmp_path, 'locked = ["store"]\n')
    with pytest.raises(InputError, match="SM1104"):
        load({"config": path, "store": "/other"}, {}, uid=UID)


@pytest.mark.parametrize(
    ("text", "got", "want"),
    [
        ('stoer = "/x"', "stoer", "store"),
        ('store = "relative"', "relative", "absolute"),
        ("store = 3", "3", "text"),
        ('locked = ["limits"]', "limits", "list"),
        ("[limits]\nentires = 5", "limits.entires", "entries"),
        ("[limits]\nentries = 0", "entries = 0", "whole"),
        ("[limits]\nentries = true", "True", "whole"),
        ("[policy-engine]\ndeadline = 5", "deadline", "deadline-ms"),
        ("limits = 5", "limits = 5", "table"),
        ('[registry]\nx = "y"', "registry", "one of"),
        ('[audit-log]\nmasks = ["/x"]', "audit-log.masks", "mask"),
        ('[audit-log]\nmask = "/x"', "audit-log.mask", "list"),
        ('[audit-log]\nwitness-commands = ["notify"]', "notify", "absolute"),
        ('[audit-log]\nkey = "relative"', "relative", "absolute"),
        ("audit-log = 1", "audit-log = 1", "table"),
    ],
)
def test_no_key_is_ignored(tmp_path: Path, text: str, got: str, want: str) -> None:
    with pytest.raises(InputError, match="SM1103") as caught:
        load({"config": write(tmp_path, text)}, {}, uid=UID)
    assert got in str(caught.value.got) and want in str(caught.value.want)


def test_limits_and_engine_bounds_are_taken(tmp_path: Path) -> None:
    text = "[limits]\nentries = 5\nunpacked-size = 6\nratio = 7\n[policy-engine]\ndeadline-ms = 8\nmemory-mib = 9\n"
    config = load({"config": write(tmp_path, text)}, {}, uid=UID)
    assert (config.limits.entries, config.limits.unpacked, config.limits.ratio) == (5, 6, 7)
    assert (config.policy_deadline_ms, config.policy_memory_mib) == (8, 9)


def test_the_audit_logs_key_masks_and_witnesses_are_taken(tmp_path: Path) -> None:
    text = '[audit-log]\nkey = "/k"\nmask = ["/request/user"]\n'
    text += 'witness-files = ["/w/copy"]\nwitness-commands = ["/bin/w"]\n'
    found = load({"config": write(tmp_path, text)}, {}, uid=UID).audit_log
    assert (found.key, found.mask) == ("/k", ("/request/user",))
    assert (found.witness_files, found.witness_commands) == (("/w/copy",), ("/bin/w",))


def test_a_named_file_must_be_there_the_default_need_not(tmp_path: Path) -> None:
    with pytest.raises((InputError, StorageError)):
        load({"config": str(tmp_path / "none.toml")}, {}, uid=UID)
    environment = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    assert load({}, environment, uid=max(UID, 1)).backend is None


def test_not_toml(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="SM1102"):
        load({"config": write(tmp_path, "store = ")}, {}, uid=UID)


def test_a_file_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    path = write(tmp_path, 'store = "/x"\n')
    os.chmod(path, 0o666)
    with pytest.raises(StorageError):
        load({"config": path}, {}, uid=UID)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_file_that_is_none_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "config.toml")
    with pytest.raises(InputError, match="SM1101"):
        load({"config": str(tmp_path / "config.toml")}, {}, uid=UID)


def test_as_root_home_and_environment_are_ignored() -> None:
    environment = {
        "HOME": "/users/mallory",
        "XDG_DATA_HOME": "/users/mallory/d",
        "SECMOUNT_STORE": "/x",
        "SECMOUNT_POLICY": "/y",
    }
    config = load({}, environment, uid=0)
    assert (config.store, config.policy) == ("/var/lib/secmount", "/etc/secmount/policy")


def test_a_user_has_folders_of_their_own_and_the_environment(tmp_path: Path) -> None:
    base = {"HOME": "/users/ann", "XDG_CONFIG_HOME": str(tmp_path)}
    config = load({}, {**base, "XDG_DATA_HOME": "not/absolute"}, uid=1000)
    assert config.store == "/users/ann/.local/share/secmount" and config.policy == f"{tmp_path}/secmount/policy"
    assert load({}, {**base, "SECMOUNT_STORE": "/s"}, uid=1000).audit == "/s/audit"
