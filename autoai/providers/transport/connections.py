"""urllib3's connections, watched: each tells its thread's `Call` which socket it uses."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import SSLError

from .call import Call
from .dialer import Dialer
from .response import StrictResponse

_TUNNEL_REFUSED = re.compile(r"Tunnel connection failed: (\d{3})")


class Current(threading.local):
    """What this thread is sending: urllib3 makes connections deep below, without telling for whom."""

    call: Call
    dialer: Dialer


current = Current()


class ProxyTrouble(OSError):
    """The proxy did not bring us to the other side; what it said itself is not repeated, as it
    may hold its password. `status` is what it answered to CONNECT."""

    def __init__(self, text: str, status: int | None = None, tls: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.tls = tls


class _Response(StrictResponse):
    def _read_status(self) -> tuple[str, int, str]:
        found = super()._read_status()
        current.call.answering = current.call.sent  # what answers a CONNECT is not the answer
        return found


class _Watched:
    """Tells the thread's call which socket it uses, and how far the request has gone.

    Head and body go out together: in a burst, each turn at the network costs a run its turn at
    Python.
    """

    response_class: Any = _Response
    sock: Any
    proxy: Any
    call: Call | None = None
    """Whose request is under way here; None while idle."""
    _connecting = False
    _held: list[bytes] | None = None
    """What is to go out as one."""

    def _new_conn(self) -> socket.socket:
        host = self._dns_host.strip("[]")  # type: ignore[attr-defined]  # as it was given, with its dot
        port: int = self.port  # type: ignore[attr-defined]
        with _proxy_named(self.proxy, "not reached"):
            return current.dialer.dial(host, port, current.call)

    def connect(self) -> None:
        self._connecting = True
        try:
            super().connect()  # type: ignore[misc]  # of the connection that this is mixed into
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        if self._held is not None:
            self._held.append(data)
            return
        if self.sock is None:
            self.connect()
        if not self._connecting:  # what goes out before is CONNECT, which nobody bills
            current.call.sent = True
        super().send(data)  # type: ignore[misc]

    def request(self, *args: Any, **kwargs: Any) -> None:
        call = self.call = current.call
        if self.sock is not None:  # a pooled connection, or TLS, which connects beforehand
            call.attach(self.sock)
        held = self._held = []
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
        finally:
            self._held = None
        self.send(b"".join(held))
        if call.on_sent is not None:
            call.on_sent()

    def leave(self) -> None:
        """The call is over: from now on nobody but the next one may shut this socket down."""
        if self.call is not None:
            self.call.attach(None)
            self.call = None


class _WatchedConnection(_Watched, HTTPConnection):
    pass


class _WatchedTLSConnection(_Watched, HTTPSConnection):
    _guard: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        # Wrapping detaches the plain socket from its descriptor. During the handshake a duplicate
        # is what can be shut down.
        self._guard = sock.dup()
        current.call.attach(self._guard)
        return sock

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            current.call.attach(self.sock)
            if self._guard is not None:
                self._guard.close()
                self._guard = None

    def _connect_tls_proxy(self, hostname: str, sock: socket.socket) -> ssl.SSLSocket:
        with _proxy_named(self.proxy, "no secure connection", tls=True):
            return super()._connect_tls_proxy(hostname, sock)

    def _tunnel(self) -> None:
        with _proxy_named(self.proxy, "no proper answer"):
            super()._tunnel()


@contextmanager
def _proxy_named(proxy: Any, text: str, tls: bool = False) -> Iterator[None]:
    """What goes wrong inside is the proxy's affair, if there is one."""
    try:
        yield
    except (OSError, HTTPException, SSLError) as error:
        if proxy is None:
            raise
        if refused := _TUNNEL_REFUSED.search(str(error)):
            status = int(refused[1])
            raise ProxyTrouble(f"it refused with HTTP {status}", status) from error
        detail = error.strerror if isinstance(error, OSError) else None
        raise ProxyTrouble(f"{text}: {detail}" if detail else text, tls=tls) from error


class _WatchedPool(HTTPConnectionPool):
    ConnectionCls = _WatchedConnection

    def _put_conn(self, conn: Any) -> None:
        _leave(conn)
        super()._put_conn(conn)


class _WatchedTLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLSConnection

    def _put_conn(self, conn: Any) -> None:
        _leave(conn)
        super()._put_conn(conn)


def _leave(conn: Any) -> None:
    if isinstance(conn, _Watched):
        conn.leave()


WATCHED_POOLS: dict[str, Any] = {"http": _WatchedPool, "https": _WatchedTLSPool}
