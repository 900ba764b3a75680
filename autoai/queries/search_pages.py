"""Pages of the runs that say certain words, in the order of due times.

The index of words knows runs by their numbers. These grow with the due times nearly everywhere, but
a run that was caught up on is due long before its neighbours, so the one order is not the other. Three
ways lead to a page, each right whatever the numbers, each fast for what the others are slow at:

- Few runs have the words at all: their rows are read, and sorted.
- Many do: the first candidates of the other conditions, in the order of due times, are compared with
  what the index says of the numbers that lie around theirs.
- Neither: a wide stretch of the log is taken as a whole. The index says which of the numbers that occur
  in it have the words, and only those rows are read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Select, Subquery, and_, bindparam, false, func, or_, select, true

from ..models import Run
from . import plain
from .run_filter import Conditions, Lead, RunFilter
from .run_scan import last_place
from .run_walk import Found, candidates, choose, ordered, says_all, walk
from .search import Words
from .stretch import Cursor, Shape, Stretch, between

FEW = 2_000
"""Runs whose rows are read to find the newest of them: 5 ms."""
FEW_OF_TASK = 300
"""The same in one task's log: there the index takes long to list them."""
MOST_READ = 5_000
"""The same where nothing less will do."""
ENOUGH = 100
"""Runs that are counted of those that many others have the words with."""
_CHUNKS = (50, 950)
"""Candidates that are compared: the first ones whatever it takes, so that every page gets on."""
_STRETCHES = (3_000, 15_000, 60_000)
"""Rows of the log that are taken as a whole, from its index alone: the last takes 15 ms."""
_MOST_ASTRAY = 50
"""Rows in such a stretch whose numbers are far from those of the others."""


def find_said(wanted: RunFilter, limit: int, cursor: Cursor | None, newer: bool) -> Found:
    """At most `limit` runs that say what is searched for and fit, in the order of reading."""
    words = Words.of(wanted.text, wanted.task_id)
    if words is None:
        return Found([])
    bound = FEW if wanted.task_id is None else FEW_OF_TASK
    few = words.newest(bound + 1)
    if len(few) <= bound:
        stretch = Stretch.of(wanted).beyond(cursor, newer)
        return Found(_read(few, wanted, stretch, limit, newer), said=few)
    lead = choose(wanted)
    rest = None if says_all(wanted, lead) else wanted.timeless
    whole = Stretch.of(wanted)
    found: list[int] = []
    for size in _CHUNKS:
        stretch = whole.beyond(cursor, newer)
        end = last_place(lead, stretch, size, newer)
        part = stretch.up_to(end, newer)
        query = walk(lead, rest, part.shape, newer)
        ids = plain.column(query, {**part.values, "most": size})
        hits = words.among(ids, at_any_price=size == _CHUNKS[0])
        if hits is None:
            return Found(found, cursor)
        found += [run_id for run_id in ids if run_id in hits]
        if len(found) >= limit:
            return Found(found[:limit])
        if end is None:
            return Found(found)
        cursor = end
    for size in _STRETCHES:
        stretch = whole.beyond(cursor, newer)
        end, some = _within(words, lead, stretch, size, newer)
        if some is None:
            return Found(found, cursor)
        found += _read(some, wanted, stretch.up_to(end, newer), limit - len(found), newer)
        if end is None or len(found) == limit:
            return Found(found)
        cursor = end
    return Found(found, cursor)


def _within(
    words: Words, lead: Lead, stretch: Stretch, size: int, newer: bool
) -> tuple[Cursor | None, list[int] | None]:
    """The place of the last of the lead's next `size` runs, None where there are fewer. And the runs
    that have the words, with all that are among those; None where these are too many.

    Nearly all of them have numbers between those of the first and the last; the others are asked for
    alone.
    """
    asks = _asks(lead, stretch.shape, newer)
    values = {**stretch.values, "most": size}
    last = plain.rows(asks.three, {**values, "skipped": size - 3})
    end = Cursor(last[2].due_at, last[2].id) if len(last) == 3 else None
    if end is None:
        count = plain.value(asks.number, values)
        last = plain.rows(asks.three, {**values, "skipped": max(count - 3, 0)})
    if not last:
        return None, []
    first = plain.rows(asks.three, {**values, "skipped": 0})
    # Of three, the one in the middle is hardly ever astray itself.
    low, high = sorted(sorted(row.id for row in some)[len(some) // 2] for some in (first, last))
    low, high = low - size // 20, high + size // 20
    astray = plain.column(asks.astray, {**values, "least": low, "largest": high})
    others = words.among(astray)
    some = words.between(low, high, MOST_READ + 1)
    if others is None or len(astray) > _MOST_ASTRAY or len(some) > MOST_READ:
        return end, None
    return end, [*some, *others]


class _Asks(NamedTuple):
    """What is asked of a lead's next runs, see `walk` for their parameters."""

    three: Select[Any]
    """Three that follow each other, after so many that are `skipped`."""
    number: Select[int]
    astray: Select[int]
    """A few whose numbers are not between `least` and `largest`."""


# Kept, because to build a statement takes SQLAlchemy longer than to run it.
@lru_cache(maxsize=64)
def _asks(lead: Lead, shape: Shape, newer: bool) -> _Asks:
    rows = candidates(lead, None, shape, newer)
    due_at, run_id = rows.c.due_at, rows.c.id
    is_astray = or_(run_id < bindparam("least"), run_id > bindparam("largest"))
    return _Asks(
        select(due_at, run_id).limit(3).offset(bindparam("skipped")),
        select(func.count()).select_from(rows),
        select(run_id).where(is_astray).limit(_MOST_ASTRAY + 1),
    )


def matching_said(
    wanted: RunFilter, most: int, said: list[int] | None = None
) -> tuple[Subquery, bool]:
    """Ids of at most `most` of the runs that fit, for counting, and whether some were left out. `said`
    is what a page of the same filter has found: to look for a phrase twice takes twice as long."""
    words = Words.of(wanted.text, wanted.task_id) if said is None else None
    if words is None and said is None:
        return select(Run.id).where(false()).subquery(), False
    conditions = wanted.conditions()
    most_read = MOST_READ + 1 if conditions else most
    found = words.newest(most_read) if words else (said or [])
    if not conditions:
        return _rows(found[:most], []).subquery(), False
    if len(found) <= MOST_READ:
        return _rows(found, conditions).limit(most).subquery(), False
    page = find_said(wanted, ENOUGH, None, newer=False)
    left_out = page.stopped_at is not None or len(page.ids) == ENOUGH
    return _rows(page.ids, []).subquery(), left_out


def _read(
    ids: Sequence[int], wanted: RunFilter, stretch: Stretch, limit: int, newer: bool
) -> list[int]:
    """Those of `ids` in a stretch that the filter fits, in the order of reading."""
    if not ids:
        return []
    query = _rows(ids, [*wanted.rest(), *between(stretch.shape)])
    return plain.column(ordered(query, newer).limit(limit), stretch.values)


def _rows(ids: Sequence[int], conditions: Conditions) -> Any:
    """By their numbers. What is inside of coalesce is looked up in no index: with the one of a condition
    SQLite would read all the rows that it fits."""
    numbers = func.json_each(json.dumps(list(ids))).table_valued("value")
    query = select(Run.id, Run.due_at).select_from(numbers)
    query = query.join(Run, Run.id == numbers.c.value)
    return query.where(func.coalesce(and_(true(), *conditions), false())) if conditions else query
