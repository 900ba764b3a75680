"""The runs beside a run: those of the same task that were due before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from ..domain.changes import Difference, Watch, difference
from ..domain.runs import Status
from ..extensions import db
from ..models import Run, RunText
from .run_walk import Cursor, beyond


@dataclass(frozen=True)
class Neighbours:
    """In the order of the log, which is by the due time and then by the id."""

    older: int | None
    newer: int | None


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


def neighbours(run: Run) -> Neighbours:
    """Of `run`, within its task."""
    older = (
        select(Run.id).where(*_beside(run, newer=False)).order_by(Run.due_at.desc(), Run.id.desc())
    )
    newer = select(Run.id).where(*_beside(run, newer=True)).order_by(Run.due_at, Run.id)
    return Neighbours(db.session.scalar(older.limit(1)), db.session.scalar(newer.limit(1)))


def answer_before(run: Run) -> Before | None:
    """With which run's answer `run`'s, which is loaded with its texts, can be compared."""
    if not (run.texts and run.texts.response_text) or run.status != Status.SUCCESS:
        return None
    query = select(Run.id).where(*_beside(run, newer=False), Run.status == Status.SUCCESS)
    found = db.session.scalar(query.order_by(Run.due_at.desc(), Run.id.desc()).limit(1))
    return None if found is None else Before(found)


def compared_with(run: Run, before: Before) -> Before:
    """Where the two answers differ: as JSON where both are that, else line by line. Bounded."""
    old = db.session.scalar(select(RunText.response_text).where(RunText.run_id == before.run_id))
    new = run.texts.response_text if run.texts else None
    return Before(before.run_id, difference(old or "", new or "", Watch.JSON))


def _beside(run: Run, newer: bool) -> Sequence[ColumnElement[bool]]:
    return Run.task_id == run.task_id, beyond(Cursor(run.due_at, run.id), newer)
