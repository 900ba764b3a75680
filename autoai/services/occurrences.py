"""Every instant that came due gets its row, and queued runs are claimed. What the tick calls.

No committed claim, no request: the rows of all due tasks, the moved cursors and the claims of this
tick are one transaction, and only what it answers may be sent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from ..domain.policies import SINGLE_ROWS, Decision, Gap, settle
from ..domain.runs import ACTIVE, Reason, Source, Status
from ..extensions import db
from ..models import DbSession, Run, Task, bump_revision, write_transaction
from .execute_run import RunOrder

log = logging.getLogger(__name__)

JUMP_BACK = timedelta(hours=1)
"""A clock that went back further than this gets new cursors; a smaller step is waited out."""


@dataclass(frozen=True)
class Settled:
    """What a tick did: the claimed runs to send now, when to look again, and what still waits."""

    orders: list[RunOrder]
    next_due: datetime | None
    waiting: bool
    """Are there queued runs for which no slot was free?"""


def settle_and_claim(now: datetime, owner: str, slots: int) -> Settled:
    """Account for everything due at `now`, then claim queued runs, oldest first, for `slots`."""
    due = _due_tasks(now)
    orders: list[RunOrder] = []
    if due or (slots and _has_queued()):
        with write_transaction() as session:
            if due:
                _write_occurrences(session, due, now)
            orders = _claim(session, owner, now, slots)
            bump_revision(session)
    return Settled(orders, _next_due(), waiting=_has_queued())


def settle_task(session: DbSession, task: Task, now: datetime) -> None:
    """Inside the caller's transaction: write what `task` owes up to `now`, by its present rule."""
    if task.next_run_at is not None and task.next_run_at <= now:
        _write_occurrences(session, {task.id: task.next_run_at}, now)


def rewind_cursors(now: datetime) -> None:
    """After the clock went far back: each cursor goes to the first instant after now without a row.

    Instants that have a row stay as they are; nothing is repeated.
    """
    with write_transaction() as session:
        for task in session.scalars(select(Task).where(Task.next_run_at.is_not(None))):
            _anchor_in_the_past(task, now)
            taken = set(
                session.scalars(
                    select(Run.scheduled_for).where(Run.task_id == task.id, Run.scheduled_for > now)
                )
            )
            task.next_run_at = next(t for t in task.schedule.after(now) if t not in taken)
        bump_revision(session)
    log.warning("the clock went back: due times were set anew", extra={"now": now.isoformat()})


def _anchor_in_the_past(task: Task, now: datetime) -> None:
    """An interval whose anchor the clock has fallen behind goes on from an earlier one of its
    instants: else a task made while the clock was years ahead would be silent for years."""
    if task.interval_seconds and task.anchor_at > now:
        step = timedelta(seconds=task.interval_seconds)
        task.anchor_at += (now - task.anchor_at) // step * step


def _due_tasks(now: datetime) -> dict[int, datetime | None]:
    """Task id → its cursor. The tasks themselves are read in the transaction, as they are then."""
    due = db.session.execute(select(Task.id, Task.next_run_at).where(Task.next_run_at <= now))
    return dict(due.all())


def _next_due() -> datetime | None:
    return db.session.scalar(select(func.min(Task.next_run_at)))


def _has_queued() -> bool:
    return db.session.scalar(select(Run.id).where(Run.status == Status.QUEUED).limit(1)) is not None


def _write_occurrences(
    session: DbSession, seen: Mapping[int, datetime | None], now: datetime
) -> None:
    """Rows for all that tasks owe up to `now`, and their cursors moved past it.

    `seen` has the ids of the tasks and the cursors by which they were found due.
    """
    active = _active_runs(session)
    rows: list[dict[str, Any]] = []
    cursors: list[dict[str, Any]] = []
    for task in _unchanged(session, seen):
        assert task.next_run_at is not None  # noqa: S101 - told to mypy; it is due
        schedule = task.schedule
        due = schedule.between(task.next_run_at, now, SINGLE_ROWS)
        if due.total:
            gap, decisions = settle(due, now, active.get(task.id))
            if gap:
                rows.append(_gap_row(task, gap, now))
            rows += [_row(task, decision, now) for decision in decisions]
        # Committed as a plain update below; told to the object that the caller may hold.
        cursors.append({"id": task.id, "next_run_at": next(schedule.after(now))})
    if rows:
        # A row that is there already was written before the clock went back: it keeps its ending.
        session.execute(sqlite_insert(Run).on_conflict_do_nothing(), rows)
    if cursors:
        session.execute(update(Task), cursors)


