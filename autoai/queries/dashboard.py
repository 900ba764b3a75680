"""The dashboard's figures and charts, from totals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select, type_coerce

from ..domain.percentiles import percentile
from ..domain.runs import ACTIVE, Status, success_rate
from ..models import NOW, DailyTotal, HourlyTiming, HourlyTotal, Money, Run, Task
from ..models.types import UtcDateTime
from . import plain
from .run_filter import day_start
from .run_log import Day, last_days
from .spans import timings_of_days

_NOTHING_USED = (None, 0, 0, Decimal(0), 0)
_NONE = (0, 0, 0)

# Built once: that takes SQLAlchemy longer than the answers take SQLite.
_SINCE_THEN = bindparam("since", type_=UtcDateTime())
_TASKS = select(func.count(), func.count().filter(Task.enabled)).select_from(Task)
_USED_ON = select(
    func.coalesce(func.sum(DailyTotal.input_tokens), 0),
    func.coalesce(func.sum(DailyTotal.output_tokens), 0),
    type_coerce(func.coalesce(func.sum(DailyTotal.cost), 0), Money),
    func.coalesce(func.sum(DailyTotal.unpriced), 0),
).where(DailyTotal.day == bindparam("day"))
_TIMINGS = (
    select(HourlyTiming.measure, HourlyTiming.bucket, func.sum(HourlyTiming.runs))
    .where(HourlyTiming.hour >= _SINCE_THEN)
    .group_by(HourlyTiming.measure, HourlyTiming.bucket)
)
_HOURS = (
    select(HourlyTotal.hour, HourlyTotal.status, HourlyTotal.due, HourlyTotal.due_degraded)
    .where(HourlyTotal.hour >= _SINCE_THEN, HourlyTotal.due != 0)
    .order_by(HourlyTotal.hour)
)
_ACTIVE_BETWEEN = (
    select(Run.status, func.count())
    .where(Run.status.in_(ACTIVE), Run.due_at >= _SINCE_THEN, Run.due_at <= NOW)
    .group_by(Run.status)
)
_SINCE = (
    select(
        HourlyTotal.status,
        func.sum(HourlyTotal.due),
        func.sum(HourlyTotal.started),
        func.sum(HourlyTotal.started_degraded),
    )
    .where(HourlyTotal.hour >= _SINCE_THEN)
    .group_by(HourlyTotal.status)
)
_UNDER_WAY = (
    select(
        Run.status,
        func.count(),
        func.count().filter(Run.due_at >= _SINCE_THEN),
        func.count().filter(Run.started_at >= _SINCE_THEN),
    )
    .where(Run.status.in_(ACTIVE))
    .group_by(Run.status)
)


@dataclass(frozen=True)
class Timings:
    """Milliseconds, at most 2 % off; None where nothing was measured."""

    duration_p50_ms: int | None
    duration_p95_ms: int | None
    lateness_p50_ms: int | None
    lateness_p95_ms: int | None


@dataclass(frozen=True)
class DashboardFigures:
    """Today is the day on the instance's clocks."""

    tasks: int
    enabled_tasks: int
    runs_today: int
    """Runs that were started today."""
    running_now: int
    success_rate_today: float | None
    """Between 0 and 1, over runs that were started today and have ended; None where none has."""
    failed_today: int
    """Of the runs that were started today."""
    degraded_today: int
    """Successes of today's runs whose answer was not as good as it should be."""
    by_status_today: dict[str, int]
    """What was due today; a gap row counts for all that it stands for."""
    input_tokens_today: int
    output_tokens_today: int
    cost_today: Decimal | None
    """Dollars, of the runs whose price is known; None where none of those that used tokens is."""
    unpriced_today: int
    """Runs that used tokens whose price is not known."""
    timings_today: Timings


def dashboard_figures(now: datetime, zone: ZoneInfo) -> DashboardFigures:
    """What the dashboard and `/api/dashboard/stats` show. None of it is counted from the ledger but
    what is under way: the totals have all that is over."""
    today = now.astimezone(zone).date()
    midnight = day_start(today, zone)
    tasks, enabled = plain.rows(_TASKS)[0]
    due, started, degraded = _since(midnight)
    under_way = _under_way(midnight)
    for status, (_all, due_now, started_now) in under_way.items():
        due[status], started[status] = due_now, started_now
    tokens_in, tokens_out, cost, unpriced = plain.rows(_USED_ON, {"day": today})[0]
    timings = _timings_since(midnight)
    return DashboardFigures(
        tasks=tasks,
        enabled_tasks=enabled,
        runs_today=sum(started.values()),
        running_now=under_way.get(Status.RUNNING, _NONE)[0],
        success_rate_today=success_rate(started),
        failed_today=started.get(Status.FAILED, 0),
        degraded_today=degraded,
        by_status_today={status: count for status, count in due.items() if count},
        input_tokens_today=int(tokens_in),
        output_tokens_today=int(tokens_out),
        cost_today=None if unpriced and not cost else cost,
        unpriced_today=int(unpriced),
        timings_today=timings,
    )


