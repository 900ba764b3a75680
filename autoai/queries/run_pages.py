"""Pages of the log under any filter, at any depth, whatever the size of the ledger.

The order is by due time, newest first, and a page begins at a cursor: a place in that order. The
rarest condition of the filter leads there (see `run_walk`), and the others are looked at row by row;
words that a person searches for have ways of their own (see `search_pages`). Where few rows fit, a
page stops after `MOST_LOOKED_AT` rows and says where to go on, so that no filter can make it slow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Subquery, bindparam, select
from sqlalchemy.orm import contains_eager, lazyload, load_only

from ..extensions import db
from ..models import Run, Task
from . import plain
from .log_rows import LogRow, log_rows
from .run_filter import Lead, RunFilter
from .run_scan import last_place, scan
from .run_walk import Found, candidates, choose, says_all, walk
from .search_pages import find_said, matching_said
from .stretch import Cursor, Stretch

__all__ = [
    "MOST_COUNTED",
    "MOST_LOOKED_AT",
    "Cursor",
    "RunPage",
    "matching",
    "page_of_rows",
    "page_of_runs",
    "read_runs",
]

MOST_LOOKED_AT = 3_000
"""Rows that one page looks at, 1 to 3 µs each, and as many for their count."""
MOST_COUNTED = 1_000
"""Hits are counted up to here."""
_task = contains_eager(Run.task).options(load_only(Task.name), lazyload(Task.tag_rows))
_RUNS = (
    select(Run)
    .outerjoin(Run.task)
    .where(Run.id.in_(bindparam("ids", expanding=True)))
    .options(_task)
)
_CHUNKS = (200, MOST_LOOKED_AT - 200)

_Row = TypeVar("_Row", Run, LogRow)


@dataclass(frozen=True)
class RunPage(Generic[_Row]):
    """Some runs, newest first."""

    rows: Sequence[_Row]
    older: Cursor | None
    """Where the next page begins."""
    newer: Cursor | None
    """Where the page before begins, read with `newer=True`."""
    exhausted: bool = True
    """False: it stopped after so many rows, and `older` (or `newer`) says where to go on."""
    whole: bool = False
    """Is there nothing that fits but these, as far as it looked?"""
    lead: Lead | None = None
    """What led there, to be used for their count as well; and so is what was searched for:"""
    said: list[int] | None = None
    """All runs that say it, where these are few."""


def page_of_runs(
    wanted: RunFilter, limit: int, cursor: Cursor | None = None, *, newer: bool = False
) -> RunPage[Run]:
    """At most `limit` runs older than `cursor`, or with `newer`, the ones just above it; each with its
    task."""
    return _page(wanted, limit, cursor, newer, read_runs)


def page_of_rows(
    wanted: RunFilter, limit: int, cursor: Cursor | None = None, *, newer: bool = False
) -> RunPage[LogRow]:
    """The same runs, as narrow as the log shows them."""
    return _page(wanted, limit, cursor, newer, log_rows)


def _page(
    wanted: RunFilter,
    limit: int,
    cursor: Cursor | None,
    newer: bool,
    read: Callable[[Sequence[int]], Sequence[_Row]],
) -> RunPage[_Row]:
    lead = None if wanted.text else choose(wanted)
    hits = _find(wanted, lead, limit + 1, cursor, newer)
    ids, stopped_at = hits.ids, hits.stopped_at
    found = sorted(read(ids[:limit]), key=_place, reverse=True)
    rows = [row for row in found if _has_task(row)]  # of a deleted task, some may be left
    more = len(ids) > limit
    exhausted = stopped_at is None or more
    if newer:
        onwards = _place(found[0]) if more else stopped_at
        back = _place(found[-1]) if found else _beside(cursor, 1)
        return RunPage(rows, back, onwards, exhausted, False, lead, hits.said)
    onwards = _place(found[-1]) if more else stopped_at
    back = (_place(found[0]) if found else _beside(cursor, -1)) if cursor else None
    whole = cursor is None and not more
    return RunPage(rows, onwards, back, exhausted, whole, lead, hits.said)


def nearest(
    wanted: RunFilter, place: Cursor, *, newer: bool = False
) -> tuple[int | None, Cursor | None]:
    """The id of the first run that fits beyond a place; None where there is none, or where it stopped
    after so many rows that do not fit, and then the place where to go on."""
    hits = _find(wanted, None, 1, place, newer)
    return (hits.ids[0], None) if hits.ids else (None, hits.stopped_at)


@dataclass(frozen=True)
class Matching:
    """Rows that fit, for counting."""

    ids: Subquery
    """Column `id`, the newest first."""
    values: dict[str, Any]
    """The parameters of `ids`."""
    left_out: bool
    """Are there rows beyond `MOST_LOOKED_AT` that nobody looked at?"""


def matching(
    wanted: RunFilter, most: int = MOST_COUNTED + 1, page: RunPage[Any] | None = None
) -> Matching:
    """At most `most` rows that fit. What a `page` of the same filter has found out is used again."""
    if wanted.text:
        ids, left_out = matching_said(wanted, most, page.said if page else None)
        return Matching(ids, {}, left_out)
    lead = page.lead if page and page.lead else choose(wanted)
    stretch = Stretch.of(wanted)
    if says_all(wanted, lead):
        ids = candidates(lead, None, stretch.shape, False)
        return Matching(ids, {**stretch.values, "most": most}, False)
    end = last_place(lead, stretch, MOST_LOOKED_AT, newer=False)
    part = stretch.up_to(end, newer=False)
    ids = candidates(lead, wanted.timeless, part.shape, False)
    return Matching(ids, {**part.values, "most": most}, end is not None)


def _find(
    wanted: RunFilter, lead: Lead | None, limit: int, cursor: Cursor | None, newer: bool
) -> Found:
    """At most `limit` rows that fit, in the order of reading."""
    if wanted.text:
        return find_said(wanted, limit, cursor, newer)
    lead = lead or choose(wanted)
    stretch = Stretch.of(wanted).beyond(cursor, newer)
    if says_all(wanted, lead):
        query = walk(lead, None, stretch.shape, newer)
        return Found(plain.column(query, {**stretch.values, "most": limit}))
    found: list[int] = []
    for size in _CHUNKS:
        more, cursor = scan(wanted, lead, stretch, limit - len(found), size, newer)
        found += more
        if cursor is None:
            break
        stretch = stretch.beyond(cursor, newer)
    return Found(found, cursor)


def read_runs(ids: Sequence[int]) -> Sequence[Run]:
    """These runs, each with its task, in no order."""
    return db.session.scalars(_RUNS, {"ids": ids}).all() if ids else []


def _has_task(row: Run | LogRow) -> bool:
    return (row.task_name if isinstance(row, LogRow) else row.task) is not None


def _place(run: Run | LogRow) -> Cursor:
    return Cursor(run.due_at, run.id)


def _beside(cursor: Cursor | None, step: int) -> Cursor | None:
    """On the other side of the run that it names: the way back from an empty page shows it again."""
    return Cursor(cursor.due_at, cursor.run_id + step) if cursor else None
