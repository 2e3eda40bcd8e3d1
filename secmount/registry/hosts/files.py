"""Hosts as the containers tools have them configured: registries.conf, its drop-ins and certs.d, within promise 11.

A user's registries.conf replaces the system's, and with it its drop-ins; CONTAINERS_REGISTRIES_CONF (also by its older
name) replaces either. As root only the files under /etc are read, and only if they are root's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cached_property

from secmount.errors import RegistryError, StorageError
from secmount.local import files, owned
from secmount.registry.credentials.names import HUB
from secmount.registry.credentials.places import config_home
from secmount.registry.hosts import certificates, registries
from secmount.registry.hosts.registries import Endpoint, Registries
from secmount.registry.hosts.value import Access, Location

HUB_WIRE = "registry-1.docker.io"  # where docker.io's API is
DROP_INS_LIMIT = 256  # files of a registries.conf.d
_SHORT = re.compile(r"(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?P<rest>(?::[^/@]+)?(?:@[^/@]+)?)", re.ASCII)
_LAYOUTS = ("oci:", "oci-archive:")


class HostFiles:
    """Where names lead for one user. `plain_http`: of the named registry, not of its mirrors; `etc` is /etc."""

    def __init__(
        self,
        *,
        uid: int,
        environment: Mapping[str, str],
        ca_files: tuple[str, ...] = (),
        plain_http: bool = False,
        etc: str = "/etc",
    ) -> None:
        """Check `ca_files`, which somebody named; raise `RegistryError` SM4225."""
        self._uid, self._environment, self._plain, self._etc = uid, environment, plain_http, etc
        self._authorities = tuple(certificates.check_authority(path, uid=uid) for path in ca_files)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What in the files was not used."""
        return self._registries.warnings

    @property
    def aliases(self) -> Mapping[str, str]:
        """Short names and the full ones they stand for."""
        return self._registries.aliases or {}

    def locate(self, name: str) -> tuple[Location, ...]:
        """Give the places of `host/path`: mirrors in order, the primary last.

        Raise `RegistryError` SM4220 (blocked), SM4221–SM4224, `StorageError` SM70xx where others control a file.
        """
        entry = self._registries.find(name)
        if entry is None:
            return (self._location(Endpoint(name), name, mirror=False),)
        if entry.exact:
            raise RegistryError(
                "SM4221", subject=name, got="prefix with a tag or digest", want="HOST[:PORT][/PATH]", place=entry.place
            )
        if entry.blocked:
            raise RegistryError("SM4220", subject=name, got=f"blocked = true for {entry.prefix}", place=entry.place)
        mirrors = (self._location(each, entry.lead(each, name), mirror=True) for each in entry.mirrors)
        return *mirrors, self._location(entry.endpoint, entry.lead(entry.endpoint, name), mirror=False)

    def access(self, host: str) -> Access:
        """Say how `host[:port]` itself is reached, whatever names lead to it or away from it; errors as `locate`.

        It is insecure where everything that leads there says so.
        """
        entry = self._registries.find(f"{host}/x")
        if entry is not None and entry.blocked and "/" not in entry.prefix:
            raise RegistryError("SM4220", subject=host, got=f"blocked = true for {entry.prefix}", place=entry.place)
        every = [each for entry in self._registries.entries for each in (entry.endpoint, *entry.mirrors)]
        said = [each.insecure for each in every if each.location.partition("/")[0] == host]
        return self._location(Endpoint(host, insecure=bool(said) and all(said)), host, mirror=False).access

    @cached_property
    def _registries(self) -> Registries:
        return registries.merge(registries.parse(data, file=path) for path, data in self._files())

    def _files(self) -> Iterator[tuple[str, bytes]]:
        own = None if self._uid == 0 else os.path.join(config_home(self._environment), "containers")
        base = os.path.join(self._etc, "containers")
        named = None
        if own is not None:
            named = self._environment.get("CONTAINERS_REGISTRIES_CONF") or self._environment.get(
                "REGISTRIES_CONFIG_PATH"
            )
        main = os.path.join(base, "registries.conf")
        folders = [os.path.join(base, "registries.conf.d"), *([os.path.join(own, "registries.conf.d")] if own else [])]
        if own is not None and os.path.lexists(os.path.join(own, "registries.conf")):
            main, folders = os.path.join(own, "registries.conf"), folders[1:]
        main = os.path.abspath(named) if named else main
        if named or os.path.lexists(main):
            yield main, self._read(main)
        for folder in folders:
            for path in _drop_ins(folder, self._uid):
                yield path, self._read(path)

    def _read(self, path: str) -> bytes:
        try:
            return files.read_owned(path, uid=self._uid, what="registries.conf", limit=registries.FILE_LIMIT)
        except StorageError as err:
            if err.code in ("SM7004", "SM7013", "SM7014"):
                raise RegistryError("SM4221", subject=path, got=err.got, want=err.want or "a TOML file") from err
            raise

    def _location(self, endpoint: Endpoint, name: str, *, mirror: bool) -> Location:
        host, _, repository = name.partition("/")
        plain = self._plain and not mirror
        wire = HUB_WIRE if host == HUB else host
        found = certificates.look_up(self._certificate_folders(), (host, wire), uid=self._uid)
        access = Access(
            host=wire,
            scheme="http" if plain else "https",
            verify=not endpoint.insecure,
            ca_files=(*found.authorities, *self._authorities),
            client_certificate=found.client,
            credential_key=host,
            credentials=plain or not endpoint.insecure or is_loopback(host),
            or_http=endpoint.insecure and not plain,
        )
        return Location(access, repository, mirror, endpoint.pull)

    def _certificate_folders(self) -> list[str]:
        own = [] if self._uid == 0 else [os.path.join(config_home(self._environment), "containers", "certs.d")]
        return [*own, os.path.join(self._etc, "containers", "certs.d"), os.path.join(self._etc, "docker", "certs.d")]


def full_name_of(text: str, *aliases: Mapping[str, str]) -> str | None:
    """Give `text` with its short name replaced by the first of `aliases` that has it; None: it is none of theirs.

    A tag and a digest stay. Names that begin with a host, and layouts, are never replaced.
    """
    found = _SHORT.fullmatch(text.removeprefix("docker://"))
    if found is None or text.startswith(_LAYOUTS):
        return None
    first, slash, _ = found["name"].partition("/")
    if slash and (first == "localhost" or "." in first):
        return None
    for table in aliases:
        if found["name"] in table:
            return table[found["name"]] + found["rest"]
    return None


def is_loopback(host: str) -> bool:
    """Whether `host[:port]` is this machine by its name or address alone."""
    name = host.rpartition(":")[0] if re.search(r":[0-9]+\Z", host) else host
    if name == "localhost" or name.endswith(".localhost"):
        return True
    import ipaddress  # only insecure hosts are looked at, and it costs 3 ms

    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _drop_ins(folder: str, uid: int) -> list[str]:
    if not os.path.isdir(folder):
        return []
    owned.check_owned(folder, uid=uid, what="registries.conf.d")
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".conf"))
    except OSError as err:
        raise RegistryError("SM4221", subject=folder, got=err.strerror or str(err)) from err
    if len(names) > DROP_INS_LIMIT:
        raise RegistryError("SM4221", subject=folder, got=f"{len(names)} files", want=f"at most {DROP_INS_LIMIT}")
    return [os.path.join(folder, name) for name in names]
