"""Totals by the hour, written in the transaction of the rows that they count.

They are the instance's, not a task's, so that a page has few of them to add up. What a deleted task
had in them is taken out with it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import TextClause, func, select, text, update

from ..domain.percentiles import bucket_of
from ..domain.runs import ACTIVE, Status
from ..domain.tallies import differences
from ..domain.verdicts import Verdict
from ..extensions import db
from ..models import (
    DbSession,
    HourlyTiming,
    HourlyTotal,
    InstanceState,
    Run,
    StatusTotal,
    execute_plain,
    insert_adding,
    table,
    write_transaction,
)

log = logging.getLogger(__name__)

_Key = TypeVar("_Key", bound=tuple[Any, ...])
_MANY = 100_000
"""Runs that take seconds to count."""
DURATION, LATENESS = "duration", "lateness"
_TIMED = frozenset({Status.SUCCESS, Status.FAILED})
_COUNTED = ("due", "due_degraded", "started", "started_degraded")
_OF_ALL_TIME = _COUNTED[:2]
_TOTALS, _TIMINGS, _ALL_TIME = table(HourlyTotal), table(HourlyTiming), table(StatusTotal)
_ADD_TOTALS = insert_adding(_TOTALS, ["hour", "status"], _COUNTED)
_ADD_TIMINGS = insert_adding(_TIMINGS, ["hour", "measure", "bucket"], ["runs"])
_ADD_ALL_TIME = insert_adding(_ALL_TIME, ["status"], _OF_ALL_TIME)
_MILLISECOND = timedelta(milliseconds=1)
_HALF = _MILLISECOND / 2

_AT_ONCE = 100_000
"""Rows that one statement adds up: so few that SQLite does it in memory."""
_SOME = "FROM runs WHERE id BETWEEN :first AND :last AND status NOT IN ('queued', 'running')"
_SECONDS = "unixepoch(substr({0}, 1, 19))"
_MICROSECONDS = f"({_SECONDS} * 1000000 + substr({{0}}, 21, 6))"
_QUARTER = 15 * 60


def _by_quarters(column: str, what: str, where: str = "") -> TextClause:
    quarter = f"{_SECONDS.format(column)} / {_QUARTER}"
    return text(f"SELECT {quarter}, {what} {_SOME} {where} GROUP BY 1, 2")


def _timed(start: str, end: str) -> TextClause:
    took = f"{_MICROSECONDS.format(end)} - {_MICROSECONDS.format(start)}"
    statuses = ", ".join(f"'{status}'" for status in sorted(_TIMED))
    return _by_quarters(
        "started_at",
        f"bucket_of(({took} + 500) / 1000), count(*)",
        f"AND started_at IS NOT NULL AND finished_at IS NOT NULL AND status IN ({statuses})",
    )


_BAD = "count(*) FILTER (WHERE verdict = 'degraded')"
_DUE = _by_quarters("due_at", f"status, sum(occurrences), {_BAD}")
_STARTED = _by_quarters("started_at", f"status, count(*), {_BAD}", "AND started_at IS NOT NULL")
_TIMED_ROWS = {
    DURATION: _timed("started_at", "finished_at"),
    LATENESS: _timed("due_at", "started_at"),
}
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
            execute_plain(
                session,
                _ADD_TOTALS,
                [
                    {"hour": hour, "status": status, **dict(zip(_COUNTED, counts, strict=True))}
                    for (hour, status), counts in self.totals.items()
                ],
            )
        if self.timings:
            execute_plain(
                session,
                _ADD_TIMINGS,
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


@dataclass(frozen=True)
class WrongHours:
    """What must be added to the totals by the hour to make them right."""

    totals: dict[tuple[datetime, str], list[int]]
    timings: dict[tuple[datetime, str, int], list[int]]
    all_time: dict[str, list[int]]
    """By status: the triggers keep them equal to the hours, so this is what somebody else did."""

    def __len__(self) -> int:
        """How many are wrong."""
        return len(self.totals) + len(self.timings) + len(self.all_time)

    def mend(self, session: DbSession, zone: ZoneInfo) -> None:
        """Inside the caller's transaction, also when others have counted on meanwhile."""
        sums = _Sums(zone)
        sums.totals.update(self.totals)
        sums.timings.update({key: runs for key, (runs,) in self.timings.items()})
        sums.write(session)
        if self.all_time:
            session.execute(
                _ADD_ALL_TIME,
                [
                    {"status": status, **dict(zip(_OF_ALL_TIME, counts, strict=True))}
                    for status, counts in self.all_time.items()
                ],
            )


