"""What an endpoint's address says."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

_CALLS = ("/chat/completions", "/responses", "/messages")
"""Paths of the calls themselves, which a person may have entered with the base URL."""


def endpoint_host(endpoint: str) -> str:
    """Who is asked: host and port. What a limit of concurrent calls is counted by."""
    return urlsplit(endpoint).netloc.lower()


def base_url(endpoint: str) -> str:
    """The API that an endpoint belongs to, however it was written: what a server that asks for
    patience slows down."""
    parts = urlsplit(endpoint.strip())
    path = parts.path.rstrip("/")
    for call in _CALLS:
        path = path.removesuffix(call)
    return urlunsplit((parts.scheme.lower(), parts.netloc.lower(), path, "", ""))
