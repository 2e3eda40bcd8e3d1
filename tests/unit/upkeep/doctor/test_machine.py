"""Kernel, backends, clock, folders, space, configuration: each ailing in its own way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from secmount.config.value import Config
from secmount.errors import InputError, StorageError
from secmount.mount import probe
from secmount.oci.digest import Digest
from secmount.pipeline.memory.clock import MARK
from secmount.store.cas import STATE
from secmount.store.state import State
from secmount.upkeep.doctor.diagnosis import Diagnosis, ok
from secmount.upkeep.doctor.examine import CHECKS, examine
from secmount.upkeep.doctor.site import LogState, Site
from tests.unit.upkeep.doctor.conftest import NOW, Examine


@pytest.mark.parametrize(
    ("release", "state"), [("4.19.0-amd64", "failed"), ("5.15.0-91", "warning"), ("6.12.1", "ok"), ("7.0.0-rc1", "ok")]
)
def test_the_kernel(found: Examine, monkeypatch: pytest.MonkeyPatch, release: str, state: str) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release=release))
    assert [row.state for row in found("kernel")] == [state]


@pytest.mark.parametrize(
    ("reason", "backend", "uid", "state"),
    [
        (None, None, 0, "ok"),
        (probe.ZEROS, None, 0, "warning"),
        (probe.ZEROS, "erofs", 0, "failed"),
        ("mounting needs CAP_SYS_ADMIN: run it as root", None, 1000, "warning"),
    ],
)
def test_backends(
    found: Examine, config: Config, monkeypatch: pytest.MonkeyPatch, reason: str, backend: str, uid: int, state: str
) -> None:
    monkeypatch.setattr(probe, "reason", lambda **_: reason)
    rows = found("backends", config=replace(config, backend=backend), uid=uid)
    assert [row.state for row in rows] == [state, "ok"]
    assert bool(rows[0].remedy) == (state != "ok")


def test_the_probe_makes_no_folder(found: Examine, config: Config) -> None:
    found("backends")
    assert not os.path.lexists(config.state) and not os.path.lexists(config.store)


@pytest.mark.parametrize(
    ("now", "state"),
    [(0, "failed"), (1_700_000_000_000, "failed"), (4_200_000_000_000, "failed"), (NOW, "ok")],
)
def test_a_year_that_cannot_be(found: Examine, now: int, state: str) -> None:
    assert [row.state for row in found("clock", clock=lambda: now)] == [state]


@pytest.mark.parametrize(("behind", "state"), [(0, "ok"), (1_000, "warning"), (3_600_000, "failed")])
def test_a_clock_behind_the_log(found: Examine, behind: int, state: str) -> None:
    rows = found("clock", log=lambda _: LogState(3, NOW + behind))
    assert [row.state for row in rows] == [state]
    assert "the log's last entry" in rows[0].said


@pytest.mark.parametrize("of", ["tag", "decision"])
def test_a_clock_behind_the_store(found: Examine, config: Config, of: str) -> None:
    with State(os.path.join(config.store, STATE), uid=os.geteuid()) as state:
        if of == "tag":
            state.tags.put("ghcr.io/acme/model", "v1", Digest.of(b"x"), NOW + 3_600_000)
        else:
            state.history.note(*MARK, NOW + 3_600_000)
    rows = found("clock")
    assert [row.state for row in rows] == ["failed"] and "the store's last entry" in rows[0].said


def test_a_log_that_cannot_be_read_does_not_hide_the_clock(found: Examine) -> None:
    def broken(_: object) -> None:
        raise StorageError("SM7105", subject="log")

    assert [row.state for row in found("clock", log=broken)] == ["ok"]


def test_folders_that_are_not_there_yet(found: Examine) -> None:
    rows = found("folders")
    assert {row.state for row in rows} == {"ok"} and len(rows) == 3


def test_a_folder_that_others_can_write_to(found: Examine, config: Config) -> None:
    os.mkdir(config.store)
    os.chmod(config.store, 0o777)
    rows = found("folders")
    assert [row.code for row in rows if row.state == "failed"] == ["SM7011", "SM7011"]  # the store, and the log in it
    assert any("chmod go-w" in line for row in rows for line in row.remedy)


def test_one_bad_folder_does_not_hide_the_others(found: Examine, config: Config) -> None:
    os.mkdir(config.policy)
    os.chmod(config.policy, 0o777)
    assert [row.state for row in found("folders")] == ["ok", "ok", "ok", "failed"]


@pytest.mark.parametrize(
    ("free", "inodes", "state"),
    [(1 << 40, 9, "ok"), (1 << 30, 9, "warning"), (1 << 20, 9, "failed"), (1 << 40, 0, "failed")],
)
def test_space(found: Examine, monkeypatch: pytest.MonkeyPatch, free: int, inodes: int, state: str) -> None:
    room = SimpleNamespace(f_bavail=free // 4096, f_frsize=4096, f_files=10, f_favail=inodes)
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    assert [row.state for row in found("space")] == [state]


def test_a_configuration_that_is_wrong_hides_no_check(site: Site) -> None:
    rows = list(examine(replace(site, config=None, fault=InputError("SM1103", subject="config.toml", got="sotre"))))
    assert {row.area for row in rows} == {area for area, _ in CHECKS}
    assert [row.code for row in rows if row.state == "failed"] == ["SM1103"]


def test_a_configuration_that_is_not_there_is_fine(found: Examine, site: Site) -> None:
    Path(site.config_file).unlink()
    assert [row.state for row in found("configuration")] == ["ok"]


def test_a_check_that_breaks_is_a_finding_and_the_others_are_made(site: Site) -> None:
    def buggy(_: Site) -> Iterator[Diagnosis]:
        yield ok("half")
        raise RuntimeError("never seen before")

    def well(_: Site) -> Iterator[Diagnosis]:
        yield ok("well")

    rows = list(examine(site, (("one", buggy), ("two", well))))
    assert [(row.area, row.state, row.code) for row in rows] == [
        ("one", "ok", None),
        ("one", "failed", "SM9001"),
        ("two", "ok", None),
    ]
