"""Bearer tokens of registries: which token server may be asked, with what, and what it answered. Pure.

distribution's token specification (docs/spec/auth/token.md, oauth.md). A registry names its token server itself, so
the name is judged before anything is sent to it; `docs/operations.md` has the rule.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import urlencode

from secmount.errors import RegistryError
from secmount.oci import exact
from secmount.registry.credentials.value import Basic, Credential, IdentityToken
from secmount.registry.http.challenge import Challenge
from secmount.registry.http.wire.url import Url, parse
from secmount.value import dataclass

TOKEN_LIMIT = 1 << 20  # bytes of a token server's answer
_LIFE_S = 60  # of a token that does not say; token.md, expires_in
_LIFE_LIMIT_S = 24 * 3600
_MARGIN_MS = 10_000  # a token is not used in its last seconds: the registry's clock is another
_SENDABLE = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)  # RFC 6750 section 2.1
_WELL_KNOWN = {"registry-1.docker.io": frozenset({"auth.docker.io"})}
_CLIENT = "secmount"


@dataclass(frozen=True, slots=True)
class Token:
    """What is sent as Bearer, until `until_ms`."""

    text: str = field(repr=False)
    until_ms: int


@dataclass(frozen=True, slots=True)
class Question:
    """A request to a token server; `body` None is a GET."""

    url: Url
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


def server(challenge: Challenge, registry: Url, others: frozenset[str], *, secret: bool) -> Url:
    """Judge the token server that `registry` names; `secret`: credentials would go there.

    A registry over https may name any server over https, one over http also servers over http on its own host.
    Credentials go to the registry's own host, to a domain that it is below, to a host of `others` (configured), and
    from Docker Hub to its own. Raise `RegistryError` SM4113 (no realm) or SM4114.
    """
    try:
        realm = parse(challenge.parameters["realm"])
    except (KeyError, ValueError) as err:
        got = "no realm" if isinstance(err, KeyError) else f"a realm that is {err}"
        raise RegistryError("SM4113", subject=registry.place, got=got, want="an absolute URL") from None
    own = realm.host == registry.host
    if realm.scheme == "http" and not (own and registry.scheme == "http"):
        raise RegistryError("SM4114", subject=registry.place, got=realm.place, want="a token server over https")
    if secret and not (own or _is_kin(realm.host, registry.host, others)):
        raise RegistryError("SM4114", subject=registry.place, got=realm.place, want=f"one on {registry.host}")
    return realm


def question(challenge: Challenge, realm: Url, scope: str | None, credential: Credential | None) -> Question:
    """Ask for a token for `scope` and nothing more, whatever the challenge would like to have."""
    service = challenge.parameters.get("service")
    fields = {"service": service, "scope": scope}
    if isinstance(credential, IdentityToken):
        form = {"grant_type": "refresh_token", "client_id": _CLIENT, "refresh_token": credential.token, **fields}
        body = urlencode({key: value for key, value in form.items() if value is not None}).encode()
        return Question(realm, {"Content-Type": "application/x-www-form-urlencoded"}, body)
    query = urlencode({key: value for key, value in fields.items() if value is not None})
    joint = "&" if "?" in realm.target else "?"
    url = realm.at(f"{realm.target}{joint}{query}") if query else realm
    return Question(url, {"Authorization": basic(credential)} if isinstance(credential, Basic) else {})


def basic(credential: Basic) -> str:
    """Write the value of Authorization; RFC 7617, UTF-8."""
    return "Basic " + base64.b64encode(f"{credential.username}:{credential.password}".encode()).decode()


def read(raw: bytes, *, now_ms: int, subject: str) -> Token:
    """Read a token server's answer; raise `RegistryError` SM4115, `ContentError` SM5010 or SM5011."""
    value = exact.read(raw, limit=TOKEN_LIMIT, subject=subject)
    row = value if isinstance(value, dict) else {}
    text = row.get("token") or row.get("access_token")
    if not isinstance(text, str):
        raise RegistryError("SM4115", subject=subject, got="no token", want="token or access_token")
    life = row.get("expires_in")
    if not isinstance(life, int) or life <= 0:
        life = _LIFE_S
    life_ms = min(life, _LIFE_LIMIT_S) * 1000
    return Token(sendable(text, subject=subject), now_ms + max(life_ms - _MARGIN_MS, life_ms // 2))


def sendable(text: str, *, subject: str) -> str:
    """Give a token back if it may stand in a header; raise `RegistryError` SM4115, without showing it."""
    if not _SENDABLE.fullmatch(text):
        raise RegistryError("SM4115", subject=subject, got="a token with other characters", want="RFC 6750, b64token")
    return text


def _is_kin(realm: str, registry: str, others: frozenset[str]) -> bool:
    if realm in others or realm in _WELL_KNOWN.get(registry, ()):
        return True
    is_name = not realm.rpartition(".")[2].isdigit()  # what ends in a number is an address, or a part of one
    return is_name and "." in realm and registry.endswith(f".{realm}")
