"""A small HTTP proxy on loopback: CONNECT tunnels and plain requests, with or without a password."""

from __future__ import annotations

import select
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.line import Hangup, Line, line

_ROUNDS = 10_000


@contextmanager
def proxy(password: str | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Line]:
    """A running proxy; `password` is name:password, as it would stand in the proxy's URL."""
    expected = f"Proxy-Authorization: Basic {b64encode((password or '').encode()).decode()}\r\n"

    def talk(sock: socket.socket, request: bytes) -> None:
        if password is not None and expected.encode() not in request:
            sock.sendall(f"HTTP/1.1 407 {password} is wanted\r\nContent-Length: 0\r\n\r\n".encode())
            raise Hangup
        method, target, _ = request.decode("latin-1").split(" ", 2)
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            with socket.create_connection((host.strip("[]"), int(port)), 5) as other:
                sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                _pipe(sock, other)
            raise Hangup
        parts = urlsplit(target)
        with socket.create_connection((parts.hostname or "", parts.port or 80), 5) as other:
            other.sendall(request.replace(target.encode(), parts.path.encode(), 1))
            sock.sendall(other.recv(65_536))

    with line(talk, tls) as server:
        yield server


def _pipe(one: socket.socket, two: socket.socket) -> None:
    for _ in range(_ROUNDS):
        pending = isinstance(one, ssl.SSLSocket) and one.pending()
        ready = [one] if pending else select.select([one, two], [], [], 10)[0]
        if not ready:
            return
        for source in ready:
            data = source.recv(65_536)
            if not data:
                return
            (two if source is one else one).sendall(data)
