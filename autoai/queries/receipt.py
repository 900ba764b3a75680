"""What a schedule promises, before it is saved: the receipt of the form and the API's preview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from ..domain.runs import Status
from ..domain.schedules import (
    Blackout,
    ClockChange,
    Frequency,
    Schedule,
    clock_changes,
    effect_on,
    free_of,
    frequency,
)
from ..domain.schedules.changes import Effect
from ..extensions import db
from ..models import Run, Task

_MINUTE = timedelta(minutes=1)
_MEASURED = 50
_SEARCHED = 20_000
"""Instants that are looked at for those outside blackouts: a window may swallow very many."""


@dataclass(frozen=True)
class Preview:
    """The next times, and what one should know about them. `zone` is the schedule's own."""

    schedule: Schedule
    zone: ZoneInfo
    next: list[datetime]
    changes: list[tuple[ClockChange, Effect]]
    frequency: Frequency


@dataclass(frozen=True)
class Usage:
    """Tokens of one run on average, over the last `runs` that succeeded and were counted."""

    runs: int
    input_tokens: float
    output_tokens: float
    cost: Decimal | None
    """Dollars; None where the price of the newest is not known."""


def preview(
    schedule: Schedule,
    blackouts: Sequence[Blackout],
    zone: ZoneInfo,
    after: datetime,
    count: int,
) -> Preview:
    """The next `count` instants strictly after `after`, outside blackouts, and two clock changes."""
    candidates = islice(schedule.after(after), max(_SEARCHED, count))
    return Preview(
        schedule=schedule,
        zone=zone,
        next=list(islice(free_of(candidates, blackouts), count)),
        changes=[(change, effect_on(schedule, change)) for change in clock_changes(zone, after, 2)],
        frequency=frequency(schedule, blackouts, after),
    )


def tasks_in_minute(instant: datetime, other_than: int | None) -> int:
    """How many other tasks are next due in the minute of `instant`."""
    start = instant.replace(second=0, microsecond=0)
    query = select(func.count()).where(
        Task.next_run_at >= start, Task.next_run_at < start + _MINUTE
    )
    if other_than is not None:
        query = query.where(Task.id != other_than)
    return db.session.scalar(query) or 0


def measured_usage(task_id: int) -> Usage | None:
    """What a run of the task used lately; None where nothing has been measured.

    Its cost is known where the newest of them has a price, over those that have one: a price that
    was entered today says at once what a month costs, and one that is gone says no more.
    """
    newest = db.session.execute(
        select(Run.input_tokens, Run.output_tokens, Run.cost)
        .where(
            Run.task_id == task_id,
            Run.status == Status.SUCCESS,
            Run.input_tokens.is_not(None),
            Run.output_tokens.is_not(None),
        )
        .order_by(Run.due_at.desc(), Run.id.desc())
        .limit(_MEASURED)
    ).all()
    if not newest:
        return None
    runs = len(newest)
    costs = [run.cost for run in newest if run.cost is not None]
    return Usage(
        runs,
        sum(run.input_tokens for run in newest) / runs,
        sum(run.output_tokens for run in newest) / runs,
        sum(costs, Decimal(0)) / len(costs) if newest[0].cost is not None else None,
    )
