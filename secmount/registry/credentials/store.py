"""auth.json as `login` and `logout` change it: 0600, whole or not at all, and with all that others wrote in it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from secmount.errors import RegistryError, StorageError
from secmount.local import files, owned
from secmount.registry.credentials import document
from secmount.registry.credentials.document import AuthDocument
from secmount.registry.credentials.names import host_of, servers_of
from secmount.registry.credentials.programs import Helpers
from secmount.registry.credentials.value import Basic
from secmount.value import dataclass

MODE = 0o600
_WHAT = "credentials file"


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change touched: keys of the file, and the helper that was asked instead or too."""

    keys: tuple[str, ...]
    helper: str | None = None


@dataclass(frozen=True, slots=True)
class AuthFile:
    """The file at `path`; `helpers` are asked where the file names one for the host. None: no program runs."""

    path: str
    uid: int
    helpers: Helpers | None

    def put(self, key: str, credential: Basic) -> Changed:
        """Keep `credential` for `key` (a host, or host/namespace), by the helper named for the host if there is one.

        Raise `RegistryError` SM4200 (the file is not what it should be: it is left alone), SM4203–SM4205,
        `StorageError` SM70xx.
        """
        host = key.partition("/")[0]
        with self._opened() as (found, write):
            helper = found.helper(host)
            if helper is not None:
                self._running(helper).store(helper, servers_of(host)[0], credential)
                return Changed((key,), helper)
            pair = base64.b64encode(f"{credential.username}:{credential.password}".encode()).decode()
            write({**found.values, "auths": {**found.auths, key: {"auth": pair}}})
        return Changed((key,))

    def remove(self, key: str) -> Changed:
        """Forget `key` in every spelling; nothing touched where it was not kept. Errors as for `put`."""
        with self._opened() as (found, write):
            gone = tuple(spelled for spelled in found.auths if host_of(spelled) == key)
            helper = None if "/" in key else found.helper(key)
            erased = helper is not None and self._erase(helper, key)
            if gone:
                write({**found.values, "auths": {k: v for k, v in found.auths.items() if k not in gone}})
        return Changed(gone or ((key,) if erased else ()), helper if erased else None)

    def clear(self) -> Changed:
        """Forget every host of the file, and of the helpers that it names by host. Errors as for `put`."""
        with self._opened() as (found, write):
            gone = tuple(found.auths)
            erased = tuple(host for host, helper in found.helpers.items() if self._erase(helper, host_of(host)))
            if gone:
                write({**found.values, "auths": {}})
        return Changed((*gone, *(host for host in erased if host not in gone)))

    def _erase(self, helper: str, host: str) -> bool:
        return any([self._running(helper).erase(helper, server) for server in servers_of(host)])

    def _running(self, helper: str) -> Helpers:
        if self.helpers is None:
            raise RegistryError("SM4204", subject=helper, got="not run with --offline")
        return self.helpers

    @contextmanager
    def _opened(self) -> Iterator[tuple[AuthDocument, Callable[[dict[str, Any]], None]]]:
        """Give the file as it stands and the way to replace it, with nobody of ours between the two."""
        path = self.path
        if os.path.islink(path):  # of one's own: what it leads to is written, and the link stays
            owned.check_owned(path, uid=self.uid, what=_WHAT)
            path = os.path.realpath(path)
        dirfd = owned.make_directory(os.path.dirname(path), uid=self.uid, what=_WHAT)
        name = os.path.basename(path)
        try:
            with files.lock(dirfd, f".{name}.lock", exclusive=True, transient=True):
                yield self._read(dirfd, name), lambda values: _write(dirfd, name, values)
        finally:
            os.close(dirfd)

    def _read(self, dirfd: int, name: str) -> AuthDocument:
        try:
            info = os.stat(name, dir_fd=dirfd, follow_symlinks=False)
        except FileNotFoundError:
            return document.parse(b"", file=self.path)
        owned.check_entry(info, uid=self.uid, what=_WHAT, shown=self.path)
        try:
            data = files.read_bounded(dirfd, name, document.FILE_LIMIT)
        except StorageError as err:
            if err.code == "SM7014":
                raise RegistryError("SM4200", subject=self.path, got=err.got, want=err.want) from err
            raise
        return document.parse(data, file=self.path)


def _write(dirfd: int, name: str, values: dict[str, Any]) -> None:
    data = json.dumps(values, indent="\t").encode() + b"\n"
    files.write_atomic(dirfd, name, data, mode=MODE)
