"""urllib3's connections, watched: each tells its thread's `Call` which socket it uses."""

from __future__ import annotations

import socket
import threading
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .call import Call
from .resolver import Resolver
from .response import StrictResponse

_resolver = Resolver()
current = threading.local()
"""`.call` of this thread: urllib3's connections are made deep below."""


def _open(connection: HTTPConnection) -> socket.socket:
    """A connected socket for the thread's call, within its deadline over all addresses."""
    call: Call = current.call
    host = connection._dns_host
    addresses = _resolver.resolve(host.strip("[]"), connection.port or 80, call)
    failure: OSError = OSError(f"no address for {host}")
    for left, (family, kind, protocol, _name, address) in zip(
        range(len(addresses), 0, -1), addresses, strict=True
    ):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(call.remaining / left)
            call.attach(sock)
            sock.connect(address)
            sock.settimeout(call.remaining)
            return sock
        except OSError as error:
            failure = error
            call.attach(None)
            sock.close()
            if call.ended_by:
                break
    raise failure


class _Watched:
    """Tells the thread's call which socket it uses, and how far the request has gone."""

    response_class: Any = StrictResponse
    sock: Any
    call: Call | None = None
    """Whose request is under way here; None while idle."""
    _connecting = False

    def connect(self) -> None:
        self._connecting = True
        try:
            super().connect()  # type: ignore[misc]  # of the connection that this is mixed into
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        if not self._connecting:  # what goes out before is CONNECT, which nobody bills
            current.call.sent = True
        super().send(data)  # type: ignore[misc]

    def request(self, *args: Any, **kwargs: Any) -> None:
        call = self.call = current.call
        if self.sock is not None:  # a pooled connection, or TLS, which connects beforehand
            call.attach(self.sock)
        super().request(*args, **kwargs)  # type: ignore[misc]
        if call.on_sent is not None:
            call.on_sent()

    def leave(self) -> None:
        """The call is over: from now on nobody but the next one may shut this socket down."""
        if self.call is not None:
            self.call.attach(None)
            self.call = None


class _WatchedConnection(_Watched, HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _open(self)


class _WatchedTLSConnection(_Watched, HTTPSConnection):
    _guard: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock = _open(self)
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


class WatchedAdapter(HTTPAdapter):
    """requests' adapter over watched connections."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _WatchedPool,
            "https": _WatchedTLSPool,
        }
