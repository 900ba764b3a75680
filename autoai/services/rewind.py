"""What is done when the clock went back."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from ..models import DbSession, Run, Task, bump_revision, write_transaction
from .statistics import Ending, count_endings

log = logging.getLogger(__name__)

JUMP_BACK = timedelta(minutes=1)
"""A clock that went back further than this gets new cursors; a smaller step is waited out. An hour
is what a clock that was on summer time by mistake is set back by: that is too long to be silent."""


def rewind_cursors(now: datetime, zone: ZoneInfo) -> None:
    """After the clock went far back: each cursor goes to the first instant after now without a row.

    Instants that have a row stay as they are; nothing is repeated. A gap row that reaches beyond
    now is cut: what a clock that was ahead took for missed has not been due yet.
    """
    with write_transaction() as session:
        for task in session.scalars(select(Task).where(Task.next_run_at.is_not(None))):
            _anchor_in_the_past(task, now)
            _cut_gaps(session, task, now, zone)
            taken = set(
                session.scalars(
                    select(Run.scheduled_for).where(Run.task_id == task.id, Run.scheduled_for > now)
                )
            )
            task.next_run_at = next((t for t in task.schedule.after(now) if t not in taken), None)
        bump_revision(session)
    log.warning("the clock went back: due times were set anew", extra={"now": now.isoformat()})


def _cut_gaps(session: DbSession, task: Task, now: datetime, zone: ZoneInfo) -> None:
    for row in session.scalars(select(Run).where(Run.task_id == task.id, Run.missed_to > now)):
        assert row.missed_from is not None  # noqa: S101 - told to mypy; a gap row
        kept = task.schedule.between(row.missed_from, now, 1)
        surplus = row.occurrences - kept.total
        count_endings(session, zone, [Ending(task.id, row.due_at, row.status, -surplus)])
        if kept.total:
            row.occurrences, row.missed_to = kept.total, kept.newest[-1]
        else:
            session.delete(row)


def _anchor_in_the_past(task: Task, now: datetime) -> None:
    """An interval whose anchor the clock has fallen behind goes on from an earlier one of its
    instants: else a task made while the clock was years ahead would be silent for years."""
    if task.interval_seconds and task.anchor_at > now:
        step = timedelta(seconds=task.interval_seconds)
        task.anchor_at += (now - task.anchor_at) // step * step
