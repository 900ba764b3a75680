"""The runs beside a run: those that were due before and after it, of its task or under a filter."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, select

from ..domain.changes import Difference, Watch, difference
from ..domain.runs import Status
from ..extensions import db
from ..models import Run, RunText
from . import plain
from .run_filter import RunFilter
from .run_pages import nearest
from .stretch import Cursor, Edge, Stretch, between

_SUCCESS_BEFORE = (
    select(Run.id)
    .where(
        Run.task_id == bindparam("task_id"),
        Run.status == Status.SUCCESS,
        *between((None, Edge.UNDER)),
    )
    .order_by(Run.due_at.desc(), Run.id.desc())
    .limit(1)
)


@dataclass(frozen=True)
class Neighbours:
    """In the order of the log, which is by the due time and then by the id."""

    older: int | None
    newer: int | None
    older_from: Cursor | None = None
    """Where looking stopped: no run is known, and the log's page from here on may have one."""
    newer_from: Cursor | None = None


@dataclass(frozen=True)
class Before:
    """The last earlier run of the same task that has an answer, and where the two answers differ."""

    run_id: int
    difference: Difference | None = None
    """None where nobody asked for it."""

    @property
    def same(self) -> bool:
        """Do the answers say the same, but for what the comparison cut off?"""
        kinds = {row.kind for row in self.difference.rows} if self.difference else set()
        return kinds <= {"same", "gap"}


def neighbours(run: Run, wanted: RunFilter | None = None) -> Neighbours:
    """Of `run`, within its task, or among those that fit, whether it does so itself or not."""
    wanted = wanted or RunFilter(task_id=run.task_id)
    place = Cursor(run.due_at, run.id)
    older, older_from = nearest(wanted, place)
    newer, newer_from = nearest(wanted, place, newer=True)
    return Neighbours(older, newer, older_from, newer_from)


def answer_before(run: Run) -> Before | None:
    """With which run's answer `run`'s, which is loaded with its texts, can be compared."""
    if not (run.texts and run.texts.response_text) or run.status != Status.SUCCESS:
        return None
    earlier = Stretch().beyond(Cursor(run.due_at, run.id), newer=False)
    found = plain.value(_SUCCESS_BEFORE, {**earlier.values, "task_id": run.task_id})
    return None if found is None else Before(found)


def compared_with(run: Run, before: Before) -> Before:
    """Where the two answers differ: as JSON where both are that, else line by line. Bounded."""
    old = db.session.scalar(select(RunText.response_text).where(RunText.run_id == before.run_id))
    new = run.texts.response_text if run.texts else None
    return Before(before.run_id, difference(old or "", new or "", Watch.JSON))
