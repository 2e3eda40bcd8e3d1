"""The configuration as the options, the environment and the file give it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from secmount.config.file import load

if TYPE_CHECKING:
    from secmount.cli.view.settings import Settings
    from secmount.config.value import Config


def configured(settings: Settings, *, backend: str | None = None) -> Config:
    """Read the configuration, and let the options change it."""
    flags = {
        "config": settings.config,
        "policy": settings.policy,
        "store": settings.store,
        "backend": backend,
        "authfile": settings.authfile,
        "ca-file": settings.ca_file,
    }
    config = load(flags, os.environ, uid=os.geteuid())
    if settings.timeout is None:
        return config
    return replace(config, registry=replace(config.registry, deadline_ms=settings.timeout))
