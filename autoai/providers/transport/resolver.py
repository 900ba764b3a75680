"""Names → addresses, within a call's deadline."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import Any

from .call import Call, started

_SLICE = 0.2
"""Seconds between looks at whether a call that resolves a name has been ended."""


class Resolver:
    """Asks in threads that can be abandoned. Equal questions share one thread."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], Future[list[Any]]] = {}
        self._lock = threading.Lock()

    def resolve(self, host: str, port: int, call: Call) -> list[Any]:
        """What `getaddrinfo` answers; `TimeoutError` at the deadline, `OSError` on failure."""
        with suppress(OSError, UnicodeError):  # an address needs no question, and so no thread
            return socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        with self._lock:
            future = self._asked.get((host, port))
            if future is None:
                future = Future()
                started(self._ask, "resolver", host, port, future)
                self._asked[host, port] = future
        while True:
            try:
                return future.result(timeout=min(_SLICE, call.remaining))
            except FutureTimeout:
                if call.ended_by or call.deadline <= time.monotonic():
                    raise TimeoutError(f"the name {host} was not resolved in time") from None

    def _ask(self, host: str, port: int, future: Future[list[Any]]) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._forget(host, port)
            future.set_exception(
                error if isinstance(error, OSError) else OSError(f"not a host name: {host}")
            )
        else:
            self._forget(host, port)
            future.set_result(found)

    def _forget(self, host: str, port: int) -> None:
        with self._lock:
            self._asked.pop((host, port), None)
