"""`audit log` and the other ways to read the log."""

from __future__ import annotations

import typer


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
