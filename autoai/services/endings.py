"""What a task and the day's totals learn from runs that ended. One place, whoever ended them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select, update

from ..domain.policies import Stop
from ..domain.runs import PERSON_MUST_MEND, Reason, Source, Status
from ..domain.verdicts import Verdict
from ..models import DbSession, Run, Task, execute_plain, of_tasks, table
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
    _tell_tasks(session, endings, now, zone)


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


@dataclass
class _Learner:
    """What a task knows of its runs, and whether it stands still."""

    id: int
    last_run_at: datetime | None
    last_status: str | None
    last_verdict: str | None
    failures_in_a_row: int
    pause_after_failures: int | None
    paused_at: datetime | None
    paused_until: datetime | None
    paused_reason: str | None = None
    """Set where it pauses itself now."""

    def learn(self, ending: RunEnding, now: datetime) -> None:
        """Take in one more."""
        if self.last_run_at is None or self.last_run_at <= ending.started_at:
            self.last_run_at, self.last_status = ending.started_at, ending.status
            self.last_verdict = ending.verdict
        if ending.status == Status.SUCCESS:
            self.failures_in_a_row = 0
        elif ending.status == Status.FAILED and ending.reason in PERSON_MUST_MEND:
            self.failures_in_a_row += 1
            limit = self.pause_after_failures
            if limit and self.failures_in_a_row >= limit and not self._is_paused(now):
                self.paused_at, self.paused_until, self.paused_reason = now, None, ending.reason

    def _is_paused(self, now: datetime) -> bool:
        since = self.paused_at
        return since is not None and Stop(Reason.PAUSED, since, self.paused_until).covers(now)


# By the table and not the class, and only what changes: every run that ends comes by here.
_TASKS = table(Task)
_KNOWN = select(*(_TASKS.c[known.name] for known in fields(_Learner)[:-1])).where(
    _TASKS.c.id.in_(bindparam("ids", expanding=True))
)
_LEARN = update(_TASKS).where(_TASKS.c.id == bindparam("task"))


def _tell_tasks(
    session: DbSession, endings: Sequence[RunEnding], now: datetime, zone: ZoneInfo
) -> None:
    rows = execute_plain(session, _KNOWN, {"ids": list({e.task_id for e in endings})})
    tasks = {row.id: _Learner(*row) for row in rows}
    if not tasks:
        return
    for ending in sorted(endings, key=lambda e: e.started_at):
        if (task := tasks.get(ending.task_id)) is not None:
            task.learn(ending, now)
    execute_plain(session, _LEARN, [_learnt(task) for task in tasks.values()])
    pausing = [task for task in tasks.values() if task.paused_reason is not None]
    if pausing:
        execute_plain(session, _LEARN, [_pause(task) for task in pausing])
    for task in pausing:
        skip_waiting(session, task.id, now, zone)


def _learnt(task: _Learner) -> dict[str, Any]:
    return {
        "task": task.id,
        "last_run_at": task.last_run_at,
        "last_status": task.last_status,
        "last_verdict": task.last_verdict,
        "failures_in_a_row": task.failures_in_a_row,
    }


def _pause(task: _Learner) -> dict[str, Any]:
    return {
        "task": task.id,
        "paused_at": task.paused_at,
        "paused_until": task.paused_until,
        "paused_reason": task.paused_reason,
    }
