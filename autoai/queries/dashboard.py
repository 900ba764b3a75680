"""The dashboard's figures and charts, from totals."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, type_coerce

from ..domain.percentiles import percentile
from ..domain.runs import ACTIVE, Status, success_rate
from ..extensions import db
from ..models import DailyTotal, HourlyTiming, HourlyTotal, Money, Run, Task
from .run_filter import day_start
from .run_log import Day, last_days

_NOTHING_USED = (None, 0, 0, Decimal(0), 0)


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
    midnight = day_start(now.astimezone(zone).date(), zone)
    tasks, enabled = db.session.execute(
        select(func.count(), func.count().filter(Task.enabled)).select_from(Task)
    ).one()
    due, started, degraded = _since(midnight)
    under_way = _under_way(midnight)
    for status, (due_now, started_now) in under_way.items():
        due[status], started[status] = due_now, started_now
    tokens_in, tokens_out, cost, unpriced = db.session.execute(
        select(
            func.coalesce(func.sum(DailyTotal.input_tokens), 0),
            func.coalesce(func.sum(DailyTotal.output_tokens), 0),
            type_coerce(func.coalesce(func.sum(DailyTotal.cost), 0), Money),
            func.coalesce(func.sum(DailyTotal.unpriced), 0),
        ).where(DailyTotal.day == midnight.astimezone(zone).date())
    ).one()
    timings = timings_between(midnight, None)
    return DashboardFigures(
        tasks=tasks,
        enabled_tasks=enabled,
        runs_today=sum(started.values()),
        running_now=running_now(),
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


def running_now() -> int:
    """Runs that are under way at this moment, whenever they began."""
    return db.session.scalar(select(func.count()).where(Run.status == Status.RUNNING)) or 0


def timings_between(since: datetime, until: datetime | None) -> Timings:
    """Over the runs that were started from `since` to before `until`, both the beginnings of hours,
    and that brought an answer or an error."""
    query = select(HourlyTiming.measure, HourlyTiming.bucket, func.sum(HourlyTiming.runs))
    query = query.where(HourlyTiming.hour >= since)
    if until is not None:
        query = query.where(HourlyTiming.hour < until)
    counts: dict[str, dict[int, int]] = {"duration": {}, "lateness": {}}
    for measure, bucket, runs in db.session.execute(
        query.group_by(HourlyTiming.measure, HourlyTiming.bucket)
    ):
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
    rows = db.session.execute(
        select(HourlyTotal.hour, HourlyTotal.status, HourlyTotal.due, HourlyTotal.due_degraded)
        .where(HourlyTotal.hour >= starts[0], HourlyTotal.due != 0)
        .order_by(HourlyTotal.hour)
    )
    for hour, status, due, bad in rows:
        if hour in by_status:
            by_status[hour][status] = due
            degraded[hour] += bad
    active = select(Run.status, func.count()).where(
        Run.status.in_(ACTIVE), Run.due_at >= present, Run.due_at <= now
    )
    by_status[present].update(dict(db.session.execute(active.group_by(Run.status)).all()))
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
    rows = db.session.execute(
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
    used: dict[date, Any] = {row[0]: row for row in rows}
    found = []
    for day in shown:
        _, tokens_in, tokens_out, cost, unpriced = used.get(day.date, _NOTHING_USED)
        begin, end = day_start(day.date, zone), day_start(day.date + timedelta(days=1), zone)
        known = None if unpriced and not cost else cost
        timings = timings_between(begin, end)
        found.append(DayPerformance(day, int(tokens_in), int(tokens_out), known, timings))
    return found


def _since(midnight: datetime) -> tuple[dict[str, int], dict[str, int], int]:
    """Of what is over: due since then by status, started since then by status, and how many of
    these were degraded."""
    total = HourlyTotal
    rows = db.session.execute(
        select(
            total.status,
            func.sum(total.due),
            func.sum(total.started),
            func.sum(total.started_degraded),
        )
        .where(total.hour >= midnight)
        .group_by(total.status)
    ).all()
    due = {status: int(count) for status, count, _, _ in rows}
    started = {status: int(count) for status, _, count, _ in rows if count}
    return due, started, sum(int(bad) for _, _, _, bad in rows)


def _under_way(midnight: datetime) -> dict[str, tuple[int, int]]:
    """By status: how many were due since then, and how many started."""
    rows = db.session.execute(
        select(
            Run.status,
            func.count().filter(Run.due_at >= midnight),
            func.count().filter(Run.started_at >= midnight),
        )
        .where(Run.status.in_(ACTIVE))
        .group_by(Run.status)
    )
    return {status: (due, started) for status, due, started in rows}
