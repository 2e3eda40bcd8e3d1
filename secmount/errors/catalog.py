"""The catalogue of codes: what never changes with the facts of one error.

Read from `errors/codes/SM1.toml … SM9.toml` (package data), only when an error is shown or explained.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from secmount.errors import SecmountError
from secmount.value import dataclass

FAMILIES = ("SM1", "SM2", "SM3", "SM4", "SM5", "SM6", "SM7", "SM9")


@dataclass(frozen=True, slots=True)
class Entry:
    """One code; `exit` is the process status of design 3.1, `help` the next commands."""

    code: str
    title: str
    exit: int
    stage: str
    consequence: str
    help: tuple[str, ...]
    explain: str
    retryable: bool


@cache
def entries(family: str) -> dict[str, Entry]:
    """Give the codes of `family` (`SM1` … `SM9`); unknown families are empty."""
    resource = files("secmount.errors").joinpath("codes", f"{family}.toml")
    if not resource.is_file():
        return {}
    table = tomllib.loads(resource.read_text("utf-8"))
    return {
        code: Entry(
            code=code,
            title=row["title"],
            exit=row["exit"],
            stage=row["stage"],
            consequence=row["consequence"],
            help=tuple(row.get("help", ())),
            explain=row.get("explain", ""),
            retryable=row.get("retryable", False),
        )
        for code, row in table.items()
    }


def entry(code: str) -> Entry | None:
    """Find `code`, or None."""
    return entries(code[:3]).get(code)


def exit_status(error: SecmountError) -> int:
    """Give the exit status of `error`; a code that the catalogue does not know is a bug, 1."""
    found = entry(error.code)
    return found.exit if found else 1
