"""Totals by the hour, written in the transaction of the rows that they count.

They are the instance's, not a task's, so that a page has few of them to add up. What a deleted task
had in them is taken out with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert

from ..domain.percentiles import bucket_of
from ..domain.runs import ACTIVE, Status
from ..domain.verdicts import Verdict
from ..models import (
    DbSession,
    HourlyTiming,
    HourlyTotal,
    InstanceState,
    Run,
    table,
    write_transaction,
)

DURATION, LATENESS = "duration", "lateness"
_TIMED = frozenset({Status.SUCCESS, Status.FAILED})
_COUNTED = ("due", "due_degraded", "started", "started_degraded")
_TOTALS, _TIMINGS = table(HourlyTotal), table(HourlyTiming)
COUNTED = (
    Run.due_at,
    Run.status,
    Run.occurrences,
    Run.verdict == Verdict.DEGRADED,
    Run.started_at,
    Run.finished_at,
)
"""The columns of a run that the hours are made from."""


@dataclass(frozen=True)
class Ended:
    """What the hours need to know of a row that reached its end."""

    due_at: datetime
    status: str
    occurrences: int = 1
    degraded: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None


class _Sums:
    """Counts of some rows, still in memory."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self.totals: dict[tuple[datetime, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self.timings: dict[tuple[datetime, str, int], int] = defaultdict(int)

    def add(self, ended: Ended, sign: int = 1) -> None:
        due = self.totals[hour_of(ended.due_at, self._zone), str(ended.status)]
        due[0] += sign * ended.occurrences
        due[1] += sign * ended.degraded
        if ended.started_at is None:
            return
        hour = hour_of(ended.started_at, self._zone)
        started = self.totals[hour, str(ended.status)]
        started[2] += sign
        started[3] += sign * ended.degraded
        if ended.status in _TIMED and ended.finished_at is not None:
            took = _milliseconds(ended.started_at, ended.finished_at)
            late = _milliseconds(ended.due_at, ended.started_at)
            self.timings[hour, DURATION, bucket_of(took)] += sign
            self.timings[hour, LATENESS, bucket_of(late)] += sign

    def write(self, session: DbSession) -> None:
        """Add them to what is stored."""
        if self.totals:
            add = insert(_TOTALS)
            sums = {name: _TOTALS.c[name] + add.excluded[name] for name in _COUNTED}
            session.execute(
                add.on_conflict_do_update(index_elements=["hour", "status"], set_=sums),
                [
                    {"hour": hour, "status": status, **dict(zip(_COUNTED, counts, strict=True))}
                    for (hour, status), counts in self.totals.items()
                ],
            )
        if self.timings:
            add = insert(_TIMINGS)
            session.execute(
                add.on_conflict_do_update(
                    index_elements=["hour", "measure", "bucket"],
                    set_={"runs": _TIMINGS.c.runs + add.excluded.runs},
                ),
                [
                    {"hour": hour, "measure": measure, "bucket": bucket, "runs": runs}
                    for (hour, measure, bucket), runs in self.timings.items()
                ],
            )


def hour_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which its hour began on the clocks of `zone`."""
    return _hour_of(instant.replace(second=0, microsecond=0), zone)


@lru_cache(maxsize=4096)
def _hour_of(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant - timedelta(minutes=instant.astimezone(zone).minute)


def count_hours(session: DbSession, zone: ZoneInfo, endings: Iterable[Ended]) -> None:
    """Inside the caller's transaction: add `endings` to their hours."""
    sums = _Sums(zone)
    for ended in endings:
        sums.add(ended)
    sums.write(session)


def uncount_hours(session: DbSession, zone: ZoneInfo, rows: Iterable[Sequence[Any]]) -> None:
    """Inside the caller's transaction: take `COUNTED` of some runs out of their hours."""
    sums = _Sums(zone)
    for ended in map(_ended, rows):
        if ended.status not in ACTIVE:
            sums.add(ended, -1)
    sums.write(session)


def rebuild_hours(session: DbSession, zone: ZoneInfo, since: datetime | None = None) -> int:
    """Inside the caller's transaction: count the hours from `since` on anew; how many were wrong."""
    counted = _Sums(zone)
    for ended in _rows(session):
        counted.add(ended)
    totals = {k: tuple(v) for k, v in counted.totals.items() if any(v) and _is_in(k[0], since)}
    timings = {k: v for k, v in counted.timings.items() if v and _is_in(k[0], since)}
    known_totals = {
        (row.hour, row.status): tuple(getattr(row, name) for name in _COUNTED)
        for row in session.scalars(select(HourlyTotal))
        if _is_in(row.hour, since) and any(getattr(row, name) for name in _COUNTED)
    }
    known_timings = {
        (row.hour, row.measure, row.bucket): row.runs
        for row in session.scalars(select(HourlyTiming))
        if _is_in(row.hour, since) and row.runs
    }
    wrong = _differing(totals, known_totals) + _differing(timings, known_timings)
    if wrong:
        for hours in (_TOTALS, _TIMINGS):
            old = delete(hours)
            session.execute(old if since is None else old.where(hours.c.hour >= since))
        fresh = _Sums(zone)
        fresh.totals.update({key: list(counts) for key, counts in totals.items()})
        fresh.timings.update(timings)
        fresh.write(session)
    return wrong


def count_hours_once(zone: ZoneInfo) -> None:
    """The runs from before there were totals by the hour are counted at the first start after."""
    with write_transaction() as session:
        if session.scalar(select(InstanceState.hours_counted)):
            return
        rebuild_hours(session, zone)
        session.execute(update(InstanceState).values(hours_counted=True))


def _rows(session: DbSession) -> Iterator[Ended]:
    query = select(*COUNTED).where(Run.status.not_in(ACTIVE))
    return map(_ended, session.execute(query.execution_options(yield_per=5_000)))


def _ended(row: Sequence[Any]) -> Ended:
    due_at, status, occurrences, degraded, started_at, finished_at = row
    return Ended(due_at, status, occurrences, bool(degraded), started_at, finished_at)


def _differing(mine: dict[Any, Any], theirs: dict[Any, Any]) -> int:
    return sum(mine.get(key) != theirs.get(key) for key in mine.keys() | theirs.keys())


def _is_in(hour: datetime, since: datetime | None) -> bool:
    return since is None or hour >= since


def _milliseconds(start: datetime, end: datetime) -> int:
    return round((end - start).total_seconds() * 1000)
