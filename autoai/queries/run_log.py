"""One run whole, and the figures above a list of runs. Its pages are in `run_pages`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import Select, Subquery, bindparam, func, select
from sqlalchemy.orm import joinedload, selectinload

from ..domain.errors import NotFound
from ..domain.runs import ACTIVE, FINISHED, Status, success_rate
from ..domain.verdicts import Verdict
from ..extensions import db
from ..models import LARGEST_ID, DailyTotal, HourlyTotal, Run, StatusTotal
from . import plain
from .log_rows import LogRow
from .run_filter import RunFilter, day_start
from .run_pages import MOST_COUNTED, RunPage, matching
from .run_walk import unindexed
from .spans import totals_of_days

_BY_DAY = (
    select(
        DailyTotal.day,
        DailyTotal.status,
        func.sum(DailyTotal.occurrences),
        func.sum(DailyTotal.degraded),
    )
    .where(DailyTotal.day >= bindparam("first"), DailyTotal.task_id == bindparam("task_id"))
    .group_by(DailyTotal.day, DailyTotal.status)
)


@dataclass(frozen=True)
class LogFigures:
    """What a filter finds. `total` counts occurrences, so a gap row counts for all it stands for."""

    total: int
    by_status: dict[str, int]
    degraded: int
    """Of the successes."""
    exact: bool = True
    """False: there are at least so many, and the other figures are those of some of them."""

    @property
    def success_rate(self) -> float | None:
        """Between 0 and 1 over finished runs; None where none finished, or not all were counted."""
        return success_rate(self.by_status) if self.exact else None


@dataclass(frozen=True)
class Day:
    """One day on the instance's clocks."""

    date: date
    by_status: dict[str, int] = field(default_factory=dict)
    degraded: int = 0
    """Successes whose answer was not as good as it should be."""

    @property
    def success(self) -> int:
        """With a good answer."""
        return self.by_status.get(Status.SUCCESS, 0) - self.degraded

    @property
    def failed(self) -> int:
        """Failed or interrupted."""
        finished = sum(self.by_status.get(status, 0) for status in FINISHED)
        return finished - self.success - self.degraded

    @property
    def other(self) -> int:
        """Skipped, missed, cancelled, expired, and what is still under way."""
        return sum(self.by_status.values()) - self.success - self.degraded - self.failed


def get_run(run_id: int) -> Run:
    """One run with its task, texts and attempts; `NotFound` where there is none."""
    run = None
    if 0 < run_id <= LARGEST_ID:
        run = db.session.scalar(
            select(Run)
            .where(Run.id == run_id)
            .options(
                joinedload(Run.task, innerjoin=True),
                joinedload(Run.texts),
                selectinload(Run.attempt_list),
            )
            .execution_options(populate_existing=True)
        )
    if run is None:
        raise NotFound(_("There is no run %(id)s.", id=run_id))
    return run


def figures(wanted: RunFilter, zone: ZoneInfo, page: RunPage[LogRow] | None = None) -> LogFigures:
    """How many there are of each status. Whole days are answered from their totals, which also
    know what retention has removed; what has to be counted is counted up to `MOST_COUNTED`. `page` is
    one of the same filter: what it has found out already is not looked for again."""
    if wanted.known_by_totals:
        by_status, degraded = _from_totals(wanted, zone)
        return LogFigures(sum(by_status.values()), by_status, degraded)
    if page is not None and page.whole:
        return _of_rows(page.rows, page.exhausted)
    found = matching(wanted, page=page)
    rows = plain.rows(_statuses_of(found.ids), found.values)
    exact = not found.left_out and sum(count for _, count, _, _ in rows) <= MOST_COUNTED
    by_status = {status: int(count) for status, _, count, _ in rows}
    total = sum(by_status.values()) if exact else min(sum(by_status.values()), MOST_COUNTED)
    return LogFigures(total, by_status, sum(bad for _, _, _, bad in rows), exact)


def _of_rows(rows: Sequence[LogRow], exact: bool) -> LogFigures:
    by_status: Counter[str] = Counter()
    for row in rows:
        by_status[row.status] += row.occurrences
    degraded = sum(row.verdict == Verdict.DEGRADED for row in rows)
    return LogFigures(by_status.total(), by_status, degraded, exact)


@lru_cache(maxsize=128)
def _statuses_of(ids: Subquery) -> Select[str, int, int, int]:
    """By status: rows, what they stand for, and those of them that are degraded."""
    is_bad = Run.verdict == Verdict.DEGRADED
    return (
        select(Run.status, func.count(), func.sum(Run.occurrences), func.count().filter(is_bad))
        .join(ids, ids.c.id == Run.id)
        .group_by(Run.status)
    )


