"""requests' adapter over watched connections, with one TLS context and proxies kept apart."""

from __future__ import annotations

import ssl
import threading
from base64 import b64encode
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from certifi import where
from requests.adapters import HTTPAdapter
from urllib3.poolmanager import ProxyManager
from urllib3.util.ssl_ import create_urllib3_context

from .connections import WATCHED_POOLS

_HOSTS = 256


class WatchedAdapter(HTTPAdapter):
    """Its pools are keyed by host, and by proxy with its name and password: what one account
    opened through its proxy is never used by another one.

    The TLS context is made once. requests reads all certificates for every connection: some 20 ms.
    """

    def __init__(self, pool_size: int, ca_bundle: str | None) -> None:
        self._tls = _context(ca_bundle) if ca_bundle else _usual_context()
        self._lock = threading.Lock()
        super().__init__(pool_connections=_HOSTS, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._tls)
        self.poolmanager.pool_classes_by_scheme = WATCHED_POOLS

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """The context verifies. requests' own switches it off for a proxy that is spoken to over
        TLS when the target is plain http."""

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        with self._lock:
            manager: ProxyManager | None = self.proxy_manager.get(proxy)
            if manager is None:
                while len(self.proxy_manager) >= _HOSTS:
                    self.proxy_manager.pop(next(iter(self.proxy_manager))).clear()
                manager = ProxyManager(
                    _without_password(proxy),
                    num_pools=_HOSTS,
                    maxsize=self._pool_maxsize,  # type: ignore[attr-defined]
                    proxy_headers=_authorization(proxy),
                    ssl_context=self._tls,
                    proxy_ssl_context=self._tls,
                )
                manager.pool_classes_by_scheme = WATCHED_POOLS
                self.proxy_manager[proxy] = manager
            return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        return _authorization(proxy)


def _context(ca_bundle: str) -> ssl.SSLContext:
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.load_verify_locations(ca_bundle)
    return context


@cache
def _usual_context() -> ssl.SSLContext:
    """Which certificates certifi has does not change while a process lives."""
    return _context(where())


def _without_password(proxy: str) -> str:
    """For the places where urllib3 shows the proxy's address."""
    parts = urlsplit(proxy)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _authorization(proxy: str) -> dict[str, str]:
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
