"""A request goes out, an answer comes in; whatever goes wrong between has a kind and a reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import DecodeError, HTTPError

from ...domain.errors import ProviderError
from ...domain.networks import NetworkRules
from ...domain.runs import Kind, Reason
from .adapter import WatchedAdapter
from .call import Call, Watchdog
from .connections import current
from .dialer import Dialer
from .failures import failure

_CHUNK = 64 * 1024
_URLS = 256
_PATIENCE = 0.05
"""Seconds."""
_PROXY_WANTS_A_PASSWORD = 407
_PORTS = {"http": 80, "https": 443}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"([\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*)?")
"""RFC 9110, 5.1 and 5.5."""
_BROKEN = (requests.RequestException, HTTPError, OSError)


@dataclass(frozen=True)
class Outgoing:
    """A request as it is sent. Its secrets are in plain text: for the length of a call."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    payload: Any = None
    """Sent as JSON; None: no body."""
    proxy: str | None = field(default=None, repr=False)
    """http://… or https://…, perhaps with a name and a password."""


class Incoming:
    """An HTTP answer whose head has arrived. Its body can be read once, whole or in pieces."""

    def __init__(self, response: requests.Response, call: Call, max_bytes: int) -> None:
        self.status: int = response.status_code
        self.headers: CaseInsensitiveDict[str] = response.headers
        self._raw = response.raw
        self._call = call
        self._max_bytes = max_bytes

    def body(self) -> bytes:
        """The whole body, decoded."""
        return b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """Pieces of the decoded body as they arrive, none of them empty."""
        taken = 0
        while chunk := self._read():
            taken += len(chunk)
            if taken > self._max_bytes:
                raise self._unusable(
                    Reason.TOO_LARGE, f"the answer is larger than {self._max_bytes} bytes"
                )
            yield chunk

    def finish(self) -> None:
        """Take the end of the body if it is there already. After an event that ends a stream, most
        servers send it at once, and the connection can be used again."""
        connection = getattr(self._raw, "connection", None)
        if connection is not None and connection.sock is not None and not self._call.ended_by:
            with suppress(*_BROKEN):
                connection.sock.settimeout(min(_PATIENCE, self._call.remaining))
                self._raw.read1(_CHUNK, decode_content=True)

    def _read(self) -> bytes:
        """What has arrived, or once something has; nothing at the end.

        read1 and not read or stream: those wait until they have as much as they were asked for.
        """
        try:
            chunk: bytes = self._raw.read1(_CHUNK, decode_content=True) or b""
        except DecodeError as error:
            raise self._unusable(
                Reason.BAD_RESPONSE, f"the answer's compression is broken: {error}"
            ) from error
        except _BROKEN as error:
            raise failure(self._call, error, self.status) from error
        if not chunk and self._call.ended_by:  # a shut socket can look like an orderly end
            raise failure(self._call, None, self.status)
        return chunk

    def _unusable(self, reason: Reason, text: str) -> ProviderError:
        return ProviderError(Kind.UNUSABLE_ANSWER, reason, text, http_status=self.status)


class Transport:
    """Sends requests. One for the whole process; safe for any number of threads.

    `pool_size` connections are kept for each host; a decoded body may have `max_bytes` bytes;
    `ca_bundle` is a file of trusted certificates instead of the usual ones; `rules` say where
    requests may go.
    """

    def __init__(
        self,
        pool_size: int,
        max_bytes: int,
        ca_bundle: str | None = None,
        rules: NetworkRules | None = None,
    ) -> None:
        self._adapter = WatchedAdapter(pool_size, ca_bundle)
        self._max_bytes = max_bytes
        self._dialer = Dialer(rules or NetworkRules())
        self._watchdog = Watchdog()

    @contextmanager
    def open(self, outgoing: Outgoing, call: Call) -> Iterator[Incoming]:
        """Send `outgoing` and hand over the answer, whatever its status, once its head is there.

        This and reading the body raise `ProviderError` where there is no whole answer, and
        `CallEnded` where `call` was ended by something other than its deadline. A body that was
        read to its end leaves the connection to the next call; else it is closed.
        """
        prepared, proxies = _prepared(outgoing), _proxies(outgoing.proxy)
        if call.ended_by:
            raise failure(call, None)
        response: requests.Response | None = None
        try:
            response = self._send(prepared, proxies, call)
            if proxies and response.status_code == _PROXY_WANTS_A_PASSWORD:
                raise _refused_by_proxy()
            incoming = Incoming(response, call, self._max_bytes)
            yield incoming
            incoming.finish()
        finally:
            if response is not None:
                response.close()  # of no effect on a connection that has gone back to the pool
            call.attach(None)

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()

    def _send(
        self, prepared: requests.PreparedRequest, proxies: dict[str, str], call: Call
    ) -> requests.Response:
        current.call, current.dialer = call, self._dialer
        try:
            self._watchdog.watch(call)
            if proxies:
                target = urlsplit(str(prepared.url))
                port = target.port or _PORTS[target.scheme]
                self._dialer.check(target.hostname or "", port, call)
            return self._adapter.send(
                prepared,
                stream=True,
                timeout=(call.remaining, call.remaining),
                proxies=proxies,
            )
        except _BROKEN as error:
            raise failure(call, error) from error
        finally:
            del current.call, current.dialer


def _prepared(outgoing: Outgoing) -> requests.PreparedRequest:
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    body = None
    if outgoing.payload is not None:
        text = json.dumps(outgoing.payload, ensure_ascii=False, separators=(",", ":"))
        body = text.encode("utf-8", "replace")  # half a surrogate pair has no bytes
        headers["Content-Type"] = "application/json"
    headers.update(outgoing.headers)
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            # Its value may be a key. What would refuse it later shows it.
            raise _unusable(f"the header {name!r} holds what HTTP does not allow")
    try:
        prepared = _taken_apart(outgoing.method, outgoing.url).copy()
        prepared.prepare_headers(headers)
        prepared.prepare_content_length(body)
        prepared.body = body
        return prepared
    except requests.RequestException as error:  # such as a host name with an empty label
        raise _unusable(f"not a usable URL: {error}") from error


@lru_cache(_URLS)
def _taken_apart(method: str, url: str) -> requests.PreparedRequest:
    """A request without headers and body. Kept, because the URL is most of the work of preparing
    one, and hundreds of runs that are due together have few different ones."""
    return requests.Request(method, url).prepare()


def _proxies(proxy: str | None) -> dict[str, str]:
    """requests' way of saying that everything goes there. Its text may hold a password."""
    if not proxy:
        return {}
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise _unusable("the proxy is not of the form http://host:port or https://host:port")
    return {"http": proxy, "https": proxy}


def _unusable(text: str) -> ProviderError:
    return ProviderError(Kind.NEVER_SENT, Reason.NEVER_SENT, text, final=True)


def _refused_by_proxy() -> ProviderError:
    return ProviderError(
        Kind.NEVER_SENT,
        Reason.NEVER_SENT,
        "the proxy: it refused with HTTP 407",
        http_status=_PROXY_WANTS_A_PASSWORD,
        final=True,
    )
