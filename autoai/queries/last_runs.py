"""How the last runs of some tasks ended: for their health strips, and for who fails again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Select, bindparam, func, select

from ..domain.runs import FINISHED, Status
from ..extensions import db
from ..models import Run, RunText, Task
from . import plain

BAD = FINISHED - {Status.SUCCESS}
"""Sent and ended, and not with an answer."""


@dataclass(frozen=True)
class Mark:
    """One run, as little of it as a strip shows."""

    status: str
    verdict: str | None = None
    reason: str | None = None

    @property
    def shown(self) -> str:
        """Its status, or that its answer was no good one."""
        degraded = self.status == Status.SUCCESS and self.verdict == "degraded"
        return "degraded" if degraded else self.status


def last_marks(task_ids: Sequence[int], limit: int) -> dict[int, list[Mark]]:
    """Task id → its newest `limit` rows by due time, the newest first. One statement, which reads
    no more rows than it tells of."""
    rows = plain.rows(_marks(limit), {"ids": list(task_ids)})
    return {
        task_id: [_mark(text) for text in (words or "").split(",") if text]
        for task_id, words in rows
    }


@lru_cache(maxsize=8)
def _marks(limit: int) -> Select[int, str]:
    """Built once: that takes SQLAlchemy longer than the answer takes SQLite."""
    word = Run.status + ":" + func.coalesce(Run.verdict, "") + ":" + func.coalesce(Run.reason, "")
    newest = (
        select(word.label("word"))
        .where(Run.task_id == Task.id)
        .order_by(Run.due_at.desc(), Run.id.desc())
        .limit(limit)
        .correlate(Task)
        .subquery()
    )
    told = select(func.aggregate_strings(newest.c.word, ",")).scalar_subquery()
    return select(Task.id, told).where(Task.id.in_(bindparam("ids", expanding=True)))


def last_runs(task_id: int, limit: int = 50) -> Sequence[Run]:
    """The newest rows of one task by due time, the newest first."""
    query = select(Run).where(Run.task_id == task_id)
    return db.session.scalars(query.order_by(Run.due_at.desc(), Run.id.desc()).limit(limit)).all()


def answer_of(run_id: int, letters: int) -> str | None:
    """The beginning of what a run was answered; None where nothing is kept."""
    begin = func.substr(RunText.response_text, 1, letters)
    return plain.value(select(begin).where(RunText.run_id == run_id))


def failures_in_a_row(marks: Sequence[Mark]) -> int:
    """How many of the newest runs that were sent and ended did so badly. What was never sent, because
    it was skipped or missed, says nothing."""
    count = 0
    for mark in marks:
        if mark.status in BAD:
            count += 1
        elif mark.status in FINISHED:
            break
    return count


def _mark(text: str) -> Mark:
    status, verdict, reason = text.split(":")
    return Mark(status, verdict or None, reason or None)
