"""Careful reading of what another side sent: every provider's adapter needs the same few things."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LARGEST_COUNT = 2**53


def scrub(text: str) -> str:
    """NUL and lone surrogates, which no database stores, become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def as_text(value: Any) -> str | None:
    """A string, scrubbed; None for anything else. Not cut here, see `error_text`."""
    return scrub(value) if isinstance(value, str) else None


def as_count(value: Any) -> int | None:
    """A number of tokens; None for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _LARGEST_COUNT else None


def error_text(data: Any, body: bytes) -> str:
    """The other side's own words: `error.message` where there is one, else the body.

    Not cut here: a cut through the middle of a key would leave a half that nobody recognises.
    """
    error = data.get("error") if isinstance(data, dict) else None
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        text = error["message"]
    elif isinstance(error, str):
        text = error
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
