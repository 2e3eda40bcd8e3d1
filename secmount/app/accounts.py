"""`login` and `logout`: credentials checked at their registry, then kept where the containers tools look for them."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from secmount.app import naming, wire
from secmount.errors import RegistryError, SecmountError
from secmount.registry.credentials import places
from secmount.registry.credentials.files import CredentialFiles
from secmount.registry.credentials.programs import Helpers
from secmount.registry.credentials.store import AuthFile
from secmount.registry.credentials.value import Basic, Credential
from secmount.registry.hosts.value import Access, Location
from secmount.registry.http.source import HttpSource
from secmount.value import dataclass

if TYPE_CHECKING:
    from secmount.app.ways import Ways
    from secmount.config.value import Config

_REFUSED = frozenset({"SM4110", "SM4111", "SM4112"})


@dataclass(frozen=True, slots=True)
class Account:
    """`key`: the host, or host/namespace. `checked`: the registry asked for credentials, and took these."""

    key: str
    username: str | None  # None: a token
    file: str
    helper: str | None = None
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `logout` took away, and the file that still knows the registry."""

    keys: tuple[str, ...]
    file: str
    helper: str | None = None
    left: str | None = None
    note: str | None = None  # why the other files could not be looked at


def login(key: str, credential: Basic, config: Config, ways: Ways) -> Account:
    """Check `credential` at the registry of `key`, and keep it.

    Raise `RegistryError` SM4208 where the registry does not take it, SM41xx where it cannot be asked, SM4200–SM4206,
    SM4220–SM4225, `StorageError` SM70xx.
    """
    checked = _check(key.partition("/")[0], credential, config, ways)
    file = _file(config, ways)
    changed = file.put(key, credential)
    return Account(key, credential.username, file.path, changed.helper, checked)


def who(key: str, config: Config, ways: Ways) -> Account:
    """Say who is logged in; raise `RegistryError` SM4207 for nobody, SM4200–SM4206."""
    host, _, repository = key.partition("/")
    files = wire.credentials(config, ways)
    kept = files.kept(host, repository)
    if kept is None:
        raise RegistryError("SM4207", subject=key, got="; ".join(files.warnings) or None)
    username = kept.credential.username if isinstance(kept.credential, Basic) else None
    return Account(key, username, kept.file, kept.helper)


def logout(key: str | None, config: Config, ways: Ways) -> Forgotten:
    """Forget `key`, or everything; raise `RegistryError` SM4207 where nothing was kept, SM4200–SM4206."""
    file = _file(config, ways)
    changed = file.clear() if key is None else file.remove(key)
    if key is None:
        return Forgotten(changed.keys, file.path)
    left, note = None, None
    try:
        left = _left(key, config, ways)
    except SecmountError as err:  # what was to be forgotten is forgotten; only who else knows it cannot be said
        note = str(err)
    if not changed.keys:
        got = None if left is None else f"kept in {left}, not in {file.path}"
        more = () if left is None else (f"secmount logout --authfile {shlex.quote(left)} {key}",)
        raise RegistryError("SM4207", subject=key, got=got, help=more)
    return Forgotten(changed.keys, file.path, changed.helper, left, note)


def _left(key: str, config: Config, ways: Ways) -> str | None:
    """Name another file that knows `key`; where one is named there is no other."""
    uid = os.geteuid()
    asked = places.reading(os.environ, uid=uid, authfile=ways.authfile or config.registry.authfile)
    if any(place.required for place in asked):
        return None
    host, _, repository = key.partition("/")
    kept = CredentialFiles(asked, uid=uid, helpers=_helpers(config, ways)).kept(host, repository)
    return None if kept is None else kept.file


def _file(config: Config, ways: Ways) -> AuthFile:
    uid = os.geteuid()
    path = places.writing(os.environ, uid=uid, authfile=ways.authfile or config.registry.authfile)
    return AuthFile(path, uid, _helpers(config, ways))


def _helpers(config: Config, ways: Ways) -> Helpers | None:
    return None if ways.offline else Helpers(config.registry.helpers, os.environ, os.geteuid())


def _check(host: str, credential: Basic, config: Config, ways: Ways) -> bool:
    given = _Given(credential)
    access = naming.hosts(config, ways).access(host)
    world = wire.effects()
    source = HttpSource(
        host,
        _OneHost(access),
        given,
        wire.settings(config, ways),
        clock=world.clock,
        sleep=world.sleep,
        random=world.random,
    )
    with source:
        try:
            source.reach()
        except RegistryError as err:
            if err.code in _REFUSED:
                raise RegistryError("SM4208", subject=host, got=err.got) from err
            raise
    return given.asked


class _Given:
    """One credential, and whether it was asked for."""

    def __init__(self, credential: Basic) -> None:
        self._credential, self.asked = credential, False

    def find(self, host: str, repository: str) -> Credential | None:  # noqa: ARG002  # there is one host
        self.asked = True
        return self._credential


@dataclass(frozen=True, slots=True)
class _OneHost:
    access: Access

    def locate(self, name: str) -> tuple[Location, ...]:  # noqa: ARG002  # there is one host
        return (Location(self.access, ""),)
