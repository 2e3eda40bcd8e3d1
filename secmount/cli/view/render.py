r"""Text for people: escaping, colour, errors and decisions laid out. Design 3.1 and promise 10.

What comes from outside is escaped for a terminal: control, escape, bidirectional and other invisible format characters
are shown as `\\u{…}`. Nothing here decides anything.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from secmount.errors import SecmountError
    from secmount.oci.descriptor import Descriptor

TITLE = "org.opencontainers.image.title"
_LAYER_LIMIT = 28  # characters

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_STYLES = {"bad": "31;1", "good": "32", "warn": "33", "dim": "2", "bold": "1"}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def escape(text: object) -> str:
    r"""Give `text` with every character that a terminal would act on, or that hides, written as `\\u{hex}`."""
    value = str(text)
    if value.isascii() and value.isprintable():
        return value
    return "".join(f"\\u{{{ord(char):x}}}" if unicodedata.category(char) in _HIDDEN else char for char in value)


class Style:
    """Colours, or none."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def __call__(self, kind: str, text: str) -> str:
        """Give `text` in the style `kind` (bad, good, warn, dim, bold)."""
        return f"\033[{_STYLES[kind]}m{text}\033[0m" if self._colour else text


def coloured(choice: str, stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Say whether `stream` gets colour: --color, then NO_COLOR, FORCE_COLOR, then whether it is a terminal."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environment.get("TERM") != "dumb"


def size(count: int) -> str:
    """Give a number of bytes in binary units, one decimal."""
    value = float(count)
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def rate(bytes_a_second: float) -> str:
    """Give a speed in binary units."""
    return f"{size(round(bytes_a_second))}/s"


def layer(descriptor: Descriptor) -> str:
    """Name a layer: its file, or the beginning of its digest; escaped, and short enough for a bar beside it."""
    said = escape(descriptor.annotations.get(TITLE, "")) or str(descriptor.digest)[:19]
    return said if len(said) <= _LAYER_LIMIT else f"{said[: _LAYER_LIMIT - 1]}…"


def table(rows: Iterable[tuple[str, ...]], style: Style, head: tuple[str, ...] | None = None) -> list[str]:
    """Lay out `rows` in columns; cells are escaped here."""
    cells = [tuple(escape(cell) for cell in row) for row in rows]
    every = ([head] if head else []) + cells
    if not every:
        return []
    widths = [max(len(row[column]) for row in every) for column in range(len(every[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in every]
    if head:
        lines[0] = style("dim", lines[0])
    return lines


def error(failure: SecmountError, style: Style, *, decision: Mapping[str, Any] | None) -> list[str]:
    """Lay out an error: code and title, subject, checks if it is a denial, got and want, consequence, next commands."""
    from secmount.errors import catalog

    entry = catalog.entry(failure.code)
    title = entry.title if entry else "unknown code"
    kind = "denied: " if decision and decision["verdict"] == "denied" else ""
    lines = [f"{style('bad', f'error[{failure.code}]')}: {kind}{title}"]
    if failure.subject:
        lines.append(f"  {escape(failure.subject)}")
    lines += [f"  {line}" for line in _checks(decision, style)]
    lines += _facts(failure, said=kind != "")
    if entry:
        lines.append(f"  = {entry.consequence}")
    for command in (*failure.help, *(entry.help if entry else ())):
        first, *rest = escape_lines(command)
        lines.append(f"{style('good', 'help')}: {first}")
        lines += [f"      {line}" for line in rest]
    if failure.decision_id:
        lines.append(f"audit: {failure.decision_id}")
    return lines


def escape_lines(text: str) -> list[str]:
    """Escape a text of several lines, each by itself."""
    return [escape(line) for line in text.split("\n")]


def _facts(failure: SecmountError, *, said: bool) -> list[str]:
    """Got, want and place; of a denial the first two stand at its checks."""
    lines = []
    if failure.got is not None and not said:
        lines.append(f"  got:  {escape(failure.got)}")
    if failure.want is not None and not said:
        lines.append(f"  want: {escape(failure.want)}")
    if failure.place:
        line = "" if failure.place.line is None else f":{failure.place.line}"
        lines.append(f"  at:   {escape(failure.place.file)}{line}")
    return lines


def _checks(decision: Mapping[str, Any] | None, style: Style) -> list[str]:
    """Give the checks that failed; one that only judges what a failed one left over is not among them."""
    if not decision:
        return []
    from secmount.policy.denial import CHAIN

    broken, lines = False, []
    for check in decision["checks"]:
        if not check["ok"] and not (check["id"] in CHAIN and broken):
            broken = broken or check["id"] in CHAIN
            lines.append(f"{style('bad', 'FAIL')}  {escape(check['id'])}")
            shown = [
                (word, check[key]) for word, key in (("got: ", "got"), ("want:", "want")) if check[key] is not None
            ]
            lines += [f"        {word} {escape(text)}" for word, text in shown]
    return lines


def is_dumb(environment: Mapping[str, str]) -> bool:
    """Say whether progress is unwelcome: CI, or a terminal that cannot move its cursor."""
    return bool(environment.get("CI")) or environment.get("TERM", "dumb") == "dumb" or os.name != "posix"
