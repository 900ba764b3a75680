"""The figures on top of the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select, type_coerce

from ..domain.runs import success_rate
from ..domain.verdicts import Verdict
from ..extensions import db
from ..models import DailyTotal, Money, Run, Task
from .run_filter import day_start


@dataclass(frozen=True)
class DashboardFigures:
    """Today is the day on the instance's clocks. `by_status_today` counts rows due today."""

    tasks: int
    enabled_tasks: int
    runs_today: int
    """Runs that were started today."""
    success_rate_today: float | None
    """Between 0 and 1, over runs that were started today and have ended; None where none has."""
    degraded_today: int
    """Successes of today's runs whose answer was not as good as it should be."""
    by_status_today: dict[str, int]
    input_tokens_today: int
    output_tokens_today: int
    cost_today: Decimal | None
    """Dollars, of the runs whose price is known; None where none of those that used tokens is."""
    unpriced_today: int
    """Runs that used tokens whose price is not known."""


def dashboard_figures(now: datetime, zone: ZoneInfo) -> DashboardFigures:
    """What the dashboard and `/api/dashboard/stats` show."""
    midnight = day_start(now.astimezone(zone).date(), zone)
    tasks, enabled = db.session.execute(
        select(func.count(), func.count().filter(Task.enabled)).select_from(Task)
    ).one()
    started = _by_status(Run.started_at >= midnight)
    tokens_in, tokens_out, cost, unpriced = db.session.execute(
        select(
            func.coalesce(func.sum(DailyTotal.input_tokens), 0),
            func.coalesce(func.sum(DailyTotal.output_tokens), 0),
            type_coerce(func.coalesce(func.sum(DailyTotal.cost), 0), Money),
            func.coalesce(func.sum(DailyTotal.unpriced), 0),
        ).where(DailyTotal.day == midnight.astimezone(zone).date())
    ).one()
    return DashboardFigures(
        tasks=tasks,
        enabled_tasks=enabled,
        runs_today=sum(started.values()),
        success_rate_today=success_rate(started),
        degraded_today=_degraded(midnight),
        by_status_today=_by_status(Run.due_at >= midnight),
        input_tokens_today=int(tokens_in),
        output_tokens_today=int(tokens_out),
        cost_today=None if unpriced and not cost else cost,
        unpriced_today=int(unpriced),
    )


def _degraded(midnight: datetime) -> int:
    query = select(func.count()).where(Run.verdict == Verdict.DEGRADED, Run.started_at >= midnight)
    return db.session.scalar(query) or 0


def _by_status(condition: ColumnElement[bool]) -> dict[str, int]:
    rows = db.session.execute(
        select(Run.status, func.count()).where(condition).group_by(Run.status)
    )
    return dict(rows.all())
