"""What an endpoint's address says."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

_CALLS = ("/chat/completions", "/responses", "/messages")
"""Paths of the calls themselves, which a person may have entered with the base URL."""
ECHO_PATH = "/demo/v1"
"""Where the built-in echo answers."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def endpoint_host(endpoint: str) -> str:
    """Who is asked: host and port. What a limit of concurrent calls is counted by."""
    return urlsplit(endpoint).netloc.lower()


def same_recipient(known: str, other: str) -> bool:
    """May what was entered for `known` go to `other` unasked? To the same host and port, and not from
    https to a way on which everybody reads along. What is no URL goes nowhere: True."""
    try:
        old, new = _recipient(known), _recipient(other)
    except ValueError:
        return True
    return old[1:] == new[1:] and not (old[0] == "https" and new[0] == "http")


def _recipient(endpoint: str) -> tuple[str, str, int | None]:
    parts = urlsplit(endpoint.strip())
    usual = parts.port in (None, {"http": 80, "https": 443}.get(parts.scheme))
    return parts.scheme, parts.hostname or "", None if usual else parts.port


def base_url(endpoint: str) -> str:
    """The API that an endpoint belongs to, however it was written: what a server that asks for
    patience slows down."""
    parts = urlsplit(endpoint.strip())
    path = parts.path.rstrip("/")
    for call in _CALLS:
        path = path.removesuffix(call)
    return urlunsplit((parts.scheme.lower(), parts.netloc.lower(), path, "", ""))


def is_built_in(endpoint: str) -> bool:
    """Is it the echo that comes with AutoAI, in a process on this machine? It costs nothing."""
    return (
        base_url(endpoint).endswith(ECHO_PATH) and urlsplit(endpoint.strip()).hostname in _LOOPBACK
    )
