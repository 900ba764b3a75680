"""What a task and the day's totals learn from runs that ended. One place, whoever ended them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import lazyload

from ..domain.runs import PERSON_MUST_MEND, Reason, Source, Status
from ..domain.verdicts import Verdict
from ..models import DbSession, Run, Task, of_tasks
from .statistics import Ending, count_endings, waiting_ending
from .usage import NO_USE, Lane, Used, add_usage, used_by


@dataclass(frozen=True)
class RunEnding:
    """A run that had been started, and how it ended."""

    task_id: int
    due_at: datetime
    started_at: datetime
    status: str
    reason: str | None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    lane: Lane | None = None
    """Which total of usage it is counted in; None where it was never claimed."""
    estimated: bool = False
    released: Used = NO_USE
    """What is taken from the reservations of that total."""
    verdict: str | None = None
    finished_at: datetime | None = None


def note_endings(
    session: DbSession, endings: Sequence[RunEnding], now: datetime, zone: ZoneInfo
) -> None:
    """Inside the caller's transaction: totals, each task's last result, and its row of failures.

    A task that fails too often in a row for a reason that a person must mend pauses itself.
    """
    count_endings(
        session,
        zone,
        [
            Ending(
                e.task_id,
                e.due_at,
                e.status,
                1,
                e.input_tokens,
                e.output_tokens,
                e.cost,
                e.verdict == Verdict.DEGRADED,
                e.started_at,
                e.finished_at,
            )
            for e in endings
        ],
    )
    add_usage(
        session,
        [
            (e.lane, used_by(e.input_tokens, e.output_tokens, e.cost, e.estimated).and_(e.released))
            for e in endings
            if e.lane is not None
        ],
    )
    tasks = {
        task.id: task
        for task in session.scalars(
            select(Task)
            .where(Task.id.in_({e.task_id for e in endings}))
            .options(lazyload(Task.tag_rows))
            .execution_options(populate_existing=True)
        )
    }
    for ending in sorted(endings, key=lambda e: e.started_at):
        if (task := tasks.get(ending.task_id)) is not None:
            was_paused = task.is_paused(now)
            _learn(task, ending, now)
            if task.is_paused(now) and not was_paused:
                skip_waiting(session, task.id, now, zone)


def skip_waiting(
    session: DbSession,
    task_id: int,
    now: datetime,
    zone: ZoneInfo,
    reason: Reason = Reason.PAUSED,
) -> None:
    """Inside the caller's transaction: a stop begins, and what its schedule has queued is skipped.

    A run that a person asked for stays, unless the account is switched off through which it would
    go; and so does one that has begun and waits for another attempt.
    """
    waiting = [of_tasks(task_id), Run.status == Status.QUEUED, Run.attempts == 0]
    if reason is not Reason.DISABLED_ACCOUNT:
        waiting.append(Run.source.in_((Source.SCHEDULE, Source.CATCH_UP)))
    skipped = session.execute(
        update(Run)
        .where(*waiting)
        .values(status=Status.SKIPPED, reason=reason, finished_at=now)
        .returning(Run.due_at, Run.started_at)
        .execution_options(synchronize_session=False)
    ).all()
    count_endings(
        session,
        zone,
        [
            waiting_ending(task_id, row.due_at, Status.SKIPPED, row.started_at, None)
            for row in skipped
        ],
    )


def _learn(task: Task, ending: RunEnding, now: datetime) -> None:
    if task.last_run_at is None or task.last_run_at <= ending.started_at:
        task.last_run_at, task.last_status = ending.started_at, ending.status
        task.last_verdict = ending.verdict
    if ending.status == Status.SUCCESS:
        task.failures_in_a_row = 0
    elif ending.status == Status.FAILED and ending.reason in PERSON_MUST_MEND:
        task.failures_in_a_row += 1
        limit = task.pause_after_failures
        if limit and task.failures_in_a_row >= limit and not task.is_paused(now):
            task.paused_at, task.paused_until, task.paused_reason = now, None, ending.reason
