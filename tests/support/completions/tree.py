"""The commands as completion sees them: what can be said at each place, and what kind of word a value is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from secmount.cli.main import _command

Kind = Literal["none", "file", "dir", "ref", "ref or dir", "words"]
_WORDS = re.compile(r"[a-z0-9-]+(?:\|[a-z0-9-]+)+")
_PLAIN = re.compile(r"[\[\]…]")
_KINDS: dict[str, Kind] = {
    "FILE": "file",
    "KEY|FILE": "file",
    "PATH:MEDIA-TYPE": "file",
    "DIR": "dir",
    "REF": "ref",
    "DIR|REF": "ref or dir",
}


@dataclass(frozen=True)
class Value:
    """A word that an argument or option takes."""

    kind: Kind
    metavar: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Option:
    """An option; `value` None: it takes none."""

    names: tuple[str, ...]
    says: str
    value: Value | None


@dataclass(frozen=True)
class Argument:
    """An argument; `many`: the last one, as often as wanted."""

    value: Value
    many: bool


@dataclass(frozen=True)
class Command:
    """A command by its path of words; a group has `commands`, a verb options and arguments."""

    path: tuple[str, ...]
    says: str
    commands: tuple[Command, ...] = ()
    options: tuple[Option, ...] = ()
    arguments: tuple[Argument, ...] = ()


HELP = Option(("-h", "--help"), "Show how it is used.", None)
VERSION = Option(("--version",), "Print the version.", None)


def whole() -> Command:
    """Walk over all commands."""
    return _walk(_command([]), ())


def every(command: Command) -> Iterator[Command]:
    """Give `command` and all below it."""
    yield command
    for inner in command.commands:
        yield from every(inner)


def first_sentence(text: str | None) -> str:
    """Give what a list of commands says of one."""
    line = " ".join((text or "").split("\n\n")[0].split())
    return re.split(r"(?<=[.:]) (?=[A-Z])|: ", line)[0].rstrip(".:")


def _walk(command: Any, path: tuple[str, ...]) -> Command:
    says = first_sentence(command.help)
    inner = getattr(command, "commands", {})
    if inner:
        below = tuple(_walk(one, (*path, name)) for name, one in inner.items() if not one.hidden)
        return Command(path, says, below, (HELP,) if path else (HELP, VERSION))
    options = tuple(_option(row) for row in command.params if row.param_type_name == "option" and not row.hidden)
    arguments = tuple(_argument(row) for row in command.params if row.param_type_name == "argument")
    return Command(path, says, (), (*options, HELP), arguments)


def _option(row: Any) -> Option:
    value = None if row.is_flag or row.count else _value(row.metavar or "TEXT")
    return Option((*row.opts, *row.secondary_opts), first_sentence(row.help), value)


def _argument(row: Any) -> Argument:
    return Argument(_value(row.metavar or "TEXT"), row.nargs == -1)


def _value(metavar: str) -> Value:
    if _WORDS.fullmatch(metavar):
        return Value("words", metavar, tuple(metavar.split("|")))
    return Value(_KINDS.get(_PLAIN.sub("", metavar), "none"), metavar)
