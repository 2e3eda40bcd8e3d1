"""Requests of a push: credentials for the registry's own host, bounded answers, no redirects, and some patience.

requests sends; who may be sent what, and what an answer means, is `registry.http`'s to say, as for reading.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import requests

from secmount.errors import RegistryError, SecmountError
from secmount.publish.push.session import Session, judging
from secmount.registry.credentials.value import Credentials
from secmount.registry.hosts.value import Location
from secmount.registry.http.authorizer import Authorizer
from secmount.registry.http.client import WAIT_LIMIT_MS, Effects
from secmount.registry.http.settings import HttpSettings
from secmount.registry.http.tokens import TOKEN_LIMIT, Question
from secmount.registry.http.wire import faults, tls
from secmount.registry.http.wire.answers import Answer
from secmount.registry.http.wire.transport import Deadline, Transport
from secmount.registry.http.wire.url import Url

_ROUNDS = 3  # without credentials, with a token that no longer holds, with a new one
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BACKOFF_MS = 250


class Body:
    """A body that is streamed, of a known length; it can be sent again unless `once`."""

    def __init__(self, chunks: Iterable[bytes], size: int, *, once: bool = False) -> None:
        self._chunks, self._size, self.once = chunks, size, once

    def __len__(self) -> int:  # from which requests takes Content-Length, and sends no chunked encoding
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


class Wire:
    """All requests to one registry; nothing is contacted before the first."""

    def __init__(self, location: Location, credentials: Credentials, settings: HttpSettings, effects: Effects) -> None:
        """Take where, as whom and how; raise `RegistryError` SM4134 for certificates that cannot be used, SM4136."""
        access = location.access
        deadline = Deadline(settings, subject=f"{access.host}/{location.repository}")
        self._transport = Transport(access, settings, deadline)  # for token servers
        self.root = self._transport.root
        self._scope = f"repository:{location.repository}:pull,push"
        self._attempts, self._effects, self._deadline = settings.attempts, effects, deadline
        realms = settings.realms.get(access.host, frozenset())
        self._authorizer = Authorizer(location, credentials, realms, effects.clock)
        self._session = Session(
            tls.own_context(access),
            verify=access.verify,
            judge=judging(self._private, private=settings.private_addresses),
            left=deadline.left,
            user_agent=settings.user_agent,
            environment=os.environ if settings.environment is None else settings.environment,
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
        self._transport.close()

    @property
    def session(self) -> requests.Session:
        """The session of requests, with the registry's own host."""
        return self._session.requests

    def request(
        self,
        method: str,
        target: Url,
        headers: Mapping[str, str],
        body: bytes | Body | None,
        *,
        limit: int,
        again: bool,
    ) -> requests.Response:
        """Send a request to the registry; its answer has been read, up to `limit` bytes.

        `again`: another attempt may be made after a transient failure. Raise `RegistryError` SM41xx, SM4321 (a
        redirect), `ContentError` SM5011, and what reading the body raises.
        """
        if target.origin != self.root.origin:
            raise RegistryError("SM4320", subject=self.root.place, got=target.place, want=self.root.place)
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._once(method, target, headers, body, limit)
            except SecmountError as err:
                self.pause(attempt if again else self._attempts, err)

    def pause(self, attempt: int, failure: SecmountError) -> None:
        """Wait before another attempt, after `attempt` of them; raise `failure` if there is to be none."""
        if attempt >= self._attempts or not faults.is_transient(failure):
            raise failure
        spread = int.from_bytes(self._effects.random(4), "big") / (1 << 32)
        wait_ms = _BACKOFF_MS * 2 ** (attempt - 1) * (0.5 + spread / 2)
        if isinstance(failure, faults.BusyError) and failure.after is not None:
            asked_ms = faults.delay_ms(failure.after, now_ms=self._effects.clock())
            if asked_ms > WAIT_LIMIT_MS:
                raise failure
            wait_ms += asked_ms
        if not self._deadline.allows(wait_ms / 1000):
            raise failure
        self._effects.sleep(wait_ms / 1000)

    def _once(
        self, method: str, target: Url, headers: Mapping[str, str], body: bytes | Body | None, limit: int
    ) -> requests.Response:
        place = self.root.place
        for _ in range(_ROUNDS):
            sent = self._authorizer.header(self._scope, self.root, self._ask)
            response = self._send(method, target, {**headers, "Authorization": sent}, body)
            status, asked = response.status_code, response.headers.get("WWW-Authenticate")
            if status in _REDIRECTS and method != "HEAD":
                response.close()
                raise RegistryError("SM4321", subject=place, got=f"{method} answered by {status}", want="an answer")
            if status not in (401, 403, 429) and (status < 500 or status == 501):
                self._read(response, target, limit)
                return response
            after = response.headers.get("Retry-After")
            raw = Answer(response.raw, target, own=True).read_error(faults.ERROR_LIMIT)
            if status not in (401, 403):
                raise faults.status(status, raw, subject=place, after=after)
            if status == 403 or asked is None or not self._authorizer.learn(asked, self._scope, sent, self.root):
                known = self._authorizer.has_credentials
                raise faults.refusal(status, raw, subject=place, known=known)
            if isinstance(body, Body) and body.once:  # what was read of it is gone: the upload begins anew
                raise RegistryError("SM4101", subject=place, got="credentials asked for in the middle of an upload")
        raise faults.refusal(401, b"", subject=place, known=self._authorizer.has_credentials)

    def _send(self, method: str, target: Url, headers: Mapping[str, str | None], body: Any) -> requests.Response:
        try:
            return self._session.send(method, target, headers, body)
        except SecmountError:
            raise
        except Exception as err:  # a hostile answer makes http.client raise what it likes
            raise faults.failure(err, subject=target.place) from err

    def _read(self, response: requests.Response, target: Url, limit: int) -> None:
        """Read the body as it was sent, within bounds, and put it where requests has it."""
        with Answer(response.raw, target, own=True) as answer:
            if response.status_code >= 400 or answer.length == 0 or response.request.method == "HEAD":
                raw = answer.read_error(faults.ERROR_LIMIT) if response.request.method != "HEAD" else b""
            else:
                raw = answer.check_plain().read(limit, subject=target.place)
        response._content = raw  # noqa: SLF001  # as requests itself would, but bounded and not decoded

    def _ask(self, question: Question) -> bytes:
        """Ask a token server, which may not send us elsewhere: what goes there is a secret."""
        own = question.url.origin == self.root.origin
        answer = self._transport.exchange(question.url, question.headers, own=own, body=question.body)
        if answer.status == 200:
            with answer.check_plain():
                return answer.read(TOKEN_LIMIT, subject=question.url.place)
        after, raw = answer.header("Retry-After"), answer.read_error(faults.ERROR_LIMIT)
        if answer.status in (400, 401, 403):
            raise faults.refusal(401, raw, subject=question.url.place, known=self._authorizer.has_credentials)
        raise faults.status(answer.status, raw, subject=question.url.place, after=after)

    def _private(self, address: str) -> RegistryError:
        return RegistryError("SM4121", subject=self.root.place, got=address, want="a public address")
