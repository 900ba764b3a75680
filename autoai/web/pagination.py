"""Pages of a list whose filter and page number live in the address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

LAST = 1_000_000
"""No list is that long; numbers beyond would only make the database count."""

_LONGEST = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def search_text(text: str | None) -> str:
    """What somebody looks for, without what no column holds."""
    return _CONTROL.sub("", text or "").strip()[:_LONGEST]


def page_number(text: str | None) -> int:
    """The page that an address asks for, from 1; what is no such number means the first."""
    text = (text or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LAST))):
        return 1
    return min(max(int(text), 1), LAST)


@dataclass(frozen=True)
class Page:
    """One page of a list; `query` is the filter's part of the address, without the page."""

    base: str
    query: Sequence[tuple[str, str]]
    number: int
    has_next: bool

    @property
    def has_previous(self) -> bool:
        return self.number > 1

    def url(self, number: int, seen: str = "") -> str:
        """The address of page `number`, with `seen` for a part that asks whether it is still good."""
        extra = [("page", str(number))] if number > 1 else []
        extra += [("seen", seen)] if seen else []
        return f"{self.base}?{urlencode([*self.query, *extra])}".rstrip("?")


@dataclass(frozen=True)
class Stretch:
    """A stretch of a list that is read by places in it and not by numbers: `before` a place, older
    rows; `after` it, newer ones. Places are texts for addresses."""

    base: str
    query: Sequence[tuple[str, str]]
    here: tuple[str, str] | None
    """("before" or "after", place); None at the newest rows."""
    older: str | None
    newer: str | None

    @property
    def first(self) -> bool:
        """Are these the newest rows?"""
        return self.here is None

    def url(self, place: tuple[str, str] | None = None, seen: str = "") -> str:
        """The address of the stretch at `place`, by default the newest."""
        extra = [place] if place else []
        extra += [("seen", seen)] if seen else []
        return f"{self.base}?{urlencode([*self.query, *extra])}".rstrip("?")

    @property
    def older_url(self) -> str | None:
        """Where the older rows are."""
        return self.url(("before", self.older)) if self.older else None

    @property
    def newer_url(self) -> str | None:
        """Where the newer rows are."""
        return self.url(("after", self.newer)) if self.newer else None
