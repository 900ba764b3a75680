"""What the search index says: which runs have certain words in their messages, answer or error.

FTS5 hands out the numbers of runs in their order, in either direction and between any two of them,
at 0.2 to 0.4 µs each, and needs 0.2 ms to begin anywhere. That is all that is used of it here: pages
by due time are put together in `search_pages`. What it is bad at, with a million runs: counting all
that have a common word (90 ms), asking it of runs one by one (0.2 ms each), and its own `word*`, for
which it first gathers every place of every such word (up to seconds). So the endings are looked up in
its list of entries and asked for as alternatives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from ..domain.search import parse
from ..extensions import db
from . import plain

MOST_ENDINGS = 200
"""Of a word that goes on: the first ones, by the alphabet."""
MOST_READ = 50_000
"""Numbers that one page may read from the index, 20 ms of them."""
_BEGINNING = 400
"""How many could be read in the time that beginning at another place takes, for each few entries."""
_ENTRIES_AT_ONCE = 4

_ENTRIES = text(
    "CREATE VIRTUAL TABLE IF NOT EXISTS temp.run_search_entries"
    " USING fts5vocab(main, run_search, instance)"
)
_NEXT_ENTRY = text("SELECT term FROM temp.run_search_entries WHERE term >= :least LIMIT 1")
_NEWEST = text(
    "SELECT rowid FROM run_search WHERE run_search MATCH :match ORDER BY rowid DESC LIMIT :most"
)
_BETWEEN = text(
    "SELECT rowid FROM run_search WHERE run_search MATCH :match"
    " AND rowid BETWEEN :low AND :high LIMIT :most"
)


@dataclass
class Words:
    """A search under way. `left` is what it may still read."""

    match: str
    left: int = MOST_READ

    @classmethod
    def of(cls, typed: str, task_id: int | None = None) -> Words | None:
        """What a person typed, also in the runs of one task only; None where there is no word in it."""
        search = parse(typed)
        return cls(search.match(_endings, task_id)) if search else None

    def newest(self, most: int) -> list[int]:
        """At most so many runs that have the words, those with the highest numbers."""
        return plain.column(_NEWEST, {"match": self.match, "most": most})

    def between(self, low: int, high: int, most: int) -> list[int]:
        """At most so many runs that have the words and such a number, both bounds included."""
        values = {"match": self.match, "low": low, "high": high, "most": most}
        found = plain.column(_BETWEEN, values)
        self.left -= len(found) + self._beginning
        return found

    @property
    def _beginning(self) -> int:
        return _BEGINNING * (1 + self.match.count('"') // 2 // _ENTRIES_AT_ONCE)

    def among(self, run_ids: Sequence[int], *, at_any_price: bool = False) -> set[int] | None:
        """Those of `run_ids` that have the words; None where finding out would take too long."""
        asked, found = set(run_ids), set()
        for low, high in _stretches(run_ids, self._beginning):
            if self.left < self._beginning and not at_any_price:
                return None
            most = high - low + 1 if at_any_price else self.left
            found |= asked.intersection(self.between(low, high, most))
        return found if self.left > 0 or at_any_price else None


def count_runs(typed: str, most: int, task_id: int | None = None) -> int:
    """How many runs have the words that a person typed, counted up to `most`."""
    words = Words.of(typed, task_id)
    return len(words.newest(most)) if words else 0


def _stretches(run_ids: Sequence[int], gap: int) -> Iterator[tuple[int, int]]:
    """Lowest and highest number of runs that are no further than `gap` from each other."""
    numbers = sorted(run_ids)
    low = high = numbers[0] if numbers else 0
    for number in numbers:
        if number - high > gap:
            yield low, high
            low = number
        high = number
    if numbers:
        yield low, high


def _endings(beginning: str) -> list[str]:
    """Entries that begin so. Each is looked up for itself: a list of them would count the places of
    every one. A blank comes before whatever an entry could go on with."""
    db.session.execute(_ENTRIES)
    found: list[str] = []
    least = beginning
    while len(found) < MOST_ENDINGS:
        entry = plain.value(_NEXT_ENTRY, {"least": least})
        if entry is None or not entry.startswith(beginning):
            break
        found.append(entry)
        least = f"{entry} "
    return found
