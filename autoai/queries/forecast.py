"""What this month will have cost when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select, type_coerce

from ..domain.costs import SMALLEST
from ..domain.schedules import count_due
from ..extensions import db
from ..models import (
    RULE_COLUMNS,
    Account,
    Money,
    Task,
    UsageTotal,
    make_blackouts,
    make_schedule,
)
from .run_filter import day_start
from .usage import Days, Figures, usage_in

_MEASURED = timedelta(days=14)
"""What a run costs is measured over so long; for tasks that run less often, over all there is."""
_AT_ONCE = 500
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Owed:
    """How often a task is still due, and what a run of it costs; None where that is not known."""

    task_id: int
    name: str
    runs: int
    each: Decimal | None


@dataclass(frozen=True)
class Forecast:
    """Of the present month on the instance's clocks."""

    first: date
    last: date
    spent: Figures
    """So far."""
    owed: list[Owed]
    """The enabled tasks that are still due until its end."""

    @property
    def to_come(self) -> Decimal:
        """Dollars, of the tasks whose cost is known."""
        known = (task.each * task.runs for task in self.owed if task.each is not None)
        return sum(known, Decimal(0)).quantize(SMALLEST)

    @property
    def runs(self) -> int:
        """Still due, of those tasks."""
        return sum(task.runs for task in self.owed if task.each is not None)

    @property
    def unknown(self) -> list[Owed]:
        """Tasks that are not in it: nothing has been measured, or there is no price."""
        return [task for task in self.owed if task.each is None]

    @property
    def total(self) -> Decimal | None:
        """Dollars; None where there is something to be paid for and nothing of it is known."""
        known = self.spent.known_cost + self.to_come
        return known if known or not (self.spent.unpriced or self.unknown) else None


def forecast(now: datetime, zone: ZoneInfo) -> Forecast:
    """What was spent so far, and what the schedules of enabled tasks still owe outside blackouts
    and pauses at what their runs cost lately. Runs by hand are in nobody's schedule."""
    today = now.astimezone(zone).date()
    first = today.replace(day=1)
    following = (first + 32 * _DAY).replace(day=1)
    spent = usage_in(Days(first, following - _DAY))
    due = _still_due(now, day_start(following, zone))
    costs = _costs([row for row, _ in due], today)
    owed = [Owed(row.id, row.name, runs, costs.get(row.id)) for row, runs in due]
    return Forecast(first, following - _DAY, spent, owed)


def _still_due(now: datetime, end: datetime) -> list[tuple[Any, int]]:
    """The tasks that are due before `end`, and how often; by name."""
    rows = db.session.execute(
        select(
            Task.id,
            Task.name,
            Task.account_id,
            func.coalesce(Task.model, Account.default_model, "").label("model_asked"),
            Task.anchor_at,
            Task.blackouts,
            Task.paused_at,
            Task.paused_until,
            *(getattr(Task, name) for name in RULE_COLUMNS),
        )
        .outerjoin(Account, Account.id == Task.account_id)
        .where(Task.enabled, Task.next_run_at < end, Account.disabled_at.is_(None))
        .order_by(func.lower(Task.name), Task.id)
    )
    alike: dict[str, int] = {}
    counted = ((row, _count(row, now + _MICROSECOND, end, alike)) for row in rows)
    return [(row, runs) for row, runs in counted if runs]


def _count(row: Any, first: datetime, end: datetime, alike: dict[str, int]) -> int:
    """Many tasks go by the same clock: `alike` is what was counted for one of them."""
    if row.paused_at is not None and row.paused_at < first:
        if row.paused_until is None:
            return 0
        first = max(first, row.paused_until)
    columns = {name: getattr(row, name) for name in RULE_COLUMNS}
    since = row.anchor_at if row.interval_seconds else None
    key = repr((*columns.values(), since, row.blackouts, first))
    if key not in alike:
        blackouts = make_blackouts(row.blackouts, ZoneInfo(row.timezone))
        alike[key] = count_due(make_schedule(columns, row.anchor_at), blackouts, first, end)
    return alike[key]


def _costs(rows: Sequence[Any], today: date) -> dict[int, Decimal]:
    """What a run of each task costs through its account with its model; unknown ones are not
    there."""
    lanes = {(row.id, row.account_id or 0, row.model_asked): row.id for row in rows}
    # With one bound alone SQLite walks through all there is, task by task.
    measured = _measured(UsageTotal.day.between(today - _MEASURED, today))
    rare = sorted({task_id for lane, task_id in lanes.items() if lane not in measured})
    for start in range(0, len(rare), _AT_ONCE):
        measured.update(_measured(UsageTotal.task_id.in_(rare[start : start + _AT_ONCE])))
    found = {task_id: measured.get(lane) for lane, task_id in lanes.items()}
    return {task_id: cost for task_id, cost in found.items() if cost is not None}


def _measured(condition: ColumnElement[bool]) -> dict[tuple[int, int, str], Decimal | None]:
    """What a run cost on average, by task, account and model: over those that have a price, and
    the failed ones among them. None where runs were counted and none has a price."""
    lane = (UsageTotal.task_id, UsageTotal.account_id, UsageTotal.model)
    rows = db.session.execute(
        select(
            *lane,
            func.sum(UsageTotal.runs),
            func.sum(UsageTotal.unpriced),
            type_coerce(func.sum(UsageTotal.cost), Money),
        )
        .where(condition)
        .group_by(*lane)
        .having(func.sum(UsageTotal.input_tokens + UsageTotal.output_tokens) > 0)
    )
    return {
        (task_id, account_id, model): cost / int(runs - unpriced)
        if runs > unpriced and (cost or not unpriced)
        else None
        for task_id, account_id, model, runs, unpriced, cost in rows
    }
