"""`version` and `explain CODE`."""

from __future__ import annotations

import platform
import re
import textwrap
from typing import Annotated

import typer

from secmount import __version__
from secmount.cli.options import common
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.errors import InputError, catalog

WIDTH = 100  # characters of a line
NEAREST = 5  # codes that are named where there is none
_CODE = re.compile(r"(?:error\[|warning\[)?(?:sm)?([0-9]{4})\]?:?", re.ASCII | re.IGNORECASE)


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    application.command()(version)
    application.command()(explain)


@common("version")
def version(_: Settings) -> Outcome:
    """Print the version, the Python and the kernel.

    secmount version
    secmount --version
    """
    fields = {"version": __version__, "python": platform.python_version(), "kernel": platform.release()}
    text = f"secmount {__version__} (Python {fields['python']}, Linux {fields['kernel']})"
    return Outcome("version", (text,), fields)


@common("explain")
def explain(
    _: Settings, code: Annotated[str, typer.Argument(metavar="CODE", help="Such as SM5001; or a word, to find one.")]
) -> Outcome:
    """Say what a code means and what to do; or which codes are about a word.

    secmount explain SM5001
    secmount explain rollback
    """
    entry = catalog.entry(_normal(code))
    if entry is None:
        near = _near(code)
        want = "; ".join(f"{one.code} {one.title}" for one in near) or "a code such as SM5001"
        raise InputError("SM1015", got=code, want=want, help=tuple(f"secmount explain {one.code}" for one in near[:3]))
    fields = {
        "code": entry.code,
        "title": entry.title,
        "exit_status": entry.exit,
        "stage": entry.stage,
        "explain": entry.explain,
        "help": list(entry.help),
    }
    again = "; trying again may help" if entry.retryable else ""
    lines = (
        f"{entry.code}: {entry.title} (exit {entry.exit}, stage {entry.stage}{again})",
        "",
        *textwrap.wrap(" ".join(entry.explain.split()), WIDTH),
        "",
        f"Consequence: {entry.consequence}.",
        *(f"  → {line}" for line in entry.help if line != f"secmount explain {entry.code}"),
    )
    return Outcome("explain", lines, fields)


def _normal(text: str) -> str:
    """Read a code as people copy it: `sm5001`, `5001`, `error[SM5001]:`."""
    found = _CODE.fullmatch(text.strip())
    return f"SM{found[1]}" if found else text.upper()


def _near(text: str) -> list[catalog.Entry]:
    """Give the codes that may be meant: the nearest numbers of the family, or those that are about the word."""
    every = [entry for family in catalog.FAMILIES for entry in catalog.entries(family).values()]
    code = _normal(text)
    if _CODE.fullmatch(code):
        number = int(code[2:])
        family = [entry for entry in every if entry.code[:3] == code[:3]] or every
        return sorted(family, key=lambda entry: (abs(int(entry.code[2:]) - number), entry.code))[:NEAREST]
    words = [word for word in re.split(r"[^a-z0-9]+", text.lower()) if len(word) > 2]
    ranked = [
        (sum(3 * (word in entry.title.lower()) + (word in entry.explain.lower()) for word in words), entry)
        for entry in every
    ]
    return [entry for rank, entry in sorted(ranked, key=lambda row: (-row[0], row[1].code)) if rank][:NEAREST]
