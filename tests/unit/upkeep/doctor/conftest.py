"""A machine to be examined, in a folder of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secmount.config import file
from secmount.config.value import Config
from secmount.upkeep.doctor.diagnosis import Diagnosis
from secmount.upkeep.doctor.examine import CHECKS, examine
from secmount.upkeep.doctor.site import Logins, Reached, Site
from tests.support import policies

NOW = 1_800_000_000_000  # 2027-01-15T08:00:00Z
SIGNED = f'version = 1\n{policies.SIGNERS}[[rules]]\nmatch = "ghcr.io/acme/**"\nsigners = ["release", "ci", "qa"]\n'


def asked(*_: object) -> Any:
    raise AssertionError("it was asked, and must not be")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make a site with a configuration and nothing else."""
    lines = [f'{key} = "{tmp_path / key}"\n' for key in ("store", "policy", "state")]
    (tmp_path / "config.toml").write_text("".join(lines))
    config = file.load({"config": str(tmp_path / "config.toml")}, {}, uid=os.geteuid())
    return Site(
        config_file=str(tmp_path / "config.toml"),
        config=config,
        fault=None,
        uid=os.geteuid(),
        offline=False,
        clock=lambda: NOW,
        log=lambda _: None,
        engine=lambda _: policies.engine(),
        root=lambda _: None,
        reach=lambda _, __: Reached(3),
        logins=lambda _: Logins(),
    )


@pytest.fixture
def config(site: Site) -> Config:
    assert site.config is not None
    return site.config


Examine = Callable[..., list[Diagnosis]]


@pytest.fixture
def found(site: Site) -> Examine:
    """Run one check, by its area, on the site changed as said."""

    def run(area: str, **changes: Any) -> list[Diagnosis]:
        checks = tuple(row for row in CHECKS if row[0] == area)
        assert checks
        return list(examine(replace(site, **changes), checks))

    return run
