"""The credentials of one registry: looked for when it asks, sent to it and to its token server only.

Tokens are kept for one host and one scope each, until shortly before they expire, in this object alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from secmount.errors import RegistryError
from secmount.oci.instant import Clock
from secmount.registry.credentials.value import Basic, Credential, Credentials, RegistryToken
from secmount.registry.hosts.value import Location
from secmount.registry.http import challenge as challenges
from secmount.registry.http import tokens
from secmount.registry.http.challenge import Challenge
from secmount.registry.http.tokens import Question, Token
from secmount.registry.http.wire.url import Url
from secmount.value import dataclass

Ask = Callable[[Question], bytes]  # sends a question to a token server and gives the body of its answer


@dataclass(slots=True)
class _Held:
    token: Token
    uses: int = 0


class Authorizer:
    """What to put into the Authorization header for one location; safe to be used by several threads."""

    def __init__(self, location: Location, credentials: Credentials, others: frozenset[str], clock: Clock) -> None:
        self._location = location
        self._credentials = credentials
        self._others = others
        self._clock = clock
        self._lock = threading.Lock()
        self._found: tuple[Credential | None] | None = None
        self._challenge: Challenge | None = None
        self._tokens: dict[str | None, _Held] = {}

    def __repr__(self) -> str:
        return f"Authorizer({self._location.access.host})"

    @property
    def has_credentials(self) -> bool:
        """Say whether credentials were found; they are looked for at the first challenge."""
        return self._found is not None and self._found[0] is not None

    def header(self, scope: str | None, registry: Url, ask: Ask) -> str | None:
        """Give the header's value for the next request, asking for a new token where there is none that holds."""
        with self._lock:
            credential = self._found[0] if self._found else None
            if self._challenge is None:
                return None
            if self._challenge.scheme == "basic":
                return tokens.basic(credential) if isinstance(credential, Basic) else None
            if isinstance(credential, RegistryToken):
                return f"Bearer {tokens.sendable(credential.token, subject=registry.place)}"
            held = self._tokens.get(scope)
            if held is None or self._clock() >= held.token.until_ms:
                held = self._tokens[scope] = _Held(self._fetch(self._challenge, credential, scope, registry, ask))
            held.uses += 1
            return f"Bearer {held.token.text}"

    def learn(self, header: str, scope: str | None, sent: str | None, registry: Url) -> bool:
        """Take in the challenge that answered a request with `sent`; say whether another one may fare better.

        Raise `RegistryError` SM4113, SM4116, and what looking for credentials raises.
        """
        found = challenges.choose(challenges.parse(header, subject=registry.place), subject=registry.place)
        with self._lock:
            if self._found is None:
                access = self._location.access
                self._found = (self._credentials.find(access.credential_key, self._location.repository),)
            credential = self._found[0]
            if credential is not None and not self._location.access.credentials:
                raise RegistryError("SM4116", subject=registry.place)
            if found != self._challenge:
                self._challenge, self._tokens = found, {}
            if found.scheme == "basic":
                return isinstance(credential, Basic) and tokens.basic(credential) != sent
            if isinstance(credential, RegistryToken):
                return f"Bearer {credential.token}" != sent
            held = self._tokens.get(scope)
            if held is None or sent != f"Bearer {held.token.text}":
                return True
            del self._tokens[scope]
            return held.uses > 1  # it was good once: the registry may have restarted

    def _fetch(
        self, challenge: Challenge, credential: Credential | None, scope: str | None, registry: Url, ask: Ask
    ) -> Token:
        realm = tokens.server(challenge, registry, self._others, secret=credential is not None)
        begun = self._clock()
        answer = ask(tokens.question(challenge, realm, scope, credential))
        return tokens.read(answer, now_ms=begun, subject=realm.place)
