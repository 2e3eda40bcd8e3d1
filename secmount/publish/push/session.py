"""Sessions of requests with nothing of their own: no netrc, no proxies of theirs, no redirects, no cookies, no certifi.

Connections are `registry.http`'s: watched sockets, the system's certificate authorities and those that are configured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar

from secmount.registry.http.wire import proxies, sockets
from secmount.registry.http.wire.addresses import Reach, reach
from secmount.registry.http.wire.proxies import Proxy
from secmount.registry.http.wire.sockets import Judge, Left
from secmount.registry.http.wire.url import Url


class _Adapter(HTTPAdapter):
    def __init__(self, context: Any, judge: Judge, left: Left) -> None:
        self._context, self._judge, self._left = context, judge, left
        self.proxy: Proxy | None = None
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        sockets.pools(self.poolmanager, judge=self._judge, left=self._left)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        made = super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)
        return sockets.pools(made, judge=self._judge, left=self._left)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave it to the context, to which requests would add certifi's authorities."""

    def proxy_headers(self, proxy: str) -> dict[str, str]:  # noqa: ARG002
        known = self.proxy is not None and self.proxy.authorization is not None
        return {"Proxy-Authorization": str(self.proxy.authorization)} if self.proxy and known else {}


class _NoCookies(RequestsCookieJar):
    def set_cookie(self, cookie: Any, *args: Any, **kwargs: Any) -> None:
        """Keep none: a registry that gets cookies back takes us for a browser, and nothing of ours needs them."""


class Session:
    """A session with the registry's own host."""

    def __init__(
        self,
        context: Any,
        *,
        verify: bool,
        judge: Judge,
        left: Left,
        user_agent: str,
        environment: Mapping[str, str],
    ) -> None:
        """Make it; nothing is contacted. `left`: seconds that one step may take."""
        self.requests = requests.Session()
        self.requests.trust_env = False  # netrc would add credentials to whatever host, REQUESTS_CA_BUNDLE authorities
        self.requests.cookies = _NoCookies()
        self.requests.headers.clear()
        self.requests.headers.update({"User-Agent": user_agent, "Accept-Encoding": "identity"})
        self.requests.verify = verify
        self._adapter = _Adapter(context, judge, left)
        self.requests.mount("https://", self._adapter)
        self.requests.mount("http://", self._adapter)
        self._left, self._environment = left, environment

    def send(self, method: str, url: Url, headers: Mapping[str, str | None], body: Any) -> requests.Response:
        """Send a request; the answer's body is not read. Raise what requests raises, `RegistryError` SM4103, SM4140."""
        seconds = self._left()
        self._adapter.proxy = proxies.proxy_for(url, self._environment)
        chosen = None if self._adapter.proxy is None else self._adapter.proxy.url.text
        return self.requests.request(
            method,
            url.text,
            data=body,
            headers={name: value for name, value in headers.items() if value is not None},
            timeout=(seconds, seconds),
            allow_redirects=False,
            stream=True,
            proxies={} if chosen is None else {"http": chosen, "https": chosen},
        )

    def close(self) -> None:
        """Close the connections."""
        self.requests.close()


def judging(refuse: Callable[[str], Exception], *, private: bool) -> Judge:
    """Give what looks at addresses: any may be private, or `refuse` says why not."""

    def judge(address: str) -> None:
        if not private and reach(address) is not Reach.PUBLIC:
            raise refuse(address)

    return judge
