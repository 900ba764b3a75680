"""The log: pages of runs, one run whole, and the figures above the list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from ..domain.errors import NotFound
from ..domain.runs import ACTIVE, FINISHED, Status, success_rate
from ..domain.verdicts import Verdict
from ..extensions import db
from ..models import LARGEST_ID, DailyTotal, Run
from .run_filter import RunFilter, day_start


@dataclass(frozen=True)
class LogFigures:
    """What a filter finds. `total` counts occurrences, so a gap row counts for all it stands for."""

    total: int
    by_status: dict[str, int]
    degraded: int
    """Of the successes."""

    @property
    def success_rate(self) -> float | None:
        """Between 0 and 1 over finished runs; None where none finished."""
        return success_rate(self.by_status)


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
            .options(joinedload(Run.task), joinedload(Run.texts), selectinload(Run.attempt_list))
            .execution_options(populate_existing=True)
        )
    if run is None:
        raise NotFound(_("There is no run %(id)s.", id=run_id))
    return run


def page_of_runs(wanted: RunFilter, page: int, per_page: int) -> tuple[Sequence[Run], bool]:
    """Page number `page` (from 1), newest first, and whether there is a next one."""
    rows = _newest_first(wanted, per_page + 1, offset=(page - 1) * per_page)
    return rows[:per_page], len(rows) > per_page


def runs_before(
    wanted: RunFilter, limit: int, cursor: int | None
) -> tuple[Sequence[Run], int | None]:
    """At most `limit` runs older than `cursor` (an id), newest first, and the next cursor."""
    rows = _newest_first(wanted, limit + 1, before=cursor)
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def figures(wanted: RunFilter, zone: ZoneInfo) -> LogFigures:
    """How many there are of each status. Whole days are answered from their totals, which also
    know what retention has removed."""
    if wanted.known_by_totals:
        by_status, degraded = _from_totals(wanted, zone)
    else:
        by_status = _counted(wanted.conditions())
        bad = [*wanted.conditions(), Run.verdict == Verdict.DEGRADED]
        degraded = db.session.scalar(select(func.count()).where(*bad)) or 0
    return LogFigures(sum(by_status.values()), by_status, degraded)


def last_days(task_id: int | None, now: datetime, zone: ZoneInfo, days: int = 7) -> list[Day]:
    """Today and the days before it, the oldest first."""
    today = now.astimezone(zone).date()
    dates = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    query = select(
        DailyTotal.day,
        DailyTotal.status,
        func.sum(DailyTotal.occurrences),
        func.sum(DailyTotal.degraded),
    )
    query = query.where(DailyTotal.day >= dates[0])
    if task_id is not None:
        query = query.where(DailyTotal.task_id == task_id)
    found: dict[date, dict[str, int]] = {day: {} for day in dates}
    degraded: dict[date, int] = defaultdict(int)
    rows = db.session.execute(query.group_by(DailyTotal.day, DailyTotal.status))
    for day, status, count, bad in rows:
        if day in found:
            found[day][status] = int(count)
            degraded[day] += int(bad)
    under_way = RunFilter(task_id=task_id, since=day_start(today, zone))
    for status, count in _active(under_way).items():
        found[today][status] = count
    return [Day(day, found[day], degraded[day]) for day in dates]


def _from_totals(wanted: RunFilter, zone: ZoneInfo) -> tuple[dict[str, int], int]:
    """How many of each status, and how many degraded successes."""
    query = select(
        DailyTotal.status, func.sum(DailyTotal.occurrences), func.sum(DailyTotal.degraded)
    )
    if wanted.task_id is not None:
        query = query.where(DailyTotal.task_id == wanted.task_id)
    if wanted.statuses:
        query = query.where(DailyTotal.status.in_(sorted(wanted.statuses)))
    if wanted.since is not None:
        query = query.where(DailyTotal.day >= wanted.since.astimezone(zone).date())
    if wanted.until is not None:
        query = query.where(DailyTotal.day < wanted.until.astimezone(zone).date())
    rows = db.session.execute(query.group_by(DailyTotal.status)).all()
    by_status = {status: int(count) for status, count, _bad in rows} | _active(wanted)
    return by_status, sum(int(bad) for _status, _count, bad in rows)


def _active(wanted: RunFilter) -> dict[str, int]:
    """What is queued or running: no total has it yet."""
    return _counted([*wanted.conditions(), Run.status.in_(ACTIVE)])


def _counted(conditions: Sequence[ColumnElement[bool]]) -> dict[str, int]:
    rows = db.session.execute(
        select(Run.status, func.sum(Run.occurrences)).where(*conditions).group_by(Run.status)
    )
    return {status: int(count) for status, count in rows}


def _newest_first(
    wanted: RunFilter, limit: int, *, offset: int = 0, before: int | None = None
) -> Sequence[Run]:
    query = select(Run).where(*wanted.conditions()).join(Run.task)
    if before is not None:
        query = query.where(Run.id < before)
    query = query.options(contains_eager(Run.task))
    return db.session.scalars(query.order_by(Run.id.desc()).limit(limit).offset(offset)).all()


def run_instead(run_id: int) -> int | None:
    """The run that a person had in place of one that a budget had no room for."""
    query = select(Run.id).where(Run.for_run == run_id, Run.ignore_budget).limit(1)
    return db.session.scalar(query)
