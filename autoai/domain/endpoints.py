"""What an endpoint's address says."""

from __future__ import annotations

from urllib.parse import urlsplit


def endpoint_host(endpoint: str) -> str:
    """Who is asked: host and port. What a limit of concurrent calls is counted by."""
    return urlsplit(endpoint).netloc.lower()