def _unchanged(session: DbSession, seen: Mapping[int, datetime | None]) -> list[Task]:
    """Those whose cursor is still what was read before the transaction, by their present rule.

    Whoever moved a cursor has accounted for what was due: that is somebody else's row.
    """
    fresh = session.scalars(
        select(Task).where(Task.id.in_(seen)).execution_options(populate_existing=True)
    )
    return [task for task in fresh if task.next_run_at == seen[task.id]]


def _active_runs(session: DbSession) -> dict[int, int]:
    """Task id → the oldest of its runs that is queued or running."""
    rows = session.execute(
        select(Run.task_id, func.min(Run.id)).where(Run.status.in_(ACTIVE)).group_by(Run.task_id)
    )
    return dict(rows.all())


def _row(task: Task, decision: Decision, now: datetime) -> dict[str, Any]:
    queued = decision.status is Status.QUEUED
    return _columns(
        task,
        source=decision.source,
        scheduled_for=decision.scheduled_for,
        due_at=decision.scheduled_for,
        queued_at=now if queued else None,
        finished_at=None if queued else now,
        status=decision.status,
        reason=decision.reason,
        blocked_by=decision.blocked_by,
    )


def _gap_row(task: Task, gap: Gap, now: datetime) -> dict[str, Any]:
    return _columns(
        task,
        source=Source.SCHEDULE,
        due_at=gap.last,
        finished_at=now,
        status=Status.MISSED,
        reason=Reason.DOWNTIME,
        occurrences=gap.occurrences,
        missed_from=gap.first,
        missed_to=gap.last,
    )


def _columns(task: Task, **values: Any) -> dict[str, Any]:
    """All rows of one insert have the same keys."""
    return {
        "task_id": task.id,
        "model": task.model,
        "scheduled_for": None,
        "queued_at": None,
        "finished_at": None,
        "reason": None,
        "blocked_by": None,
        "occurrences": 1,
        "missed_from": None,
        "missed_to": None,
        **values,
    }


def queue_manual_run(session: DbSession, task: Task, now: datetime) -> int:
    """Inside the caller's transaction: a run that a person or a program asked for. Its id."""
    values = _columns(task, source=Source.MANUAL, due_at=now, queued_at=now, status=Status.QUEUED)
    return session.execute(insert(Run).values(values).returning(Run.id)).scalar_one()


def _claim(session: DbSession, owner: str, now: datetime, slots: int) -> list[RunOrder]:
    """Queued → running for at most `slots` runs, the oldest first; what those that it got need.

    All is copied here, within the transaction: after the commit nothing may fail any more that
    would leave a claimed run to nobody.
    """
    if slots <= 0:
        return []
    oldest = select(Run.id).where(Run.status == Status.QUEUED).order_by(Run.id).limit(slots)
    claimed = session.execute(
        update(Run)
        .where(Run.id.in_(oldest), Run.status == Status.QUEUED)
        .values(status=Status.RUNNING, owner=owner, started_at=now)
        .returning(Run.id, Run.task_id)
        .execution_options(synchronize_session=False)
    ).all()
    wanted = {task_id for _, task_id in claimed}
    tasks = {task.id: task for task in session.scalars(select(Task).where(Task.id.in_(wanted)))}
    return [_order(run_id, tasks[task_id]) for run_id, task_id in claimed]


def _order(run_id: int, task: Task) -> RunOrder:
    return RunOrder(
        run_id=run_id,
        task_id=task.id,
        endpoint=task.api_endpoint,
        api_key_encrypted=task.api_key_encrypted,
        secret_id=task.secret_id,
        model=task.model,
        system_message=task.system_message,
        message_content=task.message_content,
        timeout=task.timeout_seconds,
        retry_rules=task.retry_rules,
    )
