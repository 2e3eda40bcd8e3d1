"""Where names lead, and what short ones stand for; nothing here can open a connection."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from secmount.app.ways import Ways
from secmount.registry.hosts.files import HostFiles, full_name_of

if TYPE_CHECKING:
    from secmount.config.value import Config


def hosts(config: Config, ways: Ways) -> HostFiles:
    """Say where names lead; the authorities are those of the option, else of the configuration."""
    authority = ways.ca_file or config.registry.ca_file
    return HostFiles(
        uid=os.geteuid(),
        environment=os.environ,
        ca_files=(authority,) if authority else (),
        plain_http=ways.plain_http,
    )


def full_name(text: str, config: Config) -> str | None:
    """Give what the alias `text` stands for, tag and digest kept; the configuration's own aliases come first."""
    found = full_name_of(text, config.aliases)
    return found or full_name_of(text, hosts(config, Ways()).aliases)
