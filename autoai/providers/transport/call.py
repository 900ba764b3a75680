"""One HTTP call as others see it, and the thread that ends it at its deadline."""

from __future__ import annotations

import errno
import heapq
import itertools
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ...domain.runs import Reason

_STOOD_STILL, _GRACE = 1.0, 2.0
"""Seconds. A watchdog that is so late was stopped together with the rest of the process: an answer may
have come in time and wait to be read, and gets so long for it."""


class Call:
    """One HTTP call under way. Any thread may `end` it; the reason that came first stays."""

    def __init__(self, timeout: float) -> None:
        self.deadline = time.monotonic() + timeout
        self.sent = False
        """Has a byte of the request been handed to the network? Then it may be billed."""
        self.on_sent: Callable[[], None] | None = None
        """Called once when the kernel has the whole request. It must be quick and not raise."""
        self.answering = False
        """Has the answer begun, with its status line?"""
        self.ended_by: Reason | None = None
        self._socket: Any = None
        self._lock = threading.Lock()

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, never below a millisecond."""
        return max(0.001, self.deadline - time.monotonic())

    def attach(self, sock: Any) -> None:
        """Work goes on over this socket now; None: over none that could be shut down."""
        with self._lock:
            self._socket = sock
            if self.ended_by:
                self._shut()

    def end(self, reason: Reason) -> None:
        """Shut the call's socket down; whoever reads from it wakes up."""
        with self._lock:
            if self.ended_by is None:
                self.ended_by = reason
            self._shut()

    def _shut(self) -> None:
        # urllib3's TLS inside TLS is no socket, but holds one.
        sock = getattr(self._socket, "socket", self._socket)
        if sock is not None:
            with suppress(OSError):  # already closed
                # Not SSLSocket's own shutdown: that drops the TLS layer under the reader's feet.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


def started(work: Callable[..., None], name: str, *args: Any) -> threading.Thread:
    """A thread at work; `OSError` where the machine gives no more of them."""
    thread = threading.Thread(target=work, name=name, args=args, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, "no thread could be started") from error
    return thread


class Watchdog:
    """One thread that ends calls whose deadline has passed."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Call]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def watch(self, call: Call) -> None:
        """End `call` at its deadline, unless it is over by then."""
        with self._changed:
            if self._thread is None:
                self._thread = started(self._run, "watchdog")
            heapq.heappush(self._heap, (call.deadline, next(self._order), call))
            if self._heap[0][2] is call:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._heap:
                    self._changed.wait()
                wait = self._heap[0][0] - time.monotonic()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                _, _, call = heapq.heappop(self._heap)
                if -wait > _STOOD_STILL:
                    call.deadline = time.monotonic() + _GRACE
                    heapq.heappush(self._heap, (call.deadline, next(self._order), call))
                    continue
            call.end(Reason.TIMEOUT)
