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
from typing import Any

from sqlalchemy import Subquery, and_, false, func, not_, or_, select, true

from ..extensions import db
from ..models import Run
from . import plain
from .run_filter import Conditions, RunFilter
from .run_walk import Cursor, candidates, checked, choose, ids_of, left_from, ordered, place_of
from .search import Words

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


def find_said(
    wanted: RunFilter, limit: int, cursor: Cursor | None, newer: bool
) -> tuple[list[int], Cursor | None]:
    """Ids of at most `limit` rows in the order of reading, and where it stopped looking: None where
    it has seen everything, or enough."""
    words = Words.of(wanted.text, wanted.task_id)
    if words is None:
        return [], None
    bound = FEW if wanted.task_id is None else FEW_OF_TASK
    few = words.newest(bound + 1)
    if len(few) <= bound:
        return _read(few, [*wanted.rest(), *left_from(wanted, cursor, newer)], limit, newer), None
    lead = choose(wanted)
    rest = wanted.rest(lead.says)
    found: list[int] = []
    for size in _CHUNKS:
        looked_at = candidates(lead, left_from(wanted, cursor, newer), size, newer)
        ids = ids_of(checked(looked_at, rest, size, newer) if rest else looked_at)
        hits = words.among(ids, at_any_price=size == _CHUNKS[0])
        if hits is None:
            return found, cursor
        found += [run_id for run_id in ids if run_id in hits]
        if len(found) >= limit:
            return found[:limit], None
        cursor = place_of(looked_at, size)
        if cursor is None:
            return found, None
    for size in _STRETCHES:
        stretch = left_from(wanted, cursor, newer)
        looked_at = candidates(lead, stretch, size, newer)
        end, some = _within(words, looked_at, size)
        if some is None:
            return found, cursor
        if end is not None:
            stretch.append(not_(left_from(wanted, end, newer)[-1]))
        found += _read(some, [*wanted.rest(), *stretch], limit - len(found), newer)
        if end is None or len(found) == limit:
            return found, None
        cursor = end
    return found, cursor


def _within(words: Words, looked_at: Subquery, size: int) -> tuple[Cursor | None, list[int] | None]:
    """The place of the last candidate, None where there are fewer than `size`. And the runs that have
    the words, with all that are among the candidates; None where these are too many.

    Nearly all candidates have numbers between those of the first and the last; the others are asked
    for alone.
    """
    rows = select(looked_at.c.due_at, looked_at.c.id).limit(3)
    last = plain.rows(rows.offset(size - 3))
    end = Cursor(last[2].due_at, last[2].id) if len(last) == 3 else None
    if end is None:
        count = plain.value(select(func.count()).select_from(looked_at)) or 0
        last = plain.rows(rows.offset(max(count - 3, 0)))
    if not last:
        return None, []
    first = plain.rows(rows)
    # Of three, the one in the middle is hardly ever astray itself.
    low, high = sorted(sorted(row.id for row in some)[len(some) // 2] for some in (first, last))
    low, high = low - size // 20, high + size // 20
    is_astray = or_(looked_at.c.id < low, looked_at.c.id > high)
    astray = db.session.scalars(select(looked_at.c.id).where(is_astray).limit(_MOST_ASTRAY + 1))
    numbers = astray.all()
    others = words.among(numbers)
    some = words.between(low, high, MOST_READ + 1)
    if others is None or len(numbers) > _MOST_ASTRAY or len(some) > MOST_READ:
        return end, None
    return end, [*some, *others]


def matching_said(wanted: RunFilter, most: int) -> tuple[Subquery, bool]:
    """Ids of at most `most` of the runs that fit, for counting, and whether some were left out."""
    words = Words.of(wanted.text, wanted.task_id)
    if words is None:
        return select(Run.id).where(false()).subquery(), False
    conditions = wanted.conditions()
    if not conditions:
        return _rows(words.newest(most), []).subquery(), False
    found = words.newest(MOST_READ + 1)
    if len(found) <= MOST_READ:
        return _rows(found, conditions).limit(most).subquery(), False
    found, stopped_at = find_said(wanted, ENOUGH, None, newer=False)
    return _rows(found, []).subquery(), stopped_at is not None or len(found) == ENOUGH


def _read(ids: Sequence[int], conditions: Conditions, limit: int, newer: bool) -> list[int]:
    """Those of `ids` that the conditions fit, in the order of reading."""
    if not ids:
        return []
    return ids_of(ordered(_rows(ids, conditions), Run.due_at, Run.id, newer).limit(limit))


def _rows(ids: Sequence[int], conditions: Conditions) -> Any:
    """By their numbers. What is inside of coalesce is looked up in no index: with the one of a condition
    SQLite would read all the rows that it fits."""
    numbers = func.json_each(json.dumps(list(ids))).table_valued("value")
    query = select(Run.id, Run.due_at).select_from(numbers)
    query = query.join(Run, Run.id == numbers.c.value)
    return query.where(func.coalesce(and_(true(), *conditions), false())) if conditions else query
