"""`config check`: everything that loading would refuse, and what is named in the file and not there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from secmount.config import file
from secmount.config.value import Config
from secmount.errors import Place, SecmountError
from secmount.policy.toml import Finding


def check(path: str, environment: Mapping[str, str], *, uid: int) -> Iterator[Finding]:
    """Find errors and warnings in the file at `path`, as `uid` would load it."""
    errors = file.faults(path, uid=uid)
    for err in errors:
        yield _error(err, path)
    if errors:
        return
    try:
        config = file.load({"config": path}, environment, uid=uid)
    except SecmountError as err:
        yield _error(err, path)
        return
    for name, there in _named(config):
        if config.origin.get(name) == path and not os.path.lexists(there):
            yield Finding("warning", "SM1050", Place(path), name, there, "something that is there")


def _error(err: SecmountError, path: str) -> Finding:
    subject = None if err.subject == path else err.subject
    return Finding("error", err.code, err.place or Place(path), subject, err.got, err.want)


def _named(config: Config) -> Iterator[tuple[str, str]]:
    """Give the paths that nobody makes but the user."""
    yield "policy", config.policy
    for name, path in (("registry.authfile", config.registry.authfile), ("registry.ca-file", config.registry.ca_file)):
        if path is not None:
            yield name, path
    for path in config.registry.helpers.values():
        yield "registry.helpers", path
    if config.audit_log.key is not None:
        yield "audit-log.key", config.audit_log.key
    for path in config.audit_log.witness_commands:
        yield "audit-log.witness-commands", path
