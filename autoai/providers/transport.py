"""HTTP as AutoAI speaks it: pooled connections, a total deadline, a bounded body, nothing followed.

requests by itself offers none of this: its timeout restarts with every byte, a redirect carries
headers along, `.netrc` replaces the Authorization header and proxy variables see it. So requests
are prepared by requests and handed straight to its adapter, past the session; the adapter's
connections tell their `Call` which socket they use, and one watchdog shuts that socket down when
the time is over or somebody ends the call.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import DecodeError, HTTPError

from ..domain.errors import CallEnded, ProviderError
from ..domain.runs import Kind, Reason

_CHUNK = 64 * 1024
_HOSTS = 256
_SLICE = 0.2
"""Seconds between looks at whether a call that resolves a name has been ended."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whole."""

    status: int
    headers: CaseInsensitiveDict[str]
    body: bytes


class Call:
    """One HTTP call under way. Any thread may `end` it; the reason that came first stays."""

    def __init__(self, timeout: float) -> None:
        self.deadline = time.monotonic() + timeout
        self.sent = False
        """Has a byte of the request been handed to the network? Then it may be billed."""
        self.answering = False
        """Has the head of the answer arrived?"""
        self.ended_by: Reason | None = None
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, never below a millisecond."""
        return max(0.001, self.deadline - time.monotonic())

    def attach(self, sock: socket.socket | None) -> None:
        """Work goes on over this socket now."""
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
        if self._socket is not None:
            with suppress(OSError):  # already closed
                # Not SSLSocket's own shutdown: that drops the TLS layer under the reader's feet.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _started(work: Callable[..., None], name: str, *args: Any) -> threading.Thread:
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
                self._thread = _started(self._run, "watchdog")
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
            call.end(Reason.TIMEOUT)


class _Resolver:
    """Names → addresses, in threads that can be abandoned. Equal questions share one thread."""

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
                _started(self._ask, "resolver", host, port, future)
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


_resolver = _Resolver()
_current = threading.local()  # the call of this thread: urllib3's connections are made deep below


def _open(connection: HTTPConnection) -> socket.socket:
    """A connected socket for the thread's call, within its deadline over all addresses."""
    call: Call = _current.call
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
    """Tells the thread's call which socket it uses, and when the first byte goes out."""

    sock: Any
    connect: Callable[[], None]

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _current.call.sent = True
        super().send(data)  # type: ignore[misc]  # of the connection that this is mixed into

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:  # a pooled connection, or TLS, which connects beforehand
            _current.call.attach(self.sock)
        super().request(*args, **kwargs)  # type: ignore[misc]


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
        _current.call.attach(self._guard)
        return sock

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            _current.call.attach(self.sock)
            if self._guard is not None:
                self._guard.close()
                self._guard = None


class _WatchedPool(HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _WatchedTLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLSConnection


class _WatchedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _WatchedPool,
            "https": _WatchedTLSPool,
        }


class Transport:
    """Sends requests. One for the whole process; safe for any number of threads.

    `pool_size` connections are kept for each host; a decoded body may have `max_bytes` bytes;
    `ca_bundle` is a file of trusted certificates instead of the usual ones.
    """

    def __init__(self, pool_size: int, max_bytes: int, ca_bundle: str | None = None) -> None:
        self._adapter = _WatchedAdapter(
            pool_connections=_HOSTS, pool_maxsize=pool_size, max_retries=0
        )
        self._max_bytes = max_bytes
        self._verify: bool | str = ca_bundle or True
        self._watchdog = Watchdog()

    def post_json(self, url: str, headers: dict[str, str], payload: Any, call: Call) -> Answer:
        """POST `payload` as JSON and read the whole answer, whatever its status.

        Raises `ProviderError` where there is no whole answer, and `CallEnded` where `call` was
        ended by something other than its deadline.
        """
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        try:
            prepared = requests.Request(
                "POST", url, headers={**headers, "Content-Type": "application/json"}, data=body
            ).prepare()
        except requests.RequestException as error:  # such as a host name with an empty label
            raise ProviderError(
                Kind.NEVER_SENT, Reason.NEVER_SENT, f"not a usable URL: {error}", final=True
            ) from error
        if call.ended_by:
            raise self._failure(call, None)
        _current.call = call
        try:
            self._watchdog.watch(call)
            return self._exchange(prepared, call)
        except ProviderError:
            raise
        except (requests.RequestException, HTTPError, OSError) as error:
            raise self._failure(call, error) from error
        finally:
            call.attach(None)
            _current.call = None

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()

    def _exchange(self, prepared: requests.PreparedRequest, call: Call) -> Answer:
        response = self._adapter.send(
            prepared,
            stream=True,
            timeout=(call.remaining, call.remaining),
            verify=self._verify,
            proxies={},
        )
        try:
            call.answering = True
            body = bytearray()
            while chunk := response.raw.read(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > self._max_bytes:
                    raise ProviderError(
                        Kind.UNUSABLE_ANSWER,
                        Reason.TOO_LARGE,
                        f"the answer is larger than {self._max_bytes} bytes",
                        http_status=response.status_code,
                    )
            if call.ended_by:  # a shut socket can look like an orderly end of the body
                raise self._failure(call, None)
        except DecodeError as error:
            raise ProviderError(
                Kind.UNUSABLE_ANSWER,
                Reason.BAD_RESPONSE,
                f"the answer's compression is broken: {error}",
                http_status=response.status_code,
            ) from error
        except BaseException:
            response.close()
            raise
        return Answer(response.status_code, response.headers, bytes(body))

    def _failure(self, call: Call, error: Exception | None) -> Exception:
        """Name what happened by how far the call had come."""
        kind = Kind.MAYBE_BILLED if call.sent else Kind.NEVER_SENT
        timed_out = call.ended_by is Reason.TIMEOUT or _is_timeout(error)
        if call.ended_by and call.ended_by is not Reason.TIMEOUT:
            return CallEnded(call.ended_by)
        if timed_out and not call.sent:
            return ProviderError(kind, Reason.TIMEOUT, "no connection within the time-out")
        if timed_out and call.answering:
            return ProviderError(kind, Reason.DEADLINE, "the answer was not complete in time")
        if timed_out:
            return ProviderError(kind, Reason.TIMEOUT, "no answer within the time-out")
        text = _innermost(error)
        if not call.sent:
            tls = isinstance(error, requests.exceptions.SSLError)
            return ProviderError(kind, Reason.TLS if tls else Reason.NEVER_SENT, text)
        return ProviderError(kind, Reason.CONNECTION_LOST, text)


def _chain(error: BaseException | None) -> list[BaseException]:
    """The exception and everything that it wraps: as cause, context, argument or reason."""
    found: list[BaseException] = []
    todo = [error]
    while todo:
        item = todo.pop(0)
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            todo += [*item.args, getattr(item, "reason", None), item.__cause__, item.__context__]
    return found


def _is_timeout(error: Exception | None) -> bool:
    return any(
        isinstance(item, (TimeoutError, requests.exceptions.Timeout)) for item in _chain(error)
    )


def _innermost(error: Exception | None) -> str:
    """The operating system's words are the ones that help: "Connection refused"."""
    for item in reversed(_chain(error)):
        if isinstance(item, OSError) and item.strerror:
            return str(item.strerror)
    return str(error) or type(error).__name__
