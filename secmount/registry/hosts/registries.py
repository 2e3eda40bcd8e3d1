"""registries.conf as a value: which names lead where. containers-registries.conf(5), version 2.

An entry that cannot be read is an error with its line and never skipped: it could be the one that blocks a registry. A
key that this program does not know is a warning, because the containers tools' versions differ.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any, cast, get_args

from secmount.errors import InputError, Place, RegistryError
from secmount.local.toml import Path, line_of, lines, nearest_line
from secmount.oci import reference
from secmount.registry.hosts.value import Pull
from secmount.value import dataclass

FILE_LIMIT = 1 << 20  # bytes
_TOP = frozenset({"registry", "aliases", "unqualified-search-registries", "credential-helpers", "short-name-mode"})
_TOP_UNUSED = frozenset({"additional-layer-store-auth-helper"})
_REGISTRY = frozenset({"prefix", "location", "insecure", "blocked", "mirror", "mirror-by-digest-only"})
_MIRROR = frozenset({"location", "insecure", "pull-from-mirror"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where names lead to: `host[:port][/path]`, normalised, empty where only names below `*.` are matched."""

    location: str
    insecure: bool = False
    pull: Pull = "all"


@dataclass(frozen=True, slots=True)
class Entry:
    """One `[[registry]]`; `exact`: its prefix has a tag or digest, which are not known where names are looked up."""

    prefix: str
    endpoint: Endpoint
    place: Place
    mirrors: tuple[Endpoint, ...] = ()
    blocked: bool = False
    exact: bool = False

    def covers(self, name: str) -> bool:
        """Whether the entry is for `name` (`host/path`).

        A prefix ends where a component does. What is blocked is blocked on every port, as the containers tools have it.
        """
        if self.exact:
            return name == self.prefix
        if self.prefix.startswith("*."):
            return name.partition("/")[0].partition(":")[0].endswith(self.prefix[1:])
        rest = name.removeprefix(self.prefix)
        if not name.startswith(self.prefix):
            return False
        return not rest or rest[0] == "/" or (rest[0] == ":" and self.blocked and "/" not in self.prefix)

    def lead(self, endpoint: Endpoint, name: str) -> str:
        """Give the name at `endpoint`; raise `RegistryError` SM4223 where it makes none."""
        if not endpoint.location:
            return name
        rest = name[name.index("/") :] if self.prefix.startswith("*.") else name[len(self.prefix) :]
        try:
            return reference.registry_name(endpoint.location + rest)
        except InputError as err:
            raise RegistryError(
                "SM4223", subject=name, got=endpoint.location + rest, want=err.want, place=self.place
            ) from err


@dataclass(frozen=True, slots=True)
class Registries:
    """What all files together say."""

    entries: tuple[Entry, ...] = ()
    aliases: Mapping[str, str] | None = None
    warnings: tuple[str, ...] = ()

    def find(self, name: str) -> Entry | None:
        """Give the entry with the longest prefix that covers `name`."""
        covering = [entry for entry in self.entries if entry.covers(name)]
        return max(covering, key=lambda entry: (len(entry.prefix), entry.exact), default=None)


def merge(parts: Iterable[Registries]) -> Registries:
    """Join the files in their order: a later entry replaces one of the same prefix, an empty alias takes one away.

    Raise `RegistryError` SM4221 where two entries for one place disagree on `insecure` or `blocked`.
    """
    entries: dict[tuple[str, bool], Entry] = {}
    aliases: dict[str, str] = {}
    warnings: list[str] = []
    for part in parts:
        entries.update({(entry.prefix, entry.exact): entry for entry in part.entries})
        aliases.update(part.aliases or {})
        warnings.extend(part.warnings)
    seen: dict[str, Entry] = {}
    for entry in entries.values():
        location = entry.endpoint.location
        other = seen.setdefault(location, entry)
        if location and (other.blocked, other.endpoint.insecure) != (entry.blocked, entry.endpoint.insecure):
            got = f"{location} twice, with different blocked or insecure"
            raise RegistryError("SM4221", subject=entry.place.file, got=got, want="the same", place=entry.place)
    kept = {short: full for short, full in aliases.items() if full}
    return Registries(tuple(entries.values()), kept, tuple(warnings))


def parse(data: bytes, *, file: str) -> Registries:
    """Read one file; raise `RegistryError` SM4221 with the line, SM4222 for the form before version 2."""
    try:
        text = data.decode("utf-8")
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as err:
        line = line_of(err) if isinstance(err, ValueError) else None
        raise RegistryError("SM4221", subject=file, got=str(err), want="TOML", place=Place(file, line)) from err
    reader = _Reader(file, text, [])
    if isinstance(values.get("registries"), dict):
        raise RegistryError("SM4222", subject=file, got="[registries.…]", place=reader.place(("registries",)))
    reader.known(values, _TOP | _TOP_UNUSED, ())
    helpers = values.get("credential-helpers", ["containers-auth.json"])
    if helpers != ["containers-auth.json"]:
        reader.warn(("credential-helpers",), "only containers-auth.json is used")
    rows = reader.rows(values, "registry", ())
    entries = tuple(_entry(reader, row, ("registry", at)) for at, row in enumerate(rows))
    return Registries(entries, _aliases(reader, values), tuple(reader.warnings))


