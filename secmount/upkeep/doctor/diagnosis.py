"""What a check found."""

from __future__ import annotations

from typing import Literal

from secmount.errors import SecmountError, catalog
from secmount.value import dataclass

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One finding: `said` in one line, `remedy` the next commands; `area` is given by the table of checks."""

    state: State
    said: str
    remedy: tuple[str, ...] = ()
    code: str | None = None
    area: str = ""


def ok(said: str) -> Diagnosis:
    """Say that something is as it should be."""
    return Diagnosis("ok", said)


def warning(said: str, *remedy: str) -> Diagnosis:
    """Say what to look at: secmount works, but not as well as it could or not for long."""
    return Diagnosis("warning", said, remedy)


def failed(said: str, *remedy: str) -> Diagnosis:
    """Say what keeps secmount, or what is configured, from working."""
    return Diagnosis("failed", said, remedy)


def of_error(err: SecmountError, state: State = "failed") -> Diagnosis:
    """Say what an error says, with its own next commands."""
    entry = catalog.entry(err.code)
    facts = (f"got {err.got}" if err.got else "", f"want {err.want}" if err.want else "")
    place = f"{err.place.file}:{err.place.line}" if err.place and err.place.line else ""
    parts = (entry.title if entry else err.code, err.subject, ", ".join(filter(None, facts)), place)
    said = ": ".join(dict.fromkeys(part for part in parts if part))
    remedy = (*err.help, *(entry.help if entry else ()))
    return Diagnosis(state, said, tuple(dict.fromkeys((*remedy, f"secmount explain {err.code}"))), err.code)


def count(number: int, word: str) -> str:
    """Write a number with its noun."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
