"""A request goes out, an answer comes in; whatever goes wrong between has a kind and a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import DecodeError, HTTPError

from ...domain.errors import ProviderError
from ...domain.runs import Kind, Reason
from .call import Call, Watchdog
from .connections import WatchedAdapter, current
from .failures import failure

_CHUNK = 64 * 1024
_HOSTS = 256
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


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whole."""

    status: int
    headers: CaseInsensitiveDict[str]
    body: bytes


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
    `ca_bundle` is a file of trusted certificates instead of the usual ones.
    """

    def __init__(self, pool_size: int, max_bytes: int, ca_bundle: str | None = None) -> None:
        self._adapter = WatchedAdapter(
            pool_connections=_HOSTS, pool_maxsize=pool_size, max_retries=0
        )
        self._max_bytes = max_bytes
        self._verify: bool | str = ca_bundle or True
        self._watchdog = Watchdog()

    @contextmanager
    def open(self, outgoing: Outgoing, call: Call) -> Iterator[Incoming]:
        """Send `outgoing` and hand over the answer, whatever its status, once its head is there.

        This and reading the body raise `ProviderError` where there is no whole answer, and
        `CallEnded` where `call` was ended by something other than its deadline. A body that was
        read to its end leaves the connection to the next call; else it is closed.
        """
        prepared = _prepared(outgoing)
        if call.ended_by:
            raise failure(call, None)
        response: requests.Response | None = None
        try:
            response = self._send(prepared, outgoing, call)
            call.answering = True
            yield Incoming(response, call, self._max_bytes)
        finally:
            if response is not None:
                response.close()  # of no effect on a connection that has gone back to the pool
            call.attach(None)

    def post_json(self, url: str, headers: dict[str, str], payload: Any, call: Call) -> Answer:
        """POST `payload` as JSON and read the whole answer, see `open`."""
        with self.open(Outgoing("POST", url, headers, payload), call) as incoming:
            return Answer(incoming.status, incoming.headers, incoming.body())

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()

    def _send(
        self, prepared: requests.PreparedRequest, outgoing: Outgoing, call: Call
    ) -> requests.Response:
        current.call = call
        try:
            self._watchdog.watch(call)
            return self._adapter.send(
                prepared,
                stream=True,
                timeout=(call.remaining, call.remaining),
                verify=self._verify,
                proxies={},
            )
        except _BROKEN as error:
            raise failure(call, error) from error
        finally:
            current.call = None


def _prepared(outgoing: Outgoing) -> requests.PreparedRequest:
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    body = None
    if outgoing.payload is not None:
        text = json.dumps(outgoing.payload, ensure_ascii=False, separators=(",", ":"))
        body = text.encode("utf-8")
        headers["Content-Type"] = "application/json"
    headers.update(outgoing.headers)
    try:
        return requests.Request(outgoing.method, outgoing.url, headers, data=body).prepare()
    except requests.RequestException as error:  # such as a host name with an empty label
        raise ProviderError(
            Kind.NEVER_SENT, Reason.NEVER_SENT, f"not a usable URL: {error}", final=True
        ) from error
