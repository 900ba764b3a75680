"""A lead's rows, looked at one by one until enough of them fit, and never more than so many."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, false, func, or_, select, true, union_all

from ..models import Run
from . import plain
from .run_filter import Conditions, Lead, RunFilter
from .run_walk import Cursor, candidates, ids_of, left_from, ordered


def scan(
    wanted: RunFilter, lead: Lead, limit: int, most: int, cursor: Cursor | None, newer: bool
) -> tuple[list[int], Cursor | None]:
    """Ids of at most `limit` of the lead's next `most` rows that fit, in the order of reading; and
    where it stopped looking, None where it found enough or saw everything.

    The end of these rows comes from the index alone. With it as a bound, SQLite goes along the index
    and stops at the last hit that is wanted, whether that is the twenty-first row or none.
    """
    end = _end(wanted, lead, most, cursor, newer)
    fits = _unindexed(wanted.rest(lead.says))
    rows = candidates(lead, [*_stretch(wanted, cursor, end, newer), fits], limit, newer)
    ids = ids_of(rows)
    return ids, None if len(ids) == limit else end


def counted(wanted: RunFilter, lead: Lead, limit: int, most: int) -> tuple[Subquery, bool]:
    """The ids of at most `limit` of the lead's newest `most` rows that fit, and whether
    there are older rows that it does not look at."""
    end = _end(wanted, lead, most, None, newer=False)
    fits = _unindexed(wanted.rest(lead.says))
    stretch = _stretch(wanted, None, end, newer=False)
    return candidates(lead, [*stretch, fits], limit, newer=False), end is not None


def _end(
    wanted: RunFilter, lead: Lead, most: int, cursor: Cursor | None, newer: bool
) -> Cursor | None:
    """The place of the last row to be looked at; None where there are fewer than `most`."""
    share = max(1, most // len(lead.alternatives))
    due = left_from(wanted, cursor, newer)
    lasts = [
        _in_order(select(Run.due_at, Run.id).where(*alternative, *due), newer)
        .limit(1)
        .offset(share - 1)
        .subquery()
        for alternative in lead.alternatives
    ]
    rows = plain.rows(union_all(*(select(last.c.due_at, last.c.id) for last in lasts)))
    places = [Cursor(row.due_at, row.id) for row in rows]
    # The first of them: up to there, none of the alternatives has more than its share.
    return (min(places) if newer else max(places)) if places else None


def _stretch(
    wanted: RunFilter, cursor: Cursor | None, end: Cursor | None, newer: bool
) -> Conditions:
    """From the cursor up to the end, which is in it. There is one bound at each side alone: of two,
    SQLite might go by the wider one."""
    if end is None:
        return left_from(wanted, cursor, newer)
    if newer:
        open_end = replace(wanted, until=None)
        last = and_(Run.due_at <= end.due_at, or_(Run.due_at < end.due_at, Run.id <= end.run_id))
    else:
        open_end = replace(wanted, since=None)
        last = and_(Run.due_at >= end.due_at, or_(Run.due_at > end.due_at, Run.id >= end.run_id))
    return [*left_from(open_end, cursor, newer), last]


def _in_order(query: Any, newer: bool) -> Any:
    return ordered(query, Run.due_at, Run.id, newer)


def _unindexed(conditions: Conditions) -> ColumnElement[bool]:
    """What is inside of coalesce is looked up in no index: SQLite might take theirs for the lead's."""
    return func.coalesce(and_(true(), *conditions), false())