def find_wrong_hours(
    session: DbSession, zone: ZoneInfo, since: datetime | None = None
) -> WrongHours:
    """Count the hours from `since` on anew, in the caller's transaction, and compare."""
    counted = _counted(session, zone)
    totals, timings = _TOTALS.c, _TIMINGS.c
    known_totals = {
        (hour, status): counts
        for hour, status, *counts in session.execute(
            select(totals.hour, totals.status, *(totals[name] for name in _COUNTED))
        )
    }
    known_timings = {
        (hour, measure, bucket): (runs,)
        for hour, measure, bucket, runs in session.execute(
            select(timings.hour, timings.measure, timings.bucket, timings.runs)
        )
    }
    counted_timings = {key: (runs,) for key, runs in counted.timings.items()}
    return WrongHours(
        _since(differences(counted.totals, known_totals, len(_COUNTED)), since),
        _since(differences(counted_timings, known_timings, 1), since),
        differences(_added_up(known_totals), _known_of_all_time(session), len(_OF_ALL_TIME)),
    )


def _added_up(totals: Mapping[tuple[datetime, str], Sequence[int]]) -> dict[str, list[int]]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for (_hour, status), (due, degraded, *_started) in totals.items():
        sums[status][0] += due
        sums[status][1] += degraded
    return sums


def _known_of_all_time(session: DbSession) -> dict[str, Sequence[int]]:
    columns = (_ALL_TIME.c[name] for name in _OF_ALL_TIME)
    rows = session.execute(select(_ALL_TIME.c.status, *columns))
    return {status: counts for status, *counts in rows}


def count_hours_once(zone: ZoneInfo) -> None:
    """The runs from before there were totals by the hour are counted at the first start after. Who
    dies meanwhile has counted nothing, and nobody waits for the lock but at the end."""
    state = select(InstanceState.hours_counted)
    if db.session.scalar(state):
        return
    runs = db.session.scalar(select(func.max(Run.id))) or 0
    if runs > _MANY:
        log.info("counting all runs by the hour, once, before anything else", extra={"runs": runs})
    wrong = find_wrong_hours(db.session(), zone)
    with write_transaction() as session:
        if not session.scalar(state):
            wrong.mend(session, zone)
            session.execute(update(InstanceState).values(hours_counted=True))


def _counted(session: DbSession, zone: ZoneInfo) -> _Sums:
    """All rows that are over. SQLite adds them up by the quarter of an hour, of which the hours of
    every zone consist: in Python, each row would take ten times as long."""
    raw: Any = session.connection().connection.dbapi_connection
    raw.create_function("bucket_of", 1, lru_cache(maxsize=100_000)(bucket_of), deterministic=True)
    sums = _Sums(zone)

    def hour(quarter: int) -> datetime:
        return hour_of(datetime.fromtimestamp(quarter * _QUARTER, UTC), zone)

    last = session.scalar(select(func.max(Run.id))) or 0
    for first in range(1, last + 1, _AT_ONCE):
        some = {"first": first, "last": first + _AT_ONCE - 1}
        for quarter, status, due, degraded in session.execute(_DUE, some):
            total = sums.totals[hour(quarter), status]
            total[0] += due
            total[1] += degraded
        for quarter, status, started, degraded in session.execute(_STARTED, some):
            total = sums.totals[hour(quarter), status]
            total[2] += started
            total[3] += degraded
        for measure, statement in _TIMED_ROWS.items():
            for quarter, bucket, runs in session.execute(statement, some):
                sums.timings[hour(quarter), measure, bucket] += runs
    return sums


def _ended(row: Sequence[Any]) -> Ended:
    due_at, status, occurrences, degraded, started_at, finished_at = row
    return Ended(due_at, status, occurrences, bool(degraded), started_at, finished_at)


def _since(found: dict[_Key, list[int]], since: datetime | None) -> dict[_Key, list[int]]:
    return {key: more for key, more in found.items() if since is None or key[0] >= since}


def _milliseconds(start: datetime, end: datetime) -> int:
    """As `_MILLISECONDS` computes it."""
    return (end - start + _HALF) // _MILLISECOND
