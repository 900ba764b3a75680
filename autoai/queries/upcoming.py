"""What comes next: the due times of all tasks in the coming day, merged.

Asked for with every look at the dashboard, so it must be quick with thousands of tasks: it begins
at the ones that are due first, and what a schedule says is kept until the task is due or changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from heapq import nsmallest
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Integer, Text, and_, bindparam, cast, or_, select

from ..domain.policies import jitter
from ..domain.schedules import Blackout, Schedule, blackout_period, count_due
from ..models import NOW, RULE_COLUMNS, Account, Task, make_blackouts, make_schedule
from ..models.types import UtcDateTime
from . import plain

AHEAD = timedelta(hours=24)
FEW = 6
"""A task that is due more often than this in a day is told in one line."""
_LOOKED = 200
"""Tasks that are looked at: those that are due first."""
_YEAR = timedelta(days=366)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = timedelta(minutes=1)
_JSON = ("fixed_times", "weekdays", "blackouts")
_RULE = (*RULE_COLUMNS, "blackouts")


@dataclass(frozen=True)
class Moment:
    """One run that is to come, by a schedule; `at` has the occurrence's own shift in it."""

    at: datetime
    task_id: int
    name: str


@dataclass(frozen=True)
class Frequent:
    """A task that is due too often to list each time."""

    task_id: int
    name: str
    schedule: Schedule
    first: datetime
    times: int
    """In the 24 hours from then on."""


@dataclass(frozen=True)
class Upcoming:
    """Of the coming 24 hours. Paused and switched off tasks, and blackouts, are left out."""

    moments: list[Moment]
    """Ascending."""
    frequent: list[Frequent]
    """The soonest first."""
    more: bool
    """Is there anything that these two do not tell?"""

    @property
    def nothing(self) -> bool:
        """Is nothing due?"""
        return not (self.moments or self.frequent)


@dataclass(frozen=True)
class _Ahead:
    schedule: Schedule
    instants: tuple[datetime, ...]
    """One more than `FEW` where there are so many."""
    times: int


def upcoming(now: datetime, most: int = 50, most_frequent: int = 12) -> Upcoming:
    """What is due until this time tomorrow: at most `most` single runs and `most_frequent` tasks.

    Where more tasks are due than are looked at, it ends where the first of the others begins.
    """
    end = now + AHEAD
    asked = {"now": now, "end": end, "looked": _LOOKED + 1}
    rows = plain.rows(_QUERY, asked)
    cut = len(rows) > _LOOKED
    if cut:
        end = rows[_LOOKED].next_run_at
    single: list[tuple[datetime, int, str]] = []
    often: list[tuple[datetime, int, str, _Ahead]] = []
    for row in rows[:_LOOKED]:
        task_id, name, seed, shift, *_ = row
        found = _ahead(_start(row, now), *row[len(_OWN) :])
        due: Sequence[datetime] = found.instants
        if shift:
            due = [instant + jitter(seed, instant, shift) for instant in due]
        if found.times > FEW:
            often.append((min(due), task_id, name, found))
        else:
            single += [(at, task_id, name) for at in due if at < end]
    shown = [Moment(*moment) for moment in nsmallest(most, single)]
    frequent = [
        Frequent(task_id, name, found.schedule, first, found.times)
        for first, task_id, name, found in nsmallest(most_frequent, often, key=lambda t: t[:2])
    ]
    more = cut or len(single) > most or len(often) > most_frequent
    return Upcoming(shown, frequent, more)


def next_fires(task: Task, now: datetime, count: int) -> list[datetime]:
    """When a task runs the next `count` times within a year: pauses and blackouts left out, each
    with its own shift. Nothing for a task that is off, or paused until somebody resumes it."""
    if task.next_run_at is None or (task.is_paused(now) and task.paused_until is None):
        return []
    start = _start(task, now)
    blackouts = make_blackouts(task.blackouts, task.zone)
    instants = _free(task.schedule, blackouts, start, start + _YEAR)
    return [task.due_at(instant) for instant in islice(instants, count)]


def _start(row: Any, now: datetime) -> datetime:
    """From where on the task runs. What is overdue is as good as due this minute, so that the same
    is asked again and again while nothing looks for it."""
    start: datetime = row.next_run_at
    if start < now - _MINUTE:
        start = now.replace(second=0, microsecond=0)
    if row.paused_at is not None and row.paused_until is not None and row.paused_at <= start:
        start = max(start, row.paused_until)
    return start


# What a row is told by, and then what its due times follow from, as plain values: JSON stays text.
_OWN = (
    Task.id,
    Task.name,
    Task.secret_id,
    Task.jitter_seconds,
    Task.next_run_at,
    Task.paused_at,
    Task.paused_until,
)
_COLUMNS = [
    cast(getattr(Task, name), Text) if name in _JSON else getattr(Task, name) for name in _RULE
]


_END = bindparam("end", type_=UtcDateTime())
# Built once: that takes SQLAlchemy longer than the answer takes SQLite.
_QUERY = (
    select(*_OWN, Task.anchor_at, *_COLUMNS)
    .outerjoin(Account, Account.id == Task.account_id)
    .where(
        Task.enabled,
        Task.next_run_at < _END,
        or_(Task.paused_at.is_(None), ~and_(Task.paused_at <= NOW, Task.paused_until.is_(None))),
        or_(Task.paused_until.is_(None), Task.paused_until < _END),
        Account.disabled_at.is_(None),
    )
    .order_by(Task.next_run_at, Task.id)
    .limit(bindparam("looked", type_=Integer()))
)


@lru_cache(maxsize=4096)
def _ahead(start: datetime, anchor: datetime, *rule: Any) -> _Ahead:
    """What a schedule has in the 24 hours from `start` on, which is included."""
    columns = {
        name: json.loads(value) if name in _JSON and value is not None else value
        for name, value in zip(_RULE, rule, strict=True)
    }
    blackouts = make_blackouts(columns.pop("blackouts"), ZoneInfo(columns["timezone"]))
    schedule = make_schedule(columns, anchor)
    instants = tuple(islice(_free(schedule, blackouts, start, start + AHEAD), FEW + 1))
    if len(instants) <= FEW:
        return _Ahead(schedule, instants, len(instants))
    return _Ahead(schedule, instants, count_due(schedule, blackouts, start, start + AHEAD))


def _free(
    schedule: Schedule, blackouts: Sequence[Blackout], start: datetime, end: datetime
) -> Iterator[datetime]:
    """The due instants from `start` up to `end` outside `blackouts`. A window is stepped over: there
    may be tens of thousands of instants in it."""
    instants = schedule.after(start - _MICROSECOND)
    while (due := next(instants, None)) is not None and due < end:
        window = blackout_period(due, blackouts)
        if window is None:
            yield due
        else:
            instants = schedule.after(window[1] - _MICROSECOND)
