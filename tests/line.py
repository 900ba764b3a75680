"""A raw server on loopback: a function talks to each request over the socket itself.

What no library would send, at the moment when it is sent: `tests/wire.py` is for whole answers.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Talk = Callable[[socket.socket, bytes], None]
"""Gets the connection and a whole request, head and body. Returning keeps the connection; an
`OSError` of any kind closes it."""

_LONGEST = 30.0
_CONNECTIONS = 1_000
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Hangup(OSError):
    """Raised by a `Talk` that is through with its connection."""


class Line:
    """Listens on a free port. Keeps the requests, and counts connections and bytes."""

    def __init__(self, talk: Talk, tls: ssl.SSLContext | None = None) -> None:
        self.talk = talk
        self.tls = tls
        self.connections = 0
        self.taken = 0
        """Bytes that arrived, inside TLS where there is TLS."""
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="line", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/"

    def close(self) -> None:
        # A thread in accept() keeps the port open until somebody knocks.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        for _ in range(_CONNECTIONS):
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(_LONGEST)
        with sock, suppress(OSError):  # the client may go when it likes
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            while request := self._request(sock):
                self.requests.append(request)
                self.talk(sock, request)
            sock.close()

    def _request(self, sock: socket.socket) -> bytes:
        found = b""
        while b"\r\n\r\n" not in found and (more := sock.recv(65_536)):
            self.taken += len(more)
            found += more
        head, _, body = found.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        missing = int(length[1]) - len(body) if length else 0
        while missing > 0 and (more := sock.recv(65_536)):
            self.taken += len(more)
            found += more
            missing -= len(more)
        return found


@contextmanager
def line(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[Line]:
    """A running `Line`."""
    server = Line(talk, tls)
    try:
        yield server
    finally:
        server.close()


def says(data: bytes) -> Talk:
    """Always the same answer."""

    def talk(sock: socket.socket, request: bytes) -> None:
        sock.sendall(data)

    return talk
