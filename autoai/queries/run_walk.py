"""The ways through the log: rows of a filter in the order of due times, from a place on.

One condition of the filter leads (`RunFilter.leads`): its index gives the rows in this order. The
rarest one leads; the others are looked at row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    bindparam,
    false,
    func,
    select,
    true,
    union_all,
)

from ..models import Run, TaskTag
from . import plain
from .run_filter import Conditions, Lead, RunFilter
from .stretch import Cursor, Shape, Stretch, between

_PROBE = 1_000
"""Rows that are counted to find out which condition is rare."""
_MOST_TASKS = 30
"""A tag with more tasks does not lead."""
_MOST: Any = bindparam("most")
_TASKS_OF = select(TaskTag.task_id).where(TaskTag.tag == bindparam("tag")).limit(_MOST_TASKS + 1)


_EVERY = Lead([[]])


@dataclass(frozen=True)
class Found:
    """Runs that were looked for."""

    ids: list[int]
    stopped_at: Cursor | None = None
    """Where it stopped looking; None where it has seen everything, or enough."""
    said: list[int] | None = None
    """All runs that say what was searched for, the highest number first, where these are few."""


def choose(wanted: RunFilter) -> Lead:
    """The lead with the fewest rows."""
    leads = [*_leads(wanted.timeless)]
    if wanted.tag is not None:
        tasks = tuple(row.task_id for row in plain.rows(_TASKS_OF, {"tag": wanted.tag}))
        if len(tasks) <= _MOST_TASKS:
            each = [[Run.task_id == task_id] for task_id in tasks or [0]]
            leads.append(Lead(each, "tag", tasks))
    if len(leads) < 2:
        return leads[0] if leads else _EVERY
    return min(leads, key=lambda lead: _about(lead, Stretch.of(wanted)))


def _about(lead: Lead, stretch: Stretch) -> int:
    """How many rows a lead has, up to `_PROBE`."""
    number: int = plain.value(_count(lead, stretch.shape), {**stretch.values, "most": _PROBE})
    return number


# All of this is kept, because to build a statement takes SQLAlchemy longer than to run it.
@lru_cache(maxsize=256)
def _leads(wanted: RunFilter) -> list[Lead]:
    return wanted.leads()


def says_all(wanted: RunFilter, lead: Lead) -> bool:
    """Does the filter want nothing else of the lead's rows, but for due times and words?"""
    return _says_all(wanted.timeless, lead)


@lru_cache(maxsize=256)
def _says_all(wanted: RunFilter, lead: Lead) -> bool:
    return not wanted.rest(lead.says)


@lru_cache(maxsize=256)
def _count(lead: Lead, shape: Shape) -> Select[int]:
    return select(func.count()).select_from(candidates(lead, None, shape, False))


@lru_cache(maxsize=256)
def walk(lead: Lead, rest: RunFilter | None, shape: Shape, newer: bool) -> Select[Any]:
    """Ids and due times of the lead's first `most` rows in a stretch, in the order of reading; with
    `rest`, of those that this filter fits, whatever its due times and words."""
    fits = [unindexed(rest.rest(lead.says))] if rest is not None else []
    parts = [
        ordered(select(Run.id, Run.due_at).where(*each, *between(shape), *fits), newer).limit(_MOST)
        for each in lead.alternatives
    ]
    if len(parts) == 1:
        found: Select[Any] = parts[0]
        return found
    each = [part.subquery() for part in parts]
    together = union_all(*(select(part.c.id, part.c.due_at) for part in each)).subquery()
    query = select(together.c.id, together.c.due_at)
    merged: Select[Any] = ordered(query, newer, together.c).limit(_MOST)
    return merged


@lru_cache(maxsize=256)
def candidates(lead: Lead, rest: RunFilter | None, shape: Shape, newer: bool) -> Subquery:
    """The same, to be asked further."""
    return walk(lead, rest, shape, newer).subquery()


def ordered(query: Any, newer: bool, columns: Any = Run) -> Any:
    """In the order of reading."""
    if newer:
        return query.order_by(columns.due_at.asc(), columns.id.asc())
    return query.order_by(columns.due_at.desc(), columns.id.desc())


def unindexed(conditions: Conditions) -> ColumnElement[bool]:
    """All of them, without their indexes: what is inside of coalesce is looked up in none, and SQLite
    cannot take theirs for the better one's."""
    return func.coalesce(and_(true(), *conditions), false())
