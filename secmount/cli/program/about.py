"""`version` and `explain CODE`."""

from __future__ import annotations

import platform
from typing import Annotated

import typer

from secmount import __version__
from secmount.cli.options import common
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.errors import InputError, catalog


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    application.command()(version)
    application.command()(explain)


@common("version")
def version(_: Settings) -> Outcome:
    """Print the version, the Python and the kernel."""
    fields = {"version": __version__, "python": platform.python_version(), "kernel": platform.release()}
    text = f"secmount {__version__} (Python {fields['python']}, Linux {fields['kernel']})"
    return Outcome("version", (text,), fields)


@common("explain")
def explain(_: Settings, code: Annotated[str, typer.Argument(metavar="CODE", help="Such as SM5001.")]) -> Outcome:
    """Say what a code means and what to do."""
    entry = catalog.entry(code.upper())
    if entry is None:
        raise InputError("SM1015", got=code, want="a code such as SM5001")
    fields = {
        "code": entry.code,
        "title": entry.title,
        "exit_status": entry.exit,
        "stage": entry.stage,
        "explain": entry.explain,
        "help": list(entry.help),
    }
    head = f"{entry.code}: {entry.title} (exit {entry.exit}, stage {entry.stage})"
    lines = (
        head,
        "",
        *entry.explain.split("\n"),
        "",
        f"Consequence: {entry.consequence}.",
        *(f"  $ {line}" for line in entry.help),
    )
    return Outcome("explain", lines, fields)
