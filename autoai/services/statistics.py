"""Totals by day (and through them those by the hour), written in the transaction of the rows that they count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from ..domain.runs import ACTIVE
from ..domain.tallies import differences
from ..domain.verdicts import Verdict
from ..extensions import db
from ..models import (
    DailyTotal,
    DbSession,
    Run,
    Task,
    execute_plain,
    insert_adding,
    table,
    write_transaction,
)
from .hours import Ended, WrongHours, count_hours, find_wrong_hours, hour_of
from .run_orders import Spent
from .usage import add_usage, find_wrong_usage

_Sums = dict[tuple[date, int, str], list[Any]]
"""By day, task and status: occurrences, input tokens, output tokens, cost, unpriced runs,
degraded successes."""


@dataclass(frozen=True)
class Ending:
    """One row, or a gap row's `occurrences`, that reached its end."""

    task_id: int
    due_at: datetime
    status: str
    occurrences: int = 1
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    degraded: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None


def waiting_ending(
    task_id: int, due_at: datetime, status: str, started_at: datetime | None, spent: Spent | None
) -> Ending:
    """Of a run that ended while it waited; `spent` is what its attempts had used, if it made any."""
    spent = spent or Spent()
    return Ending(
        task_id,
        due_at,
        status,
        1,
        spent.input_tokens,
        spent.output_tokens,
        spent.cost,
        started_at=started_at,
    )


def count_endings(session: DbSession, zone: ZoneInfo, endings: Iterable[Ending]) -> None:
    """Inside the caller's transaction: add `endings` to their days and hours in `zone`."""
    endings = list(endings)
    sums: _Sums = defaultdict(_nothing)
    for ending in endings:
        total = sums[ending.due_at.astimezone(zone).date(), ending.task_id, str(ending.status)]
        used = (ending.input_tokens, ending.output_tokens, ending.cost)
        _count(total, ending.occurrences, *used, ending.degraded)
    if sums:
        _add(session, sums)
        count_hours(
            session,
            zone,
            [
                Ended(e.due_at, e.status, e.occurrences, e.degraded, e.started_at, e.finished_at)
                for e in endings
            ],
        )


def rebuild_totals(zone: ZoneInfo) -> int:
    """Count every row of the ledger anew; how many totals were wrong, and are mended.

    Only days from the oldest row on are looked at: what retention has removed is known by its total
    alone. Each kind is read as it was at one moment, while others write; what was wrong then is wrong by
    as much afterwards, so that much is added, in a transaction that takes no time.
    """
    session = db.session()
    session.commit()  # ends whatever was read before
    usage = find_wrong_usage(session, zone)
    oldest = session.scalar(select(func.min(Run.due_at)))
    days: _Sums = {}
    hours = WrongHours({}, {}, {})
    if oldest is not None:
        first_day = oldest.astimezone(zone).date() + timedelta(days=1)
        midnight = datetime.combine(first_day, time(), zone).astimezone(UTC)
        session.commit()  # as long as it reads from one moment, the write-ahead log only grows
        days = _find_wrong_days(session, zone, first_day)
        session.commit()
        hours = find_wrong_hours(session, zone, hour_of(midnight, zone))
    session.commit()
    if wrong := len(usage) + len(days) + len(hours):
        with write_transaction() as writing:
            add_usage(writing, usage.items())
            there = set(writing.scalars(select(Task.id)))
            if days := {key: more for key, more in days.items() if key[1] in there}:
                _add(writing, days)
            hours.mend(writing, zone)
    return wrong


def _find_wrong_days(session: DbSession, zone: ZoneInfo, first_day: date) -> _Sums:
    """What must be added to the totals of these days to make them right."""
    total = DailyTotal
    known = {
        (day, task_id, status): sums
        for day, task_id, status, *sums in session.execute(
            select(
                total.day, total.task_id, total.status, *(getattr(total, name) for name in _SUMMED)
            ).where(total.day >= first_day)
        )
    }
    counted: _Sums = defaultdict(_nothing)
    rows = session.execute(
        select(
            Run.due_at,
            Run.task_id,
            Run.status,
            Run.occurrences,
            Run.input_tokens,
            Run.output_tokens,
            Run.cost,
            Run.verdict,
        )
        .where(Run.status.not_in(ACTIVE), Run.task_id.in_(select(Task.id)))
        .execution_options(yield_per=5_000)
    )
    for due_at, task_id, status, occurrences, tokens_in, tokens_out, cost, verdict in rows:
        day = due_at.astimezone(zone).date()
        if day >= first_day:
            degraded = verdict == Verdict.DEGRADED
            sums = counted[day, task_id, status]
            _count(sums, occurrences, tokens_in, tokens_out, cost, degraded)
    return differences(counted, known, len(_SUMMED))


def _nothing() -> list[Any]:
    return [0, 0, 0, Decimal(0), 0, 0]


def _count(
    total: list[Any],
    occurrences: int,
    input_tokens: int | None,
    output_tokens: int | None,
    cost: Decimal | None,
    degraded: bool,
) -> None:
    total[0] += occurrences
    total[1] += input_tokens or 0
    total[2] += output_tokens or 0
    total[3] += cost or 0
    total[4] += cost is None and input_tokens is not None
    total[5] += degraded


_SUMMED = ("occurrences", "input_tokens", "output_tokens", "cost", "unpriced", "degraded")
_ADD = insert_adding(table(DailyTotal), ["day", "task_id", "status"], _SUMMED)


def _add(session: DbSession, sums: Mapping[tuple[date, int, str], Sequence[Any]]) -> None:
    execute_plain(
        session,
        _ADD,
        [
            {
                "day": day,
                "task_id": task_id,
                "status": status,
                **dict(zip(_SUMMED, total, strict=True)),
            }
            for (day, task_id, status), total in sums.items()
        ],
    )