@dataclass(frozen=True)
class _Reader:
    file: str
    source: str
    warnings: list[str]

    @cached_property
    def lines(self) -> Mapping[Path, int]:
        return lines(self.source)

    def place(self, path: Path) -> Place:
        return Place(self.file, nearest_line(self.lines, path))

    def wrong(self, path: Path, got: object, want: str) -> RegistryError:
        shown = f"{path[-1]} = {got!r}"
        return RegistryError("SM4221", subject=self.file, got=shown, want=want, place=self.place(path))

    def warn(self, path: Path, text: str) -> None:
        place = self.place(path)
        self.warnings.append(f"{self.file}:{place.line}: {path[-1]}: {text}")

    def known(self, row: Mapping[str, Any], keys: Collection[str], path: Path) -> None:
        for key in row:
            if key not in keys:
                self.warn((*path, key), "not known, and not used")

    def rows(self, row: Mapping[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
        value = row.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong((*path, key), value, f"[[{key}]] tables")
        return value

    def flag(self, row: Mapping[str, Any], key: str, path: Path) -> bool:
        value = row.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong((*path, key), value, "true or false")
        return value

    def text(self, row: Mapping[str, Any], key: str, path: Path) -> str:
        value = row.get(key, "")
        if not isinstance(value, str):
            raise self.wrong((*path, key), value, "a text")
        return value.rstrip("/")

    def location(self, row: Mapping[str, Any], key: str, path: Path) -> str:
        """Read a place; it is spelled as references are."""
        value = self.text(row, key, path)
        try:
            return value and reference.registry_name(f"{value}/x/y").removesuffix("/x/y")
        except InputError as err:
            raise self.wrong((*path, key), value, "HOST[:PORT][/PATH], without a scheme") from err


def _entry(reader: _Reader, row: Mapping[str, Any], path: Path) -> Entry:
    reader.known(row, _REGISTRY, path)
    location = reader.location(row, "location", path)
    prefix, exact = _prefix(reader, row, path)
    if not prefix and not location:
        raise reader.wrong((*path, "location"), "", "a location, or a prefix *.DOMAIN")
    if not location and not prefix.startswith("*."):
        raise reader.wrong((*path, "prefix"), prefix, "a location beside it")
    digest_only = reader.flag(row, "mirror-by-digest-only", path)
    rows = reader.rows(row, "mirror", path)
    mirrors = tuple(
        _mirror(reader, each, (*path, "mirror", at), digest_only=digest_only) for at, each in enumerate(rows)
    )
    endpoint = Endpoint(location, reader.flag(row, "insecure", path))
    blocked = reader.flag(row, "blocked", path)
    return Entry(prefix or location, endpoint, reader.place(path), mirrors, blocked, exact)


def _mirror(reader: _Reader, row: Mapping[str, Any], path: Path, *, digest_only: bool) -> Endpoint:
    reader.known(row, _MIRROR, path)
    location = reader.location(row, "location", path)
    if not location:
        raise reader.wrong((*path, "location"), "", "a location")
    pull = row.get("pull-from-mirror", "digest-only" if digest_only else "all")
    if pull not in get_args(Pull):
        raise reader.wrong((*path, "pull-from-mirror"), pull, " or ".join(get_args(Pull)))
    return Endpoint(location, reader.flag(row, "insecure", path), cast(Pull, pull))


def _prefix(reader: _Reader, row: Mapping[str, Any], path: Path) -> tuple[str, bool]:
    """Read `prefix`; also say whether it has a tag or digest, which is then taken away."""
    value = reader.text(row, "prefix", path)
    if value.startswith("*."):
        host = reader.location({"prefix": f"x.{value[2:]}"}, "prefix", path)  # one such host stands for all of them
        if "/" in host or ":" in host:
            raise reader.wrong((*path, "prefix"), value, "*.DOMAIN, without port and path")
        return f"*{host[1:]}", False
    name, at, _ = value.partition("@")
    base, slash, last = name.rpartition("/")
    if slash and ":" in last:
        name, at = f"{base}/{last.partition(':')[0]}", "@"
    return reader.location({"prefix": name}, "prefix", path), bool(at)


def _aliases(reader: _Reader, values: Mapping[str, Any]) -> dict[str, str]:
    table = values.get("aliases", {})
    if not isinstance(table, dict):
        raise reader.wrong(("aliases",), table, "a table")
    found = {}
    for short, full in table.items():
        if not isinstance(full, str):
            raise reader.wrong(("aliases", short), full, "a full name")
        try:
            found[short] = full and reference.registry_name(full)
        except InputError as err:
            raise reader.wrong(("aliases", short), full, "a full name without tag or digest") from err
    return found
