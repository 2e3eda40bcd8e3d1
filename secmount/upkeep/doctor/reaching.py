"""The registries that the policy and the logins name, and the programs that give credentials."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from secmount.config.value import Config
from secmount.errors import SecmountError
from secmount.oci import reference
from secmount.policy import folder
from secmount.policy.credit.force import SKEW
from secmount.policy.rules import Match
from secmount.trust.roots import kept
from secmount.upkeep.doctor.diagnosis import Diagnosis, failed, of_error, ok, warning
from secmount.upkeep.doctor.site import Logins, Site

HOSTS_LIMIT = 16  # registries that are asked, at once


def registries(site: Site) -> Iterator[Diagnosis]:
    """Ask every registry that a rule or a login names for its `/v2/`, as a pull would reach it."""
    if site.config is None:
        return
    config = site.config
    hosts = sorted({*_of_rules(site, config), *site.logins(config).hosts})
    if not hosts:
        yield ok("no rule and no login names a registry")
        return
    if site.offline:
        yield ok(f"not asked, because of --offline: {', '.join(hosts[:HOSTS_LIMIT])}")
        return
    asked = hosts[:HOSTS_LIMIT]
    with ThreadPoolExecutor(len(asked)) as pool:
        for found in pool.map(lambda host: _ask(site, config, host), asked):
            yield from found
    if len(hosts) > HOSTS_LIMIT:
        yield warning(f"{len(hosts) - HOSTS_LIMIT} more registries were not asked")


def _ask(site: Site, config: Config, host: str) -> list[Diagnosis]:
    try:
        reached = site.reach(config, host)
    except SecmountError as err:
        return [of_error(err)]
    asks = f", wants {reached.asks}" if reached.asks else ""
    found = [ok(f"{host} answers in {reached.milliseconds} ms{asks}")]
    if reached.date_ms is not None and abs(site.clock() - reached.date_ms) > SKEW:
        minutes = (site.clock() - reached.date_ms) // 60_000
        found.append(warning(f"this clock is {minutes} minutes off that of {host}", "timedatectl status"))
    return found


def credentials(site: Site) -> Iterator[Diagnosis]:
    """Look at the files with credentials and the helpers that they and the configuration name; none is run."""
    if site.config is None:
        return
    logins = site.logins(site.config)
    for fault in logins.faults:
        yield of_error(fault)
    for path in logins.files:
        if os.stat(path).st_mode & 0o077:
            yield warning(f"{path} can be read by others", f"chmod 600 -- {path}")
        else:
            yield ok(f"{path}: readable by you alone")
    for helper in logins.helpers:
        if isinstance(helper.program, SecmountError):
            found = of_error(helper.program)
            yield replace(found, said=f"{found.said}; named by {helper.named_by}")
        elif not os.access(helper.program, os.X_OK):
            yield failed(f"credential helper {helper.program} cannot be executed", f"ls -l -- {helper.program}")
        else:
            yield ok(f"credential helper {helper.program}")
    if logins == Logins():
        yield ok("no credentials are kept: registries are asked anonymously")


def _of_rules(site: Site, config: Config) -> set[str]:
    if not os.path.lexists(config.policy):
        return set()
    try:
        rules = folder.load(
            config.policy, uid=site.uid, default_root=lambda: kept.default(config.state, uid=site.uid)
        ).rules
    except SecmountError:
        return set()  # the policy's own check says why
    return {host for rule in rules for host in _host(rule.match)}


def _host(match: Match) -> Iterator[str]:
    if match.kind != "any" and not match.layout:
        yield reference.registry_name(match.base if "/" in match.base else f"{match.base}/x/x").partition("/")[0]
