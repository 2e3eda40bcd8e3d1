"""One table of config.toml, read strictly: each key is known and within its range, or SM1103 with its line."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Mapping
from typing import Any

from secmount.errors import InputError, Place
from secmount.local.toml import Path, lines, nearest_line
from secmount.value import dataclass

_DURATION = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h|d)", re.ASCII)
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True, slots=True)
class Table:
    """`values` at `path` of `file`; `source` is the file's text, for lines."""

    file: str
    source: str
    values: Mapping[str, Any]
    path: Path = ()

    def misuse(self, *keys: str, got: str, want: str) -> InputError:
        """Make the error for the key at `keys`."""
        line = nearest_line(lines(self.source), (*self.path, *keys))
        return InputError("SM1103", subject=self.file, got=got, want=want, place=Place(self.file, line))

    def wrong(self, key: str, want: str) -> InputError:
        """Make the error for a value that is not what it should be."""
        return self.misuse(key, got=f"{self.spell(key)} = {self.values[key]!r}", want=want)

    def spell(self, key: str) -> str:
        """Write the key as people read it: `registry.timeout`."""
        return ".".join([*map(str, self.path), key])

    def known(self, keys: Collection[str]) -> None:
        """Refuse a key that is not among `keys`, and name the nearest."""
        for key in self.values:
            if key not in keys:
                close = difflib.get_close_matches(key, keys, 1)
                raise self.misuse(key, got=self.spell(key), want=close[0] if close else f"one of {', '.join(keys)}")

    def text(self, key: str) -> str:
        """Read a text that is not empty."""
        value = self.values[key]
        if not isinstance(value, str) or not value or "\0" in value:
            raise self.wrong(key, "a text")
        return value

    def absolute(self, key: str) -> str:
        """Read an absolute path, and make it plain."""
        value = self.text(key)
        if not os.path.isabs(value):
            raise self.wrong(key, "an absolute path")
        return os.path.normpath(value)

    def texts(self, key: str, *, paths: bool = False, of: Collection[str] | None = None) -> tuple[str, ...]:
        """Read a list of texts, or of absolute `paths`; each one `of` these, if given."""
        want = (
            f"a list of {', '.join(sorted(of))}" if of else "a list of absolute paths" if paths else "a list of texts"
        )
        value = self.values[key]
        if not isinstance(value, list) or not all(
            isinstance(item, str) and item and "\0" not in item for item in value
        ):
            raise self.wrong(key, want)
        if (of is not None and not set(value) <= set(of)) or (paths and not all(map(os.path.isabs, value))):
            raise self.wrong(key, want)
        return tuple(map(os.path.normpath, value) if paths else value)

    def flag(self, key: str) -> bool:
        """Read true or false."""
        value = self.values[key]
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def whole(self, key: str, *, most: int) -> int:
        """Read a whole number from 1 to `most`."""
        value = self.values[key]
        if type(value) is not int or not 1 <= value <= most:
            raise self.wrong(key, f"a whole number from 1 to {most}")
        return value

    def duration(self, key: str, *, least: str, most: str) -> int:
        """Read a duration (`"30s"`; ms, s, m, h, d) from `least` to `most` as milliseconds."""
        value = self.values[key]
        given = milliseconds(value) if isinstance(value, str) else None
        if given is None or not _known(least) <= given <= _known(most):
            raise self.wrong(key, f'a duration from "{least}" to "{most}", such as "{most}"')
        return given

    def table(self, key: str) -> Table:
        """Read a table."""
        value = self.values[key]
        if not isinstance(value, dict):
            raise self.wrong(key, "a table")
        return Table(self.file, self.source, value, (*self.path, key))


def milliseconds(text: str) -> int | None:
    """Read a duration such as `30s`; None if it is none."""
    found = _DURATION.fullmatch(text)
    return int(found[1]) * _UNITS[found[2]] if found else None


def _known(text: str) -> int:
    found = milliseconds(text)
    assert found is not None
    return found
