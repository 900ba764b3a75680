"""The ways through the log: rows of a filter in the order of due times, from a place on.

One condition of the filter leads (`RunFilter.leads`): its index gives the rows in this order. The
rarest one leads; the others are looked at row by row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, func, or_, select, union_all

from ..extensions import db
from ..models import LARGEST_ID, Run, TaskTag
from . import plain
from .run_filter import Conditions, Lead, RunFilter

_PROBE = 1_000
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


def choose(wanted: RunFilter) -> Lead:
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
    some = candidates(lead, due, _PROBE, newer=False)
    return plain.value(select(func.count()).select_from(some)) or 0


def beyond(place: Cursor, newer: bool) -> ColumnElement[bool]:
    """Older than a place, or newer. The plain bound is what an index is entered by."""
    if newer:
        later = or_(Run.due_at > place.due_at, Run.id > place.run_id)
        return and_(Run.due_at >= place.due_at, later)
    earlier = or_(Run.due_at < place.due_at, Run.id < place.run_id)
    return and_(Run.due_at <= place.due_at, earlier)


def left_from(wanted: RunFilter, cursor: Cursor | None, newer: bool) -> Conditions:
    """The stretch of due times that is left: the cursor takes the place of one of its ends."""
    if cursor is None:
        return wanted.due()
    # One bound at each end alone: of two, SQLite may begin at the further one.
    if newer:
        if wanted.since is not None and cursor.due_at < wanted.since:
            return wanted.due()
        return [*replace(wanted, since=None).due(), beyond(cursor, newer)]
    if wanted.until is not None and cursor.due_at >= wanted.until:
        return wanted.due()
    return [*replace(wanted, until=None).due(), beyond(cursor, newer)]


def walk(lead: Lead, due: Conditions, most: int, newer: bool) -> Select[int, datetime]:
    """Ids and due times of the lead's first `most` rows, in the order of reading."""
    parts = [
        ordered(select(Run.id, Run.due_at).where(*alternative, *due), Run.due_at, Run.id, newer)
        for alternative in lead.alternatives
    ]
    if len(parts) == 1:
        found: Select[int, datetime] = parts[0].limit(most)
        return found
    each = [part.limit(most).subquery() for part in parts]
    together = union_all(*(select(part.c.id, part.c.due_at) for part in each)).subquery()
    query = select(together.c.id, together.c.due_at)
    merged: Select[int, datetime] = ordered(query, together.c.due_at, together.c.id, newer)
    return merged.limit(most)


def candidates(lead: Lead, due: Conditions, most: int, newer: bool) -> Subquery:
    """The same, to be asked further."""
    return walk(lead, due, most, newer).subquery()


def checked(looked_at: Subquery, rest: Conditions, most: int, newer: bool) -> Any:
    """Those of the candidates that the rest fits, in the order of reading."""
    query = select(Run.id, Run.due_at).join(looked_at, looked_at.c.id == Run.id).where(*rest)
    return ordered(query, Run.due_at, Run.id, newer).limit(most)


def ordered(query: Any, due_at: Any, run_id: Any, newer: bool) -> Any:
    if newer:
        return query.order_by(due_at.asc(), run_id.asc())
    return query.order_by(due_at.desc(), run_id.desc())


def ids_of(query: Subquery | Select[Any] | Select[int, datetime]) -> list[int]:
    rows = query if isinstance(query, Select) else select(query.c.id, query.c.due_at)
    return [row.id for row in plain.rows(rows)]


def place_of(looked_at: Subquery, number: int) -> Cursor | None:
    """The place of the candidate with this number, from 1; None where there are fewer."""
    query = select(looked_at.c.due_at, looked_at.c.id).limit(1).offset(number - 1)
    return next((Cursor(row.due_at, row.id) for row in plain.rows(query)), None)
