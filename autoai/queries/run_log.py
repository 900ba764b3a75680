"""The log: pages of runs, one run whole, and the figures above the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from ..domain.errors import NotFound
from ..domain.runs import FINISHED, Status, success_rate
from ..extensions import db
from ..models import Run
from .run_filter import RunFilter, day_start

_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class LogFigures:
    """What a filter finds. `total` counts occurrences, so a gap row counts for all it stands for."""

    total: int
    by_status: dict[str, int]

    @property
    def success_rate(self) -> float | None:
        """Between 0 and 1 over finished runs; None where none finished."""
        return success_rate(self.by_status)


@dataclass(frozen=True)
class Day:
    """One day on the instance's clocks."""

    date: date
    by_status: dict[str, int] = field(default_factory=dict)

    @property
    def success(self) -> int:
        return self.by_status.get(Status.SUCCESS, 0)

    @property
    def failed(self) -> int:
        """Failed or interrupted."""
        return sum(self.by_status.get(status, 0) for status in FINISHED) - self.success

    @property
    def other(self) -> int:
        """Skipped, missed, cancelled, expired, and what is still under way."""
        return sum(self.by_status.values()) - self.success - self.failed


def get_run(run_id: int) -> Run:
    """One run with its task, texts and attempts; `NotFound` where there is none."""
    run = None
    if 0 < run_id <= _LARGEST_ID:
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


def figures(wanted: RunFilter) -> LogFigures:
    """How many there are of each status."""
    rows = db.session.execute(
        select(Run.status, func.sum(Run.occurrences))
        .where(*wanted.conditions())
        .group_by(Run.status)
    )
    by_status = {status: int(count) for status, count in rows}
    return LogFigures(sum(by_status.values()), by_status)


def last_days(task_id: int | None, now: datetime, zone: ZoneInfo, days: int = 7) -> list[Day]:
    """Today and the days before it, the oldest first."""
    today = now.astimezone(zone).date()
    found = []
    for back in range(days - 1, -1, -1):
        day = today - timedelta(days=back)
        wanted = RunFilter(
            task_id=task_id,
            since=day_start(day, zone),
            until=day_start(day + timedelta(days=1), zone),
        )
        found.append(Day(day, figures(wanted).by_status))
    return found


def _newest_first(
    wanted: RunFilter, limit: int, *, offset: int = 0, before: int | None = None
) -> Sequence[Run]:
    query = select(Run).where(*wanted.conditions()).join(Run.task)
    if before is not None:
        query = query.where(Run.id < before)
    query = query.options(contains_eager(Run.task))
    return db.session.scalars(query.order_by(Run.id.desc()).limit(limit).offset(offset)).all()
