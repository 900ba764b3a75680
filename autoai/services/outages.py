"""While you were away: what a person decides about occurrences that a downtime left missed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

from flask_babel import gettext as _
from sqlalchemy import select

from ..domain.errors import Conflict, Invalid, NotFound
from ..domain.runs import Reason, Source, Status
from ..models import (
    DbSession,
    Outage,
    OutageDecision,
    Run,
    Task,
    bump_revision,
    find,
    write_transaction,
)
from .ports import Ports
from .runs import queue_run

MOST_RUNS = 1_000
"""More runs than this are not made by one click."""


class Choice(StrEnum):
    """What to do about the missed occurrences of a task."""

    LATEST = "latest"
    ALL = "all"
    LEAVE = "leave"


def missed_in(session: DbSession, outage: Outage, task_id: int) -> Sequence[Run]:
    """The rows that automatic catch-up left missed, oldest first."""
    return session.scalars(
        select(Run)
        .where(
            Run.task_id == task_id,
            Run.due_at >= outage.began_at,
            Run.due_at <= outage.ended_at,
            Run.status == Status.MISSED,
            Run.reason == Reason.DOWNTIME,
        )
        .order_by(Run.due_at)
    ).all()


def decide(ports: Ports, outage_id: int, task_id: int, choice: str) -> int:
    """Carry out a choice, once; how many runs it made. The missed rows keep their ending."""
    if choice not in set(Choice):
        raise Invalid({"choice": [_("Choose one of: %(choices)s.", choices=", ".join(Choice))]})
    now = ports.clock.now()
    with write_transaction() as session:
        outage = find(session, Outage, outage_id)
        task = find(session, Task, task_id)
        if outage is None or task is None:
            raise NotFound(_("There is no such outage or task."))
        if session.get(OutageDecision, (outage_id, task_id)) is not None:
            raise Conflict(_("This has been decided already."))
        rows = missed_in(session, outage, task_id)
        wanted = list(_wanted(task, rows, choice))
        for run_id, instant in wanted:
            queue_run(
                session,
                ports,
                task,
                now,
                Source.MANUAL,
                for_run=run_id,
                for_instant=instant,
                serial=True,
            )
        session.add(
            OutageDecision(outage_id=outage_id, task_id=task_id, choice=choice, runs=len(wanted))
        )
        bump_revision(session)
    ports.wake()
    return len(wanted)


def dismiss(outage_id: int) -> None:
    """Show nothing of an outage any more: what was not decided stays missed."""
    with write_transaction() as session:
        outage = find(session, Outage, outage_id)
        if outage is None:
            raise NotFound(_("There is no such outage or task."))
        outage.dismissed = True
        bump_revision(session)


def _wanted(task: Task, rows: Sequence[Run], choice: str) -> Iterator[tuple[int, datetime]]:
    """(missed row, instant) for each run to be made, oldest first."""
    if choice == Choice.LEAVE or not rows:
        return
    if choice == Choice.LATEST:
        last = rows[-1]
        instant = last.scheduled_for or last.missed_to
        if instant is not None:
            yield last.id, instant
        return
    if sum(row.occurrences for row in rows) > MOST_RUNS:
        raise Conflict(_("These are more than %(count)s runs.", count=MOST_RUNS))
    for row in rows:
        if row.scheduled_for is not None:
            yield row.id, row.scheduled_for
            continue
        for instant in _instants_of(task, row):
            yield row.id, instant


def _instants_of(task: Task, row: Run) -> Sequence[datetime]:
    """What a gap row stands for, by the task's rule, if that is still the one it was written by."""
    assert row.missed_from is not None and row.missed_to is not None  # noqa: S101 - a gap row
    due = task.schedule.between(row.missed_from, row.missed_to, row.occurrences)
    if due.total != row.occurrences:
        raise Conflict(_("The schedule has been changed since; run the task by hand."))
    return due.newest
