"""The files in static/: an address that changes when the file does, and each of them packed only once."""

from __future__ import annotations

import gzip
import hashlib
import os
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, request

_A_YEAR = 365 * 24 * 3600
_TEXT = frozenset({".css", ".js", ".svg", ".json", ".txt", ".html"})


def asset(name: str) -> str:
    """The address of a file in static/: it holds a hash of the content, so it may be kept for long."""
    return f"{current_app.static_url_path}/{name}?v={_fingerprint(*_state(current_app, name))}"


def deliver(response: Response) -> None:
    """Finish an answer with a file: how long it may be kept, and packed where the browser takes that.

    Only an address with the hash of what is sent now may be kept. Any other is asked for again, or
    a page and a file of two versions would be stuck together for a year.
    """
    response.headers["Cache-Control"] = "no-cache"
    if response.status_code not in (200, 304):
        return
    state = _state(current_app, (request.view_args or {})["filename"])
    fingerprint = _fingerprint(*state)
    if request.args.get("v") == fingerprint:
        response.headers["Cache-Control"] = f"public, max-age={_A_YEAR}, immutable"
    is_text = os.path.splitext(state[0])[1] in _TEXT
    if is_text:
        response.vary.add("Accept-Encoding")
    if response.status_code == 200 and is_text and _takes_gzip():
        response.direct_passthrough = False
        response.set_data(_packed(*state))
        response.headers["Content-Encoding"] = "gzip"
        response.headers.pop("Accept-Ranges", None)
        response.set_etag(f"{fingerprint}-gzip")
        response.make_conditional(request)


def _takes_gzip() -> bool:
    return request.accept_encodings.quality("gzip") > 0 and "Range" not in request.headers


def _state(app: Flask, name: str) -> tuple[str, int, int]:
    """What tells that a file has changed: path, time in nanoseconds, size in bytes."""
    path = f"{app.static_folder}/{name}"
    found = os.stat(path)
    return path, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=256)
def _fingerprint(path: str, _changed: int, _size: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:10]


@lru_cache(maxsize=64)
def _packed(path: str, _changed: int, _size: int) -> bytes:
    return gzip.compress(Path(path).read_bytes(), 9, mtime=0)
