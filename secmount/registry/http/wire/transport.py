"""Single exchanges and the redirects between them: proxies, TLS, deadlines, and who may be talked to.

Redirects are followed here, not by the library: at most five, never from https to http, never twice to one place.
Credentials and client certificates go to the registry's own origin; a chain that has left it once gets none any more.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Mapping

import urllib3

from secmount.errors import RegistryError
from secmount.registry.hosts.value import Access
from secmount.registry.http.settings import HttpSettings
from secmount.registry.http.wire import tls
from secmount.registry.http.wire import url as urls
from secmount.registry.http.wire.addresses import Reach, reach
from secmount.registry.http.wire.answers import Answer
from secmount.registry.http.wire.faults import ERROR_LIMIT, FAULTS, failure
from secmount.registry.http.wire.proxies import Proxy, proxy_for
from secmount.registry.http.wire.sockets import Judge, pools
from secmount.registry.http.wire.url import Url

REDIRECTS = 5
REDIRECT = frozenset({301, 302, 303, 307, 308})
_CONNECTIONS = 16  # kept for reuse, a host
_INWARD = frozenset({Reach.LOOPBACK, Reach.METADATA})  # where nobody is led from outside


class Deadline:
    """The end of all of a source's work; it begins to run with the first request."""

    def __init__(self, settings: HttpSettings, *, subject: str) -> None:
        self._limit = None if settings.deadline_ms is None else settings.deadline_ms / 1000
        self._step = settings.timeout_ms / 1000
        self._subject = subject
        self._end: float | None = None

    def left(self) -> float:
        """Give the seconds that a single step may take; raise `RegistryError` SM4103 when it is over."""
        if self._limit is None:
            return self._step
        now = time.monotonic()
        if self._end is None:
            self._end = now + self._limit
        if now >= self._end:
            raise RegistryError("SM4103", subject=self._subject, got=f"more than {self._limit:g} s")
        return min(self._step, self._end - now)

    def allows(self, seconds: float) -> bool:
        """Say whether anything could still be done after waiting so long."""
        return self._limit is None or self._end is None or time.monotonic() + seconds < self._end


