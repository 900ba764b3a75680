"""Pieces of pages that are written once for the same values.

    {% call once("row", run.id, run.status) %} … {% endcall %}

The key must hold every value that the piece shows, so nothing has to be forgotten when something
changes: other values are another key. Language and time zone of the reader are always part of it.
It may have lists, dicts and dataclasses of plain values, but no row of the database, which is
another object each time.

`recently` is for pages that have no such key, because to find the values is the work: they are written
for each who asks while they are few, and about once a second for all of them while they are many.

What differs from request to request though the piece is the same stands in it as `slot(name)`, which
is filled in each time: the CSRF token, and where the person is.
"""

from __future__ import annotations

import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from threading import Lock
from typing import TypeVar

from cachetools import LRUCache
from flask import Flask, g
from markupsafe import Markup, escape

from .reader import reader

MOST_LETTERS = 8_000_000
"""Of all pieces that one process keeps: some tens of megabytes at most."""
BUSY, BUSY_SECONDS = 4, 0.1
"""So many pieces of `recently` that are asked for within `RECENT` seconds, and so much time that it
would take to write each of them, before they are shared. One person alone never asks for so many."""
RECENT = 1.0
OLD = 0.8
"""At this age one who asks writes the piece anew, while the others still get the one that there is."""
MOST_RECENT = 50
_SECRET = secrets.token_hex(8)  # so that no text of a stranger can be taken for a slot
_SLOT = re.compile(f"slot-{_SECRET}-([a-z_]+);")

_PLAIN = frozenset({str, int, bool, type(None), datetime, date, Decimal})
Value = TypeVar("Value")
Slots = dict[str, Callable[[], str]]


class Key(tuple[Hashable, ...]):
    """Plain values that need not be looked through again."""

    __slots__ = ()


@dataclass(frozen=True)
class Recent:
    """A piece that was written a moment ago."""

    at: float
    took: float
    """seconds to write it"""
    revision: int
    parts: list[str]

    def is_good(self, now: float, revision: int, exact: bool) -> bool:
        """For who asks at `now` for what there is as of `revision`."""
        return now - self.at < RECENT and (self.revision == revision or not exact)


@dataclass
class Asking:
    """What stays the same until the end of a request."""

    reader: tuple[str, str]
    """Language and time zone, as parts of every key."""
    filled: dict[str, Markup] = field(default_factory=dict)
    """What stands in the slots."""
    keeping: bool = False
    """Is a piece being written that is kept?"""


def _asking() -> Asking:
    here = g._get_current_object()
    try:
        found: Asking = here.asking
    except AttributeError:
        found = here.asking = Asking((reader().locale, str(reader().zone)))
    return found


