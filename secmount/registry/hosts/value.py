"""Where the bytes of a name are, and how the host there is reached."""

from __future__ import annotations

from typing import Literal, Protocol

from secmount.value import dataclass

Pull = Literal["all", "digest-only", "tag-only"]  # what registries.conf lets a mirror be asked for


@dataclass(frozen=True, slots=True)
class Access:
    """One host: everything a connection needs to know, decided before it is made.

    `verify` False: the certificate is not checked (`insecure` in registries.conf, by host). `credentials` False: none
    are sent, for the channel would show them to anybody (plain or unverified, not loopback, not asked for).
    """

    host: str  # as on the wire: `registry-1.docker.io`, `localhost:5000`, `[::1]:5000`
    scheme: Literal["https", "http"] = "https"
    verify: bool = True
    ca_files: tuple[str, ...] = ()  # PEM, believed beside the system's
    client_certificate: tuple[str, str] | None = None  # PEM files: certificate chain, key
    credential_key: str = ""  # what credentials are kept under: `docker.io`, else the host
    credentials: bool = True
    or_http: bool = False  # `insecure`: plain HTTP where the host does not speak TLS, as the containers tools do it


@dataclass(frozen=True, slots=True)
class Location:
    """A repository at a host; `mirror`: serves bytes by digest only, whatever `pull` lets it."""

    access: Access
    repository: str
    mirror: bool = False
    pull: Pull = "all"


class Hosts(Protocol):
    """Where names lead."""

    def locate(self, name: str) -> tuple[Location, ...]:
        """Give the places of `host/path`: mirrors in order, the primary last.

        Raise `RegistryError` SM4220 where registries.conf blocks it.
        """
