"""Pages of the log under any filter, at any depth, whatever the size of the ledger.

The order is by due time, newest first, and a page begins at a cursor: a place in that order. One
condition of the filter leads (`RunFilter.leads`): its index gives the rows in this order, beginning
at the cursor, and the other conditions are looked at row by row. The rarest one leads. Where even
then few rows fit, a page stops after `MOST_LOOKED_AT` rows and says where to go on, so that no
filter can make a page slow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, Subquery, and_, func, or_, select, union_all
from sqlalchemy.orm import contains_eager, lazyload, load_only

from ..extensions import db
from ..models import LARGEST_ID, Run, Task, TaskTag
from .run_filter import Conditions, Lead, RunFilter

MOST_LOOKED_AT = 10_000
"""Rows that one page looks at."""
MOST_COUNTED = 1_000
"""Hits are counted up to here."""
_CHUNKS = (200, 1_800, MOST_LOOKED_AT - 2_000)
_PROBE = 2_000
"""Rows that are counted to find out which condition is rare."""
_MOST_TASKS = 30
"""A tag with more tasks does not lead."""
_CURSOR = re.compile(r"(-?\d{1,18})\.(\d{1,19})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Cursor:
    """A place in the log: between the run that it names and the next older or newer one."""

    due_at: datetime
    run_id: int

    @property
    def text(self) -> str:
        """For addresses."""
        return f"{(self.due_at - _EPOCH) // timedelta(microseconds=1)}.{self.run_id}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """From an address; None for what is none."""
        found = _CURSOR.fullmatch(text)
        if found is None or int(found[2]) > LARGEST_ID:
            return None
        try:
            return cls(_EPOCH + timedelta(microseconds=int(found[1])), int(found[2]))
        except OverflowError:
            return None


@dataclass(frozen=True)
class RunPage:
    """Some runs, newest first, each with its task."""

    rows: Sequence[Run]
    older: Cursor | None
    """Where the next page begins."""
    newer: Cursor | None
    """Where the page before begins, read with `newer=True`."""
    exhausted: bool = True
    """False: it stopped after so many rows, and `older` (or `newer`) says where to go on."""


def page_of_runs(
    wanted: RunFilter, limit: int, cursor: Cursor | None = None, *, newer: bool = False
) -> RunPage:
    """At most `limit` runs older than `cursor`, or with `newer`, the ones just above it."""
    ids, stopped_at = _find(wanted, limit + 1, cursor, newer)
    found = _read(ids[:limit])
    rows = sorted(found, key=_place, reverse=True)
    more = len(ids) > limit
    if newer:
        onwards = _place(rows[0]) if more else stopped_at
        back = _place(rows[-1]) if rows else cursor
        return RunPage(rows, back, onwards, stopped_at is None or more)
    onwards = _place(rows[-1]) if more else stopped_at
    back = (_place(rows[0]) if rows else cursor) if cursor else None
    return RunPage(rows, onwards, back, stopped_at is None or more)


def matching(wanted: RunFilter, most: int = MOST_COUNTED + 1) -> tuple[Subquery, bool]:
    """The ids (column `id`) of at most `most` rows that fit, newest first, for counting; and whether
    rows beyond `MOST_LOOKED_AT` were left out."""
    lead = _choose(wanted)
    rest = wanted.rest(lead.says)
    if not rest:
        return _candidates(lead, wanted.due(), most, newer=False), False
    looked_at = _candidates(lead, wanted.due(), MOST_LOOKED_AT, newer=False)
    left_out = db.session.scalar(select(func.count()).select_from(looked_at)) == MOST_LOOKED_AT
    return _checked(looked_at, rest, most, newer=False).subquery(), bool(left_out)


def _find(
    wanted: RunFilter, limit: int, cursor: Cursor | None, newer: bool
) -> tuple[list[int], Cursor | None]:
    """Ids of at most `limit` rows in the order of reading, and where it stopped looking."""
    lead = _choose(wanted)
    rest = wanted.rest(lead.says)
    if not rest:
        return _ids(_candidates(lead, _from(wanted, cursor, newer), limit, newer)), None
    found: list[int] = []
    for size in _CHUNKS:
        looked_at = _candidates(lead, _from(wanted, cursor, newer), size, newer)
        found += _ids(_checked(looked_at, rest, limit - len(found), newer))
        if len(found) == limit:
            return found, None
        last = db.session.execute(
            select(looked_at.c.due_at, looked_at.c.id).limit(1).offset(size - 1)
        ).first()
        if last is None:
            return found, None
        cursor = Cursor(last.due_at, last.id)
    return found, cursor


def _choose(wanted: RunFilter) -> Lead:
    """The lead with the fewest rows."""
    leads = wanted.leads()
    if wanted.tag is not None:
        tasks = db.session.scalars(
            select(TaskTag.task_id).where(TaskTag.tag == wanted.tag).limit(_MOST_TASKS + 1)
        ).all()
        if len(tasks) <= _MOST_TASKS:
            leads.append(Lead([[Run.task_id == task_id] for task_id in tasks or [0]], "tag"))
    if len(leads) < 2:
        return leads[0] if leads else Lead([[]])
    return min(leads, key=lambda lead: _about(lead, wanted.due()))


def _about(lead: Lead, due: Conditions) -> int:
    """How many rows a lead has, up to `_PROBE`."""
    some = _candidates(lead, due, _PROBE, newer=False)
    return db.session.scalar(select(func.count()).select_from(some)) or 0


def _from(wanted: RunFilter, cursor: Cursor | None, newer: bool) -> Conditions:
    """The stretch of due times that is left: the cursor takes the place of one of its ends."""
    if cursor is None:
        return wanted.due()
    if newer:
        beyond = and_(
            Run.due_at >= cursor.due_at,
            or_(Run.due_at > cursor.due_at, Run.id > cursor.run_id),
        )
    else:
        beyond = and_(
            Run.due_at <= cursor.due_at,
            or_(Run.due_at < cursor.due_at, Run.id < cursor.run_id),
        )
    return [*wanted.due(), beyond]


def _candidates(lead: Lead, due: Conditions, most: int, newer: bool) -> Subquery:
    """Ids and due times of the lead's first `most` rows, in the order of reading."""
    parts = [
        _ordered(select(Run.id, Run.due_at).where(*alternative, *due), Run.due_at, Run.id, newer)
        .limit(most)
        .subquery()
        for alternative in lead.alternatives
    ]
    if len(parts) == 1:
        return parts[0]
    together = union_all(*(select(part.c.id, part.c.due_at) for part in parts)).subquery()
    query = select(together.c.id, together.c.due_at)
    return _ordered(query, together.c.due_at, together.c.id, newer).limit(most).subquery()


def _checked(looked_at: Subquery, rest: Conditions, most: int, newer: bool) -> Any:
    """Those of the candidates that the rest fits, in the order of reading."""
    query = select(Run.id, Run.due_at).join(looked_at, looked_at.c.id == Run.id).where(*rest)
    return _ordered(query, Run.due_at, Run.id, newer).limit(most)


def _ordered(query: Any, due_at: Any, run_id: Any, newer: bool) -> Any:
    if newer:
        return query.order_by(due_at.asc(), run_id.asc())
    return query.order_by(due_at.desc(), run_id.desc())


def _ids(query: Subquery | Select[Any]) -> list[int]:
    rows = query if isinstance(query, Select) else select(query.c.id, query.c.due_at)
    return [row.id for row in db.session.execute(rows)]


def _read(ids: Sequence[int]) -> Sequence[Run]:
    if not ids:
        return []
    task = contains_eager(Run.task).options(load_only(Task.name), lazyload(Task.tag_rows))
    return db.session.scalars(select(Run).where(Run.id.in_(ids)).join(Run.task).options(task)).all()


def _place(run: Run) -> Cursor:
    return Cursor(run.due_at, run.id)
