"""auth.json, config.json and .dockercfg as values. containers-auth.json(5), Docker's config.json.

Read exactly: a key that stands twice, or an entry that is not what it should be, is an error that never shows what
stood there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from secmount.errors import ContentError, RegistryError
from secmount.oci import exact
from secmount.registry.credentials.names import host_of, keys_for, normal_host
from secmount.registry.credentials.value import Basic, Credential, IdentityToken, RegistryToken
from secmount.value import dataclass

FILE_LIMIT = 1 << 20  # bytes; kubelets allow a secret as much
SECRET_LIMIT = 64 << 10  # characters of a secret or a user's name


@dataclass(frozen=True, slots=True)
class AuthDocument:
    """One file: entries by key as they stand, helpers by host, the store of everything else."""

    file: str
    values: Mapping[str, Any]  # everything, what we do not know included
    auths: dict[str, Any]
    helpers: dict[str, str]
    store: str | None = None

    def entry(self, host: str, repository: str) -> Credential | None:
        """Give the most specific entry that holds a credential; raise `RegistryError` SM4202 if it is malformed."""
        wanted = keys_for(host, repository)
        spelled = {host_of(key): key for key in reversed(self.auths)}  # of several spellings the first
        for key in wanted:
            for candidate in (key, spelled.get(key, key)):
                if candidate in self.auths:
                    found = credential(self.auths[candidate], file=self.file, key=candidate)
                    if found is not None:
                        return found
        return None

    def helper(self, host: str) -> str | None:
        """Give the helper that is named for `host`; helpers know no namespaces."""
        spelled = {host_of(key): value for key, value in reversed(self.helpers.items())}
        return self.helpers.get(host) or spelled.get(host)


def parse(data: bytes, *, file: str, legacy: bool = False) -> AuthDocument:
    """Read a file; `legacy`: .dockercfg, entries without `auths` around them. Raise `RegistryError` SM4200."""
    if not data.strip():
        return AuthDocument(file, {}, {}, {})
    try:
        values = exact.read(data, limit=FILE_LIMIT, subject=file)
    except ContentError as err:
        # what stands beside a fault may be a secret: only which fault it is, is said
        got = f"more than {FILE_LIMIT} bytes" if err.code == "SM5011" else "not one JSON document, each key once"
        raise _malformed(file, got) from None
    if not isinstance(values, dict):
        raise _malformed(file, "not an object")
    auths = values if legacy else _object(values, "auths", file)
    if not all(isinstance(entry, dict) for entry in auths.values()):
        raise _malformed(file, "an entry that is not an object", want="auths = { HOST: { auth: … } }")
    helpers = {} if legacy else _object(values, "credHelpers", file)
    store = None if legacy else values.get("credsStore")
    if not all(isinstance(name, str) for name in helpers.values()) or not isinstance(store, str | None):
        raise _malformed(file, "a helper's name that is not a text", want="credHelpers = { HOST: NAME }")
    return AuthDocument(file, values, auths, helpers, store or None)


def credential(entry: Mapping[str, Any], *, file: str, key: str) -> Credential | None:
    """Read one entry; None where it holds nothing. Raise `RegistryError` SM4202."""
    texts = {name: entry.get(name) or "" for name in ("auth", "username", "password", "identitytoken", "registrytoken")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise _bad_entry(file, key, "a field that is not a text")
    try:
        if texts["registrytoken"]:
            return RegistryToken(plain_token(texts["registrytoken"]))
        if texts["identitytoken"]:
            return IdentityToken(plain_token(texts["identitytoken"]))
        if texts["auth"]:
            return basic(*_pair(texts["auth"]))
        return basic(texts["username"], texts["password"])
    except ValueError as err:
        raise _bad_entry(file, key, str(err)) from None


def basic(username: str, password: str) -> Basic | None:
    """Give a name and password as RFC 7617 allows them, None for neither; `ValueError` says what is wrong."""
    if not username and not password:
        return None
    if not username or not password:
        raise ValueError("a name without a password, or the reverse")
    if ":" in username:
        raise ValueError("a colon in the user's name")
    if not all(map(_is_plain, (username, password))):
        raise ValueError("a control character, or far too long")
    return Basic(username, password)


def plain_token(text: str) -> str:
    """Check that a token is visible ASCII and bounded; `ValueError` says what is wrong."""
    if not (text.isascii() and text.isprintable() and " " not in text and 0 < len(text) <= SECRET_LIMIT):
        raise ValueError("a token that is not visible ASCII")
    return text


def same_host(key: str, host: str) -> bool:
    """Whether a key or server URL is for `host`, whatever its spelling."""
    return host_of(key).partition("/")[0] == normal_host(host)


def _pair(text: str) -> tuple[str, str]:
    try:
        decoded = base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise ValueError("auth is not base64 of a text") from None
    username, colon, password = decoded.partition(":")
    if not colon:
        raise ValueError("auth has no colon between name and password")
    return username, password.strip("\0")  # old Docker versions padded it


def _is_plain(text: str) -> bool:
    return len(text) <= SECRET_LIMIT and not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text)


def _object(values: Mapping[str, Any], key: str, file: str) -> dict[str, Any]:
    found = values.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _malformed(file, f"{key} is not an object")
    return found


def _malformed(file: str, got: str, *, want: str = "auth.json(5), or Docker's config.json") -> RegistryError:
    return RegistryError("SM4200", subject=file, got=got, want=want)


def _bad_entry(file: str, key: str, got: str) -> RegistryError:
    return RegistryError("SM4202", subject=f"{file}, entry {key}", got=got, want="auth: base64 of NAME:PASSWORD")
