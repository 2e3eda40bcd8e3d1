"""Requests to one registry for whoever asks it things: credentials as it demands them, attempts as it needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from secmount.errors import RegistryError, SecmountError
from secmount.oci.instant import Clock
from secmount.registry.credentials.value import Credentials
from secmount.registry.hosts.value import Location
from secmount.registry.http.authorizer import Authorizer
from secmount.registry.http.settings import HttpSettings
from secmount.registry.http.tokens import TOKEN_LIMIT, Question
from secmount.registry.http.wire import faults
from secmount.registry.http.wire.answers import Answer
from secmount.registry.http.wire.transport import REDIRECT, Deadline, Transport
from secmount.value import dataclass

WAIT_LIMIT_MS = 60_000  # the longest Retry-After that is waited for
_BACKOFF_MS = 250  # before the second attempt; twice as long before each further one
_ROUNDS = 3  # without credentials, with a token that no longer holds, with a new one
_OK = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Effects:
    """What a client needs from the world besides the network."""

    clock: Clock
    sleep: Callable[[float], None]
    random: Callable[[int], bytes]


class Client:
    """All requests to one `Location`; it opens nothing before the first. Safe to be used by several threads."""

    def __init__(
        self,
        location: Location,
        credentials: Credentials,
        settings: HttpSettings,
        *,
        effects: Effects,
        deadline: Deadline,
    ) -> None:
        """Keep what is needed; raise `RegistryError` SM4136."""
        self.location = location
        self._transport = Transport(location.access, settings, deadline)
        self._attempts = settings.attempts
        self._effects = effects
        self._deadline = deadline
        others = settings.realms.get(location.access.host, frozenset())
        self._authorizer = Authorizer(location, credentials, others, effects.clock)
        self._scope = f"repository:{location.repository}:pull" if location.repository else None

    @property
    def place(self) -> str:
        """Name the registry in errors."""
        return self._transport.root.place

    @property
    def shown(self) -> str:
        """Name the repository in errors."""
        return f"{self.location.access.host}/{self.location.repository}"

    def close(self) -> None:
        """Close the connections that are kept."""
        self._transport.close()

    def document(
        self, target: str, headers: Mapping[str, str], *, limit: int, passed: frozenset[int] = frozenset()
    ) -> tuple[Answer, bytes]:
        """Get a small document; with a status of `passed` the body is left out.

        Raise `RegistryError` SM41xx, `ContentError` SM5011 if it has more than `limit` bytes.
        """

        def once() -> tuple[Answer, bytes]:
            answer = self._send(target, headers, passed | {_OK})
            if answer.status != _OK:
                answer.read_error(faults.ERROR_LIMIT)
                return answer, b""
            with answer.check_plain():
                return answer, answer.read(limit, subject=answer.url.place)

        return self._persist(once)

    def open(self, target: str, headers: Mapping[str, str], *, passed: frozenset[int]) -> Answer:
        """Open a body to be streamed; raise `RegistryError` SM41xx, for statuses outside `passed` too."""
        return self._persist(lambda: self._send(target, headers, passed).check_plain())

    def pause(self, attempt: int, error: SecmountError) -> None:
        """Wait before another attempt after number `attempt`, or raise `error` if there is to be none."""
        if attempt >= self._attempts or not faults.is_transient(error):
            raise error
        spread = int.from_bytes(self._effects.random(4), "big") / (1 << 32)
        wait_ms = _BACKOFF_MS * 2 ** (attempt - 1) * (0.5 + spread / 2)
        if isinstance(error, faults.BusyError) and error.after is not None:
            asked_ms = faults.delay_ms(error.after, now_ms=self._effects.clock())
            if asked_ms > WAIT_LIMIT_MS:
                raise error
            wait_ms += asked_ms
        if not self._deadline.allows(wait_ms / 1000):
            raise error
        self._effects.sleep(wait_ms / 1000)

    def _persist(self, once: Callable[[], T]) -> T:
        attempt = 0
        while True:
            attempt += 1
            try:
                return once()
            except RegistryError as err:
                self.pause(attempt, err)

    def _send(self, target: str, headers: Mapping[str, str], passed: frozenset[int]) -> Answer:
        """Send a request with the credentials that the registry asks for, and only then."""
        refusal: RegistryError | None = None
        for _ in range(_ROUNDS):
            sent = self._authorizer.header(self._scope, self._transport.root, self._ask)
            answer = self._transport.follow(target, headers, sent)
            if answer.status in passed:
                return answer
            asked = answer.header("WWW-Authenticate") if answer.own and answer.status == 401 else None
            refusal = self._refusal(answer)
            if asked is None or not self._authorizer.learn(asked, self._scope, sent, self._transport.root):
                break
        assert refusal is not None
        raise refusal

    def _ask(self, question: Question) -> bytes:
        """Ask a token server, which may not send us elsewhere: what goes there is a secret."""
        own = question.url.origin == self._transport.root.origin
        answer = self._transport.exchange(question.url, question.headers, own=own, body=question.body)
        if answer.status in REDIRECT:
            answer.close()
            raise RegistryError("SM4120", subject=answer.url.place, got="a redirect of the token server")
        if answer.status in (401, 403):
            raw, known = answer.read_error(faults.ERROR_LIMIT), self._authorizer.has_credentials
            raise faults.refusal(answer.status, raw, subject=answer.url.place, known=known)
        if answer.status != _OK:
            raise self._refusal(answer)
        with answer.check_plain():
            return answer.read(TOKEN_LIMIT, subject=answer.url.place)

    def _refusal(self, answer: Answer) -> RegistryError:
        place, after = answer.url.place, answer.header("Retry-After")
        raw = answer.read_error(faults.ERROR_LIMIT)
        if answer.status in (401, 403) and answer.own:
            return faults.refusal(answer.status, raw, subject=place, known=self._authorizer.has_credentials)
        return faults.status(answer.status, raw, subject=place, after=after)
