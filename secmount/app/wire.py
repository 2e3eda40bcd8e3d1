"""A registry as a source: hosts, credentials and the connection's bounds, as configuration and options have them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from secmount.app import naming
from secmount.app.ways import Ways
from secmount.registry.credentials.files import CredentialFiles, of_user
from secmount.registry.http.client import Effects
from secmount.registry.http.settings import HttpSettings
from secmount.registry.http.source import HttpSource

Told = Callable[[], Sequence[str]]

if TYPE_CHECKING:
    from secmount.config.value import Config


def registry(name: str, config: Config, ways: Ways, told: list[Told] | None = None) -> HttpSource:
    """Give the registry of `name`; nothing is contacted before it is asked for something.

    `told` gets who has warnings of the files that say where the name leads and whose credentials are used.
    """
    world, where, whose = effects(), naming.hosts(config, ways), credentials(config, ways)
    source = HttpSource(
        name,
        where,
        whose,
        settings(config, ways),
        clock=world.clock,
        sleep=world.sleep,
        random=world.random,
    )
    if told is not None:
        told += [lambda: where.warnings, lambda: whose.warnings]
    return source


def settings(config: Config, ways: Ways) -> HttpSettings:
    """Say how patient a connection is, and whom it may reach."""
    chosen = config.registry
    return HttpSettings(
        timeout_ms=chosen.timeout_ms,
        deadline_ms=ways.deadline_ms or chosen.deadline_ms,
        attempts=chosen.attempts,
        realms=chosen.realms,
        private_addresses=True if chosen.private_addresses is None else chosen.private_addresses,
    )


def effects() -> Effects:
    """Give the clock and the rest of the world."""
    return Effects(clock=lambda: time.time_ns() // 1_000_000, sleep=time.sleep, random=os.urandom)


def credentials(config: Config, ways: Ways) -> CredentialFiles:
    """Say whose credentials are used; with `--offline` no helper runs."""
    return of_user(
        os.environ,
        uid=os.geteuid(),
        authfile=ways.authfile or config.registry.authfile,
        programs=config.registry.helpers,
        offline=ways.offline,
    )