class Transport:
    """Connections for one registry's sake; the first is made by the first request."""

    def __init__(self, access: Access, settings: HttpSettings, deadline: Deadline) -> None:
        """Keep what is needed; raise `RegistryError` SM4136 if the host cannot be one."""
        try:
            self.root = urls.of_host(access.scheme, access.host)
        except ValueError as err:
            raise RegistryError("SM4136", subject=access.host, got=str(err), want="HOST[:PORT]") from err
        self._access = access
        self._settings = settings
        self._deadline = deadline
        self._lock = threading.Lock()
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._managers: dict[tuple[bool, Proxy | None], urllib3.PoolManager] = {}
        self._near: set[Reach] = set()  # where the registry itself was met

    def close(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()
            self._managers.clear()

    def follow(self, target: str, headers: Mapping[str, str], authorization: str | None) -> Answer:
        """Get `target` of the registry, wherever it leads; raise `RegistryError` SM41xx."""
        url, own, seen = self.root.at(target), True, set[str]()
        while True:
            own = own and url.origin == self.root.origin
            secret = {"Authorization": authorization} if own and authorization else {}
            try:
                answer = self.exchange(url, {**headers, **secret}, own=own)
            except RegistryError as err:
                if seen or not self._may_do_without_tls(err):
                    raise
                self.root = urls.of_host("http", self._access.host)
                url = self.root.at(target)
                continue
            if answer.status not in REDIRECT:
                return answer
            seen.add(url.text)
            where = answer.header("Location")
            answer.read_error(ERROR_LIMIT)
            url = _next(url, where, seen)

    def _may_do_without_tls(self, err: RegistryError) -> bool:
        """Whether registries.conf lets this host, which does not speak TLS, be asked without."""
        return err.code == "SM4133" and self._access.or_http and self.root.scheme == "https"

    def exchange(self, url: Url, headers: Mapping[str, str], *, own: bool, body: bytes | None = None) -> Answer:
        """Send one request, a GET or with a `body` a POST; `own`: to the registry itself."""
        judge = self._judge_own if own else self._judge_led
        sent = {"User-Agent": self._settings.user_agent, "Accept-Encoding": "identity", **headers}
        try:
            _judge_literal(url, judge)
            step = self._deadline.left()
            response = self._manager(url, own=own).urlopen(
                "GET" if body is None else "POST",
                url.text,
                body=body,
                headers=sent,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=step, read=step),
            )
        except FAULTS as err:
            self._deadline.left()
            raise failure(err, subject=url.place) from err
        return Answer(response, url, own=own)

    def _manager(self, url: Url, *, own: bool) -> urllib3.PoolManager:
        environment = os.environ if self._settings.environment is None else self._settings.environment
        proxy = proxy_for(url, environment)
        with self._lock:
            found = self._managers.get((own, proxy))
            if found is None:
                found = self._managers[own, proxy] = self._new_manager(url, proxy, own=own)
            return found

    def _new_manager(self, url: Url, proxy: Proxy | None, *, own: bool) -> urllib3.PoolManager:
        context = self._context(own=own) if url.scheme == "https" else None
        if proxy is None:
            manager = urllib3.PoolManager(maxsize=_CONNECTIONS, ssl_context=context)
        else:
            headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
            manager = urllib3.ProxyManager(
                proxy.url.text,
                proxy_headers=headers,
                proxy_ssl_context=ssl.create_default_context() if proxy.url.scheme == "https" else None,
                maxsize=_CONNECTIONS,
                ssl_context=context,
            )
        judge = self._judge_own if own else self._judge_led
        return pools(manager, judge=judge, left=self._deadline.left)

    def _context(self, *, own: bool) -> ssl.SSLContext:
        """Give a context; loading the system's authorities takes 80 ms, so one serves for both where it may."""
        particular = own and (self._access.client_certificate is not None or not self._access.verify)
        if particular not in self._contexts:
            self._contexts[particular] = (tls.own_context if particular else tls.led_context)(self._access)
        return self._contexts[particular]

    def _judge_own(self, address: str) -> None:
        found = reach(address)
        if found is not Reach.PUBLIC and not self._settings.private_addresses:
            raise _refused(self.root, address, found)
        self._near.add(found)

    def _judge_led(self, address: str) -> None:
        found = reach(address)
        inward = found in _INWARD and found not in self._near
        if inward or (found is not Reach.PUBLIC and not self._settings.private_addresses):
            raise _refused(self.root, address, found)


def _next(url: Url, where: str | None, seen: set[str]) -> Url:
    try:
        found = urls.parse(where or "", base=url) if where else None
    except ValueError as err:
        raise RegistryError("SM4120", subject=url.place, got=f"a redirect to {err}") from None
    if found is None:
        raise RegistryError("SM4120", subject=url.place, got="a redirect to nowhere")
    if url.scheme == "https" and found.scheme == "http":
        raise RegistryError("SM4120", subject=url.place, got=f"a redirect to {found.place}", want="https")
    if found.text in seen:
        raise RegistryError("SM4120", subject=url.place, got="a redirect to where it came from")
    if len(seen) > REDIRECTS:
        raise RegistryError("SM4120", subject=url.place, got=f"more than {REDIRECTS} redirects")
    return found


def _judge_literal(url: Url, judge: Judge) -> None:
    """Judge a host that is written as an address, which a proxy would otherwise be asked for unseen."""
    try:
        reach(url.host)
    except ValueError:
        return  # a name, judged when it has been resolved
    judge(url.host)


def _refused(root: Url, address: str, found: Reach) -> RegistryError:
    return RegistryError("SM4121", subject=root.place, got=f"{address} ({found.value})", want="a public address")
