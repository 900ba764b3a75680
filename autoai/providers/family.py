"""What a family of API translates: our request into its own, its answers and events into our words.

Everything here is pure. `client.py` speaks HTTP, the same for all families.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

from .base import Completion, Connection, Request
from .transport import Outgoing

_NAMED = {"User-Agent": "AutoAI", "Accept": "application/json"}


class UnusableAnswer(ValueError):
    """An answer that is none, in words for the person who reads the log."""


@dataclass(frozen=True)
class Page:
    """A part of the list of models; `after` asks for the next one."""

    names: list[str]
    after: str | None = None


class Reader(Protocol):
    """Makes one answer out of its events."""

    closed: bool
    """The event that ends the stream has come: nothing is waited for."""

    @property
    def answered(self) -> bool:
        """Has the model said that it ended? What may still come is its usage."""
        ...

    def take(self, name: str, data: dict[str, Any]) -> str:
        """An event that is no error → its text, scrubbed. Raises `UnusableAnswer`."""
        ...

    def end(self) -> str:
        """Nothing more comes → the text that was held back."""
        ...

    def completion(self, http_status: int) -> Completion:
        """The answer, as far as it came. Raises `UnusableAnswer` where there is none."""
        ...


class Family(Protocol):
    """One family of API."""

    @property
    def limits(self) -> tuple[str, ...]:
        """The fields of a body by which an answer's length is bounded."""
        ...

    def completion(self, request: Request) -> Outgoing:
        """What asks for a completion."""
        ...

    def whole(self, data: dict[str, Any], http_status: int) -> Completion:
        """A whole answer that holds no error. Raises `UnusableAnswer`."""
        ...

    def reader(self) -> Reader:
        """A reader for one streamed answer."""
        ...

    def models(self, connection: Connection, after: str | None) -> Outgoing:
        """What asks for the models, after those that an earlier page had."""
        ...

    def model_page(self, data: Any) -> Page:
        """What was answered to that. Raises `UnusableAnswer`."""
        ...


def outgoing(
    connection: Connection,
    url: str,
    ours: Mapping[str, str],
    payload: dict[str, Any] | None = None,
) -> Outgoing:
    """A POST of `payload`, or a GET without; the connection's own headers replace ours."""
    headers = {**_NAMED, **ours}
    replaced = {name.lower() for name in connection.extra_headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in replaced}
    headers.update(connection.extra_headers)
    method = "GET" if payload is None else "POST"
    return Outgoing(method, url, headers, payload, connection.proxy)


def address(
    endpoint: str,
    path: str,
    full: tuple[str, ...],
    version: str = "",
    query: Mapping[str, str] | None = None,
) -> str:
    """The URL of `path`, given a base URL or the full one of any path in `full`.

    A query string stays, and `query` is added to it. `version` is put before the path where a
    base URL does not end in it; a full URL is taken as it is.
    """
    parts = urlsplit(endpoint.strip())
    base = parts.path.rstrip("/")
    known = next((ending for ending in full if base.endswith(ending)), None)
    if known is not None:
        base = base.removesuffix(known)
    elif not base.endswith(version):
        base += version
    asked = "&".join(text for text in (parts.query, urlencode(query or {})) if text)
    return urlunsplit((parts.scheme, parts.netloc, base + path, asked, ""))