def last_days(task_id: int | None, now: datetime, zone: ZoneInfo, days: int = 7) -> list[Day]:
    """Today and the days before it, the oldest first."""
    today = now.astimezone(zone).date()
    dates = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    found: dict[date, dict[str, int]] = {day: {} for day in dates}
    degraded: dict[date, int] = defaultdict(int)
    rows = _of_all(dates, zone) if task_id is None else _of_task(task_id, dates)
    for day, status, count, bad in rows:
        if day in found and count:
            found[day][status] = int(count)
            degraded[day] += int(bad)
    under_way = RunFilter(task_id=task_id, since=day_start(today, zone))
    for status, count in _active(under_way).items():
        found[today][status] = count
    return [Day(day, found[day], degraded[day]) for day in dates]


def _of_task(task_id: int, dates: Sequence[date]) -> Iterable[tuple[date, str, int, int]]:
    """By day and status: how many, and how many of them degraded."""
    rows = plain.rows(_BY_DAY, {"task_id": task_id, "first": dates[0]})
    return ((day, status, count, bad) for day, status, count, bad in rows)


def _of_all(dates: Sequence[date], zone: ZoneInfo) -> Iterable[tuple[date, str, int, int]]:
    """The same of all tasks, from the hours: of these there are few, and of the days one for each
    task."""
    rows = totals_of_days(dates, zone)
    return ((dates[number], status, due, bad) for number, status, due, bad in rows)


def _from_totals(wanted: RunFilter, zone: ZoneInfo) -> tuple[dict[str, int], int]:
    """How many of each status, and how many degraded successes. One task has totals by the day; all
    tasks together have totals of all time, and a stretch is added up from its hours."""
    rows = plain.rows(_totals_of(wanted, zone))
    degraded = {status: int(bad) for status, _count, bad in rows if bad}
    if wanted.verdict is not None:
        return degraded, sum(degraded.values())
    by_status = {status: int(count) for status, count, _bad in rows if count} | _active(wanted)
    return by_status, sum(degraded.values())


# Kept, because to build a statement takes SQLAlchemy longer than to run it.
@lru_cache(maxsize=128)
def _totals_of(wanted: RunFilter, zone: ZoneInfo) -> Select[str, int, int]:
    if wanted.task_id is not None:
        query = _from_days(wanted, zone)
    elif wanted.since is None and wanted.until is None:
        query = select(
            StatusTotal.status, func.sum(StatusTotal.due), func.sum(StatusTotal.due_degraded)
        )
    else:
        query = _from_hours(wanted)
    status = query.selected_columns[0]
    if wanted.statuses:
        query = query.where(status.in_(sorted(wanted.statuses)))
    return query.group_by(status)


def _from_hours(wanted: RunFilter) -> Select[str, int, int]:
    total = HourlyTotal
    query = select(total.status, func.sum(total.due), func.sum(total.due_degraded))
    if wanted.since is not None:
        query = query.where(total.hour >= wanted.since)
    return query if wanted.until is None else query.where(total.hour < wanted.until)


def _from_days(wanted: RunFilter, zone: ZoneInfo) -> Select[str, int, int]:
    total = DailyTotal
    query = select(total.status, func.sum(total.occurrences), func.sum(total.degraded))
    query = query.where(total.task_id == wanted.task_id)
    if wanted.since is not None:
        query = query.where(total.day >= wanted.since.astimezone(zone).date())
    if wanted.until is None:
        return query
    return query.where(total.day < wanted.until.astimezone(zone).date())


def _active(wanted: RunFilter) -> dict[str, int]:
    """What is queued or running: no total has it yet."""
    return {status: int(count) for status, count in plain.rows(_active_of(wanted))}


@lru_cache(maxsize=128)
def _active_of(wanted: RunFilter) -> Select[str, int]:
    # Of these there are few, whatever else is wanted.
    conditions = [Run.status.in_(ACTIVE), unindexed(wanted.conditions())]
    query = select(Run.status, func.sum(Run.occurrences)).where(*conditions)
    return query.group_by(Run.status)


def run_instead(run_id: int) -> int | None:
    """The run that a person had in place of one that a budget had no room for."""
    query = select(Run.id).where(Run.for_run == run_id, Run.ignore_budget).limit(1)
    return plain.value(query)