class Fragments:
    """The pieces of one app."""

    def __init__(
        self,
        slots: Slots,
        most_letters: int = MOST_LETTERS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.busy_seconds = BUSY_SECONDS
        self._slots = slots
        self._monotonic = monotonic
        self._recent: LRUCache[Hashable, Recent] = LRUCache(MOST_RECENT)
        self._asked: deque[float] = deque()
        """When pieces of `recently` were asked for."""
        self._being_written: set[Hashable] = set()
        self._lock = Lock()
        self._kept: LRUCache[Hashable, list[str]] = LRUCache(most_letters, getsizeof=_letters)

    def once(self, name: str, *key: object, caller: Callable[[], str]) -> Markup:
        """The piece `name` for these values, for `{% call %}`."""
        return self._piece((name, *_asking().reader, frozen(key)), caller)

    def each_once(
        self,
        name: str,
        values: Iterable[Value],
        key_of: Callable[[Value], object],
        caller: Callable[[Value], str],
    ) -> Markup:
        """Such a piece for each of `values`, for `{% call(value) %}`."""
        reader = _asking().reader
        return _together(
            self._piece((name, *reader, (frozen(key_of(value)),)), partial(caller, value))
            for value in values
        )

    def _piece(self, whole: Hashable, write: Callable[[], str]) -> Markup:
        with self._lock:
            parts = self._kept.get(whole)
        if parts is None:
            parts = _SLOT.split(self._written(write))
            with self._lock:
                if _letters(parts) <= self._kept.maxsize:
                    self._kept[whole] = parts
        return self._finished(parts)

    def recently(
        self, name: str, revision: int, exact: bool, *key: object, caller: Callable[[], str]
    ) -> Markup:
        """The piece `name` as of `revision`; while many ask, as it was up to a second ago, or with
        `exact`, only where nothing has changed since."""
        whole = (name, *_asking().reader, frozen(key))
        now = self._monotonic()
        with self._lock:
            found = self._shared(whole, now)
            if found is not None and not found.is_good(now, revision, exact):
                found = None
            if found is not None and now - found.at >= OLD and whole not in self._being_written:
                found = None
            if found is None:
                self._being_written.add(whole)
        if found is not None:
            return self._finished(found.parts)
        try:
            parts = _SLOT.split(self._written(caller))
        finally:
            with self._lock:
                self._being_written.discard(whole)
        with self._lock:
            self._recent[whole] = Recent(now, self._monotonic() - now, revision, parts)
        return self._finished(parts)

    def _shared(self, whole: Hashable, now: float) -> Recent | None:
        """The newest there is of a piece, while many ask."""
        while self._asked and now - self._asked[0] >= RECENT:
            self._asked.popleft()
        self._asked.append(now)
        found = self._recent.get(whole)
        if found is None or len(self._asked) <= BUSY:
            return None
        return found if len(self._asked) * found.took >= self.busy_seconds else None

    def forget(self) -> None:
        """Keep nothing of what was written until now."""
        with self._lock:
            self._kept.clear()
            self._recent.clear()

    def _finished(self, parts: list[str]) -> Markup:
        """With the slots filled in."""
        filled = [*parts]
        for place in range(1, len(parts), 2):
            filled[place] = self.slot(parts[place])
        return _together(filled)

    def slot(self, name: str) -> Markup:
        """What stands here: in a piece that is kept, the mark of it."""
        asking = _asking()
        if asking.keeping:
            return Markup(f"slot-{_SECRET}-{name};")  # noqa: S704
        if name not in asking.filled:
            asking.filled[name] = escape(self._slots[name]())
        return asking.filled[name]

    @staticmethod
    def _written(caller: Callable[[], str]) -> str:
        asking = _asking()
        within, asking.keeping = asking.keeping, True
        try:
            return str(caller())
        finally:
            asking.keeping = within


def _together(pieces: Iterable[str]) -> Markup:
    return Markup("".join(pieces))  # noqa: S704 - written by templates, which escape


def _letters(parts: list[str]) -> int:
    return sum(map(len, parts)) + 200  # the key and the entry take room, too


def frozen(value: object) -> Hashable:
    """Plain values as a key, whatever they are kept in."""
    if type(value) in _PLAIN or isinstance(value, Key):
        return value
    if isinstance(value, list | tuple):
        return tuple(map(frozen, value))
    if isinstance(value, Mapping):
        return tuple((name, frozen(each)) for name, each in value.items())
    if is_dataclass(value) and not isinstance(value, type):
        return tuple(frozen(getattr(value, each.name)) for each in fields(value))
    assert isinstance(value, Hashable)  # noqa: S101 - or hash() says so
    return value


def fragments_of(app: Flask) -> Fragments:
    """The pieces of `app`."""
    found: Fragments = app.extensions["fragments"]
    return found


def init_app(app: Flask, slots: Slots) -> None:
    """Give the templates `once`, `each_once` and `slot`."""
    fragments = app.extensions["fragments"] = Fragments(slots)
    app.jinja_env.globals.update(
        once=fragments.once, each_once=fragments.each_once, slot=fragments.slot
    )
