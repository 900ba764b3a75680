"""Where Chat Completions are, given what a person entered as the endpoint."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

_PATH = "/chat/completions"


def chat_completions_url(endpoint: str) -> str:
    """A base URL or the full one → the full one. A query string stays."""
    parts = urlsplit(endpoint.strip())
    path = parts.path.rstrip("/")
    if not path.endswith(_PATH):
        path += _PATH
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
