"""A lead's rows, looked at one by one until enough of them fit, and never more than so many.

The end of the rows that are looked at comes from the lead's index alone. With it as a bound, SQLite goes
along the index and stops at the last hit that is wanted, whether that is the twenty-first row or none.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, select, union_all

from ..models import Run
from . import plain
from .run_filter import Lead, RunFilter
from .run_walk import ordered, walk
from .stretch import Cursor, Shape, Stretch, between


def scan(
    wanted: RunFilter, lead: Lead, stretch: Stretch, limit: int, most: int, newer: bool
) -> tuple[list[int], Cursor | None]:
    """Ids of at most `limit` of the lead's next `most` rows that fit, in the order of reading; and
    where it stopped looking, None where it found enough or saw everything."""
    end = last_place(lead, stretch, most, newer)
    part = stretch.up_to(end, newer)
    query = walk(lead, wanted.timeless, part.shape, newer)
    ids = plain.column(query, {**part.values, "most": limit})
    return ids, None if len(ids) == limit else end


def last_place(lead: Lead, stretch: Stretch, most: int, newer: bool) -> Cursor | None:
    """The place of the last row to be looked at; None where there are fewer than `most`."""
    share = max(1, most // len(lead.alternatives))
    values = {**stretch.values, "skipped": share - 1}
    rows = plain.rows(_lasts(lead, stretch.shape, newer), values)
    places = [Cursor(row.due_at, row.id) for row in rows]
    # The first of them: up to there, none of the alternatives has more than its share.
    return (min(places) if newer else max(places)) if places else None


@lru_cache(maxsize=256)
def _lasts(lead: Lead, shape: Shape, newer: bool) -> Any:
    lasts = [
        ordered(select(Run.due_at, Run.id).where(*each, *between(shape)), newer)
        .limit(1)
        .offset(bindparam("skipped"))
        .subquery()
        for each in lead.alternatives
    ]
    return union_all(*(select(last.c.due_at, last.c.id) for last in lasts))
