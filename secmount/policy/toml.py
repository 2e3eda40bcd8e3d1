"""TOML 1.0 with lines, read strictly: the only door of `tomllib` for policy folders.

A `Table` gives typed values and notes what is wrong, so that one reading finds all faults; a key that nobody asked for
is unknown.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

from secmount.errors import InputError, Place
from secmount.local.toml import Path, line_of, lines
from secmount.value import dataclass

TOML_LIMIT = 1 << 20  # bytes of policy.toml

T = TypeVar("T")

_DURATION = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d|w)", re.ASCII)
_SIZE = re.compile(r"([1-9][0-9]{0,9})(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BYTES = {"B": 1} | {f"{unit}B": 1000**at for at, unit in enumerate("kMGT", 1)}
_BYTES |= {f"{unit}iB": 1024**at for at, unit in enumerate("KMGT", 1)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing said about a policy folder; `got` and `want` as in an error, `code` has its entry in the catalogue."""

    severity: Literal["error", "warning"]
    code: str
    place: Place
    subject: str | None = None
    got: str | None = None
    want: str | None = None

    def error(self) -> InputError:
        """Give it as the error that loading raises."""
        return InputError(self.code, subject=self.subject, got=self.got, want=self.want, place=self.place)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its values, and the line of every key by path (list elements by index)."""

    file: str
    values: Mapping[str, Any]
    lines: Mapping[Path, int]


def parse(data: bytes, *, file: str) -> Document:
    """Read `data`; raise `InputError` SM1201 with the line where it stops being TOML."""
    try:
        text = data.decode("utf-8")
        values = tomllib.loads(text)
    except ValueError as err:
        raise InputError("SM1201", got=str(err), place=Place(file, line_of(err))) from err
    except RecursionError as err:
        raise InputError("SM1201", got="nested too deeply", place=Place(file)) from err
    return Document(file, values, lines(text))


@dataclass(slots=True)
class Table:
    """One table being read; what is wrong goes to `findings`, and the getter gives None."""

    document: Document
    values: Mapping[str, Any]
    path: Path
    findings: list[Finding]
    asked: set[str] = field(default_factory=set)

    def line(self, *keys: str | int) -> int | None:
        """Give the line of the key at `keys`, else of the nearest thing around it."""
        path = self.path + keys
        while path and path not in self.document.lines:
            path = path[:-1]
        return self.document.lines.get(path)

    def fault(self, code: str, *keys: str | int, got: object = None, want: object = None) -> None:
        """Note an error at `keys` of this table."""
        self._note("error", code, keys, got, want)

    def warn(self, code: str, *keys: str | int, got: object = None, want: object = None) -> None:
        """Note a warning at `keys` of this table."""
        self._note("warning", code, keys, got, want)

    def _note(
        self, severity: Literal["error", "warning"], code: str, keys: tuple[str | int, ...], got: object, want: object
    ) -> None:
        subject = spell(self.path + keys) or None
        place = Place(self.document.file, self.line(*keys))
        texts = [None if fact is None else str(fact) for fact in (got, want)]
        self.findings.append(Finding(severity, code, place, subject, *texts))

    def has(self, key: str) -> bool:
        """Say whether `key` stands in the table, whatever its value."""
        return key in self.values

    def text(self, key: str) -> str | None:
        """Read a string that is not empty."""
        value = self._typed(key, str, "a string")
        if value == "":
            self.fault("SM1203", key, got="an empty string", want="a string")
            return None
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Read a list of strings: not empty, none of them empty, none twice."""
        value = self._typed(key, list, "a list of strings")
        if value is None:
            return None
        return strings(self, value, key)

    def flag(self, key: str) -> bool | None:
        """Read true or false."""
        return self._typed(key, bool, "true or false")

    def whole(self, key: str, *, least: int) -> int | None:
        """Read an integer of at least `least`."""
        value = self._typed(key, int, "an integer")
        if value is not None and value < least:
            self.fault("SM1203", key, got=value, want=f"at least {least}")
            return None
        return value

    def choice(self, key: str, options: Collection[str]) -> str | None:
        """Read one of `options`."""
        value = self._typed(key, str, "a string")
        if value is not None and value not in options:
            self.fault("SM1203", key, got=repr(value), want=" or ".join(f'"{option}"' for option in options))
            return None
        return value

    def duration(self, key: str) -> int | None:
        """Read a duration such as "90d" (s, m, h, d, w) as milliseconds."""
        return self._unit(key, _DURATION, _SECONDS, '"90d": a whole number and s, m, h, d or w', 1000)

    def size(self, key: str) -> int | None:
        """Read a size such as "40GiB" as bytes."""
        return self._unit(key, _SIZE, _BYTES, '"40GiB": a whole number and B, kB, KiB, MB, MiB, GB, GiB, TB or TiB', 1)

    def instant(self, key: str) -> int | None:
        """Read an offset date-time as milliseconds; a local one would mean another instant on every machine."""
        value = self._typed(key, datetime, "a date-time with an offset, such as 2026-01-01T00:00:00Z")
        if value is not None and value.tzinfo is None:
            self.fault("SM1203", key, got=f"{value.isoformat()} without an offset", want=f"{value.isoformat()}Z")
            return None
        return None if value is None else (value - _EPOCH) // timedelta(milliseconds=1)

    def table(self, key: str) -> Table | None:
        """Read a table."""
        value = self._typed(key, dict, "a table")
        return None if value is None else Table(self.document, value, (*self.path, key), self.findings)

    def tables(self, key: str) -> tuple[Table, ...]:
        """Read a list of tables; absent is empty."""
        value = self._typed(key, list, "a list of tables")
        if value is None:
            return ()
        for at, row in enumerate(value):
            if not isinstance(row, dict):
                self.fault("SM1203", key, at, got=kind(row), want="a table")
        path = (*self.path, key)
        rows = [(at, row) for at, row in enumerate(value) if isinstance(row, dict)]
        return tuple(Table(self.document, row, (*path, at), self.findings) for at, row in rows)

    def finish(self, *, later: Collection[str] = ()) -> None:
        """Refuse every key that nobody asked for; those of `later` as not enforced by this version."""
        for key in self.values:
            if key in later:
                self.fault("SM1204", key, want="a version of secmount that enforces it")
            elif key not in self.asked:
                self.fault("SM1202", key, want=nearest(key, {*self.asked, *later}))

    def _typed(self, key: str, form: type[T], want: str) -> T | None:
        self.asked.add(key)
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, form) or (form is int and isinstance(value, bool)):
            self.fault("SM1203", key, got=kind(value), want=want)
            return None
        return value

    def _unit(self, key: str, form: re.Pattern[str], units: Mapping[str, int], want: str, scale: int) -> int | None:
        value = self._typed(key, str, f"a string like {want}")
        found = None if value is None else form.fullmatch(value)
        if found is None:
            if value is not None:
                self.fault("SM1203", key, got=repr(value), want=want)
            return None
        return int(found[1]) * units[found[2]] * scale


def strings(table: Table, value: list[Any], *keys: str | int) -> tuple[str, ...] | None:
    """Check the list at `keys` of `table`: strings, at least one, none empty, none twice."""
    bad = next((item for item in value if not isinstance(item, str) or not item), None)
    twice = next((item for at, item in enumerate(value) if item in value[:at]), None)
    if bad is not None or not value:
        got = "an empty list" if not value else "an empty string" if bad == "" else f"a list with {kind(bad)}"
        table.fault("SM1203", *keys, got=got, want="a list of strings")
        return None
    if twice is not None:
        table.fault("SM1203", *keys, got=f"{twice!r} twice", want="each once")
        return None
    return tuple(value)


def spell(path: Path) -> str:
    """Write a path as people read it: `rules[0].max-age`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def kind(value: object) -> str:
    """Name the TOML type of `value`."""
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a float", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def nearest(key: str, known: Collection[str]) -> str:
    """Say what may have been meant by `key`."""
    from difflib import get_close_matches  # loaded for a fault only

    found = get_close_matches(key, sorted(known), n=1, cutoff=0.6)
    return f"{found[0]!r}?" if found else f"one of {', '.join(sorted(known))}"
