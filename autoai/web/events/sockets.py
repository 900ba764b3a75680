"""A request's connection, taken out of the server's hands."""

from __future__ import annotations

import os
import socket
import ssl
from contextlib import suppress
from typing import Any

_SILENT_AFTER_MS = 45_000
"""A peer that acknowledges nothing for so long is gone, though nobody has said so."""


def can_be_taken(environ: dict[str, Any]) -> bool:
    """Is the connection a plain one of gunicorn's? Not with its own TLS, HTTP/2, other servers."""
    found = environ.get("gunicorn.socket")
    return (
        isinstance(found, socket.socket)
        and not isinstance(found, ssl.SSLSocket)
        and environ.get("SERVER_PROTOCOL") in ("HTTP/1.0", "HTTP/1.1")
    )


def take_socket(environ: dict[str, Any]) -> socket.socket:
    """The connection of this request, ours from now on: nobody else writes to it or closes it.

    gunicorn shuts a connection down when its request is over, which would end ours too: so its
    descriptor is turned into that of another socket, whose other end is closed already.
    """
    theirs: socket.socket = environ["gunicorn.socket"]
    ours = theirs.dup()
    left, right = socket.socketpair()
    with left, right:
        os.dup2(left.fileno(), theirs.fileno(), inheritable=False)
    ours.settimeout(None)
    with suppress(OSError):  # a Unix socket has no such things
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_AFTER_MS)
    return ours
