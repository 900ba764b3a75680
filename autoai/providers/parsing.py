"""Careful reading of what another side sent: every provider's adapter needs the same few things."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LARGEST_COUNT = 2**31
"""What a column holds, and a hundred thousand of which can be added up."""


def scrub(text: str) -> str:
    """NUL and lone surrogates, which no database stores, become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


class Pieces:
    """A text that arrives in pieces, each scrubbed.

    A server that cuts UTF-16 ends a piece in the middle of a character: that half waits.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._half = ""

    def add(self, piece: Any) -> str:
        """What can be told now; "" for what is no text."""
        if not isinstance(piece, str) or not piece:
            return ""
        if self._half or _SURROGATE.search(piece):
            pairs = (self._half + piece).encode("utf-16-le", "surrogatepass")
            piece = pairs.decode("utf-16-le", "surrogatepass")
            self._half = piece[-1] if "\ud800" <= piece[-1] <= "\udbff" else ""
            piece = piece[:-1] if self._half else piece
        return self._keep(piece)

    def end(self) -> str:
        """The half that nothing followed, scrubbed; mostly ""."""
        half, self._half = self._half, ""
        return self._keep(half)

    @property
    def text(self) -> str:
        """All that was told."""
        return "".join(self._pieces)

    def _keep(self, piece: str) -> str:
        if piece:
            piece = scrub(piece)
            self._pieces.append(piece)
        return piece


def as_text(value: Any) -> str | None:
    """A string, scrubbed; None for anything else. Not cut here, see `error_text`."""
    return scrub(value) if isinstance(value, str) else None


def as_dict(value: Any) -> dict[str, Any]:
    """An object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_dicts(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_count(value: Any) -> int | None:
    """A number of tokens; None for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _LARGEST_COUNT else None


def json_or_none(text: bytes | str) -> Any:
    """What the JSON says; None where it is none."""
    try:
        return json.loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
    except (ValueError, RecursionError):  # bad text, bad JSON, absurd numbers or nesting
        return None


def error_object(data: Any) -> dict[str, Any]:
    """The object that describes an error: `error`, else the whole. A list's first one counts."""
    if isinstance(data, list) and data:
        data = data[0]
    error = as_dict(data).get("error")
    return error if isinstance(error, dict) else as_dict(data)


def error_text(data: Any, body: bytes) -> str:
    """The other side's own words: `error.message` where there is one, else the body.

    Not cut here: a cut through the middle of a key would leave a half that nobody recognises.
    """
    error = error_object(data)
    for text in (error.get("message"), error.get("error"), error.get("detail")):
        if isinstance(text, str) and text.strip():
            break
    else:
        text = body.decode("utf-8", "replace")
    return scrub(text.strip()) or "(nothing)"


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Retry-After as seconds or as a date (RFC 9110, 10.2.3) → seconds from `now`, else None."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        seconds = max(0.0, (date - now).total_seconds())
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