def _timings_since(since: datetime) -> Timings:
    """Over the runs that were started from then on, the beginning of an hour, and that brought an
    answer or an error."""
    return _timings(plain.rows(_TIMINGS, {"since": since}))


def _timings(rows: Iterable[Any]) -> Timings:
    """Of (measure, bucket, runs)."""
    counts: dict[str, dict[int, int]] = {"duration": {}, "lateness": {}}
    for measure, bucket, runs in rows:
        counts[measure][bucket] = int(runs)
    return Timings(
        duration_p50_ms=percentile(counts["duration"], 0.5),
        duration_p95_ms=percentile(counts["duration"], 0.95),
        lateness_p50_ms=percentile(counts["lateness"], 0.5),
        lateness_p95_ms=percentile(counts["lateness"], 0.95),
    )


@dataclass(frozen=True)
class Slot:
    """An hour of a chart."""

    start: datetime
    by_status: dict[str, int] = field(default_factory=dict)
    """Occurrences that were due in it."""
    degraded: int = 0
    """Of the successes."""


def hours_chart(now: datetime, zone: ZoneInfo, hours: int = 24) -> list[Slot]:
    """The present hour and those before it, the oldest first."""
    present = now - timedelta(
        minutes=now.astimezone(zone).minute, seconds=now.second, microseconds=now.microsecond
    )
    starts = [present - timedelta(hours=back) for back in range(hours - 1, -1, -1)]
    by_status: dict[datetime, dict[str, int]] = {start: {} for start in starts}
    degraded: dict[datetime, int] = defaultdict(int)
    rows = plain.rows(_HOURS, {"since": starts[0]})
    for hour, status, due, bad in rows:
        if hour in by_status:
            by_status[hour][status] = due
            degraded[hour] += bad
    active = plain.rows(_ACTIVE_BETWEEN, {"since": present, "now": now})
    by_status[present].update(dict(active))
    return [Slot(start, by_status[start], degraded[start]) for start in starts]


@dataclass(frozen=True)
class DayPerformance:
    """A day on the instance's clocks: what was due on it, and how the runs went that it started."""

    day: Day
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    """Dollars; None where tokens were used and no price is known."""
    timings: Timings

    @property
    def success_rate(self) -> float | None:
        """Between 0 and 1 over finished runs; None where none finished."""
        return success_rate(self.day.by_status)


def performance(now: datetime, zone: ZoneInfo, days: int) -> list[DayPerformance]:
    """Today and the days before it, the oldest first."""
    shown = last_days(None, now, zone, days)
    total = DailyTotal
    rows = plain.rows(
        select(
            total.day,
            func.sum(total.input_tokens),
            func.sum(total.output_tokens),
            type_coerce(func.sum(total.cost), Money),
            func.sum(total.unpriced),
        )
        .where(total.day >= shown[0].date)
        .group_by(total.day)
    )
    timed: dict[int, list[Any]] = defaultdict(list)
    for number, *timing in timings_of_days([day.date for day in shown], zone):
        timed[number].append(timing)
    used: dict[date, Any] = {row[0]: row for row in rows}
    found = []
    for number, day in enumerate(shown):
        _, tokens_in, tokens_out, cost, unpriced = used.get(day.date, _NOTHING_USED)
        known = None if unpriced and not cost else cost
        timings = _timings(timed[number])
        found.append(DayPerformance(day, int(tokens_in), int(tokens_out), known, timings))
    return found


def _since(midnight: datetime) -> tuple[dict[str, int], dict[str, int], int]:
    """Of what is over: due since then by status, started since then by status, and how many of
    these were degraded."""
    rows = plain.rows(_SINCE, {"since": midnight})
    due = {status: int(count) for status, count, _, _ in rows}
    started = {status: int(count) for status, _, count, _ in rows if count}
    return due, started, sum(int(bad) for _, _, _, bad in rows)


def _under_way(midnight: datetime) -> dict[str, tuple[int, int, int]]:
    """By status: how many there are, how many of them were due since then, and how many started."""
    rows = plain.rows(_UNDER_WAY, {"since": midnight})
    return {status: (count, due, started) for status, count, due, started in rows}
