"""Credentials as values, whose secrets no `repr` shows, and who is asked for them."""

from __future__ import annotations

from dataclasses import field
from typing import Protocol

from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Basic:
    """A user's name and password (RFC 7617)."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """An OAuth 2 refresh token; the token server exchanges it (grant_type=refresh_token)."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegistryToken:
    """A bearer token that the registry takes as it is."""

    token: str = field(repr=False)


Credential = Basic | IdentityToken | RegistryToken


class Credentials(Protocol):
    """Whom to ask for the credentials of a host."""

    def find(self, host: str, repository: str) -> Credential | None:
        """Give what is kept for `host/repository`, else for what is around it; None: ask anonymously.

        `host` is `Access.credential_key`: `docker.io`, `ghcr.io`, `[::1]:5000`. Raise `RegistryError` SM42xx where the
        files or a helper cannot be believed or do not answer.
        """


class Anonymous:
    """Nobody's credentials."""

    def find(self, host: str, repository: str) -> Credential | None:  # noqa: ARG002
        """Give None."""
        return None
