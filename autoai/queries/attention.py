"""What needs a person: the dashboard's list, each with what is needed to link to where it is mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, select

from ..domain.runs import Status
from ..models import NOW, Outage, Task
from . import plain
from .budgets import BudgetState, nearly_used
from .last_runs import BAD, failures_in_a_row, last_marks
from .outages import open_outages
from .task_filter import is_flagged, is_paused

SHOWN = 5
"""Of each kind; of the others it is said how many there are."""
STREAK = 2
"""Failures in a row that are worth a word."""
_LOOKED_BACK = 10
_LOOKED_AT = 20
"""Tasks whose last run failed, the newest failures first."""

# Built once: that takes SQLAlchemy longer than the answers take SQLite.
_SELF_PAUSED = and_(Task.paused_reason.is_not(None), is_paused(NOW), Task.enabled)
_FLAGGED = is_flagged()
_SOME = (
    select(
        Task.id,
        Task.name,
        Task.paused_reason,
        Task.failures_in_a_row,
        Task.preflight_reason,
    )
    .order_by(func.lower(Task.name), Task.id)
    .limit(SHOWN)
)
_SOME_PAUSED, _SOME_FLAGGED = _SOME.where(_SELF_PAUSED), _SOME.where(_FLAGGED)
_FAILING = (
    select(Task.id, Task.name)
    .where(Task.last_status.in_((Status.FAILED, Status.INTERRUPTED)), Task.enabled, ~is_paused(NOW))
    .order_by(Task.last_run_at.desc())
    .limit(_LOOKED_AT)
)


@dataclass(frozen=True)
class Streak:
    """A task whose last runs all failed."""

    task_id: int
    name: str
    failures: int
    or_more: bool
    """Did they begin further back than was looked?"""
    reason: str | None
    """Of the newest."""


@dataclass(frozen=True)
class SelfPaused:
    """A task that paused itself after failures that a person must mend."""

    task_id: int
    name: str
    reason: str
    failures: int


@dataclass(frozen=True)
class WillFail:
    """A task whose next run would fail, by the last look at its endpoint."""

    task_id: int
    name: str
    reason: str


@dataclass(frozen=True)
class Attention:
    """All that needs a person. The lists hold at most `SHOWN`; the counts are of all."""

    keys_unreadable: bool = False
    outages: Sequence[Outage] = ()
    """Downtimes with missed runs that nobody has decided about."""
    budgets: list[BudgetState] = field(default_factory=list)
    """Nearly or wholly used, the most used first."""
    more_budgets: int = 0
    paused: list[SelfPaused] = field(default_factory=list)
    more_paused: int = 0
    streaks: list[Streak] = field(default_factory=list)
    more_streaks: int = 0
    flagged: list[WillFail] = field(default_factory=list)
    more_flagged: int = 0

    @property
    def nothing(self) -> bool:
        """Is all well?"""
        kinds = (self.outages, self.budgets, self.paused, self.streaks, self.flagged)
        return not (self.keys_unreadable or any(kinds))


def attention(now: datetime, zone: ZoneInfo, *, keys_readable: bool) -> Attention:
    """What stands out at `now`. Days and months of budgets are those of `zone`, the instance's."""
    budgets = nearly_used(now, zone)
    paused = plain.rows(_SOME_PAUSED, {"now": now})
    flagged = plain.rows(_SOME_FLAGGED)
    streaks = _streaks(now)
    return Attention(
        keys_unreadable=not keys_readable,
        outages=open_outages()[:SHOWN],
        budgets=budgets[:SHOWN],
        more_budgets=len(budgets[SHOWN:]),
        paused=[
            SelfPaused(task.id, task.name, str(task.paused_reason), task.failures_in_a_row)
            for task in paused
        ],
        more_paused=_others(paused, _SELF_PAUSED, now),
        streaks=streaks[:SHOWN],
        more_streaks=len(streaks[SHOWN:]),
        flagged=[WillFail(task.id, task.name, str(task.preflight_reason)) for task in flagged],
        more_flagged=_others(flagged, _FLAGGED, now),
    )


def _others(shown: Sequence[Any], which: ColumnElement[bool], now: datetime) -> int:
    if len(shown) < SHOWN:
        return 0
    query = select(func.count()).select_from(Task).where(which)
    return max((plain.value(query, {"now": now}) or 0) - SHOWN, 0)


def _streaks(now: datetime) -> list[Streak]:
    """The longest first. Tasks that are off, or paused themselves, are not told here."""
    names = dict(plain.rows(_FAILING, {"now": now}))
    found = []
    for task_id, marks in last_marks(list(names), _LOOKED_BACK).items() if names else ():
        failures = failures_in_a_row(marks)
        if failures >= STREAK:
            newest = next(mark.reason for mark in marks if mark.status in BAD)
            more = failures == _LOOKED_BACK
            found.append(Streak(task_id, names[task_id], failures, more, newest))
    return sorted(found, key=lambda streak: (-streak.failures, streak.name, streak.task_id))
