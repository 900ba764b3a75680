"""One filter for the list of tasks: a tag, a state, a text, and the order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select

from ..domain.runs import ACTIVE, Status
from ..domain.verdicts import Verdict
from ..models import Account, Run, Task, TaskTag

NEVER, OFF, PAUSED, RUNNING, FLAGGED = "never", "off", "paused", "running", "flagged"
DEGRADED = Verdict.DEGRADED.value


class Sort(StrEnum):
    """By what the list is ordered."""

    NAME = "name"
    NEXT_RUN = "next_run"
    LAST_RUN = "last_run"


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks. Empty and None mean no restriction."""

    text: str = ""
    """Somewhere in name, model, endpoint or a tag, or in those of the account."""
    tag: str | None = None
    state: str | None = None
    """running, paused, off, never, flagged, degraded, or how the last run ended."""
    sort: Sort = Sort.NAME
    account_id: int | None = None

    def conditions(self, now: datetime) -> list[ColumnElement[bool]]:
        """As SQL, to be put into a query's where."""
        found: list[ColumnElement[bool]] = []
        if self.tag is not None:
            found.append(_has_tag(TaskTag.tag == self.tag))
        if self.state is not None:
            found.append(_in_state(self.state, now))
        if self.account_id is not None:
            found.append(Task.account_id == self.account_id)
        if self.text:
            columns = (Task.name, Task.model, Task.api_endpoint)
            found.append(
                or_(
                    *(column.icontains(self.text, autoescape=True) for column in columns),
                    _has_tag(TaskTag.tag.icontains(self.text, autoescape=True)),
                    _through(self.text),
                )
            )
        return found

    def order(self, now: datetime) -> list[Any]:
        """As SQL, to be put into a query's order_by. The id makes it the same every time."""
        if self.sort is Sort.LAST_RUN:
            return [Task.last_run_at.desc().nulls_last(), Task.id]
        if self.sort is Sort.NEXT_RUN:
            return [*_next_run(now), Task.id]
        return [func.lower(Task.name), Task.id]


def is_paused(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """`Task.is_paused` as SQL, `now` as a value or as a parameter."""
    return and_(
        Task.paused_at.is_not(None),
        Task.paused_at <= now,
        or_(Task.paused_until.is_(None), Task.paused_until > now),
    )


def _in_state(state: str, now: datetime) -> ColumnElement[bool]:
    if state == OFF:
        return Task.enabled.is_(False)
    if state == PAUSED:
        return is_paused(now)
    if state == FLAGGED:
        return is_flagged()
    if state == NEVER:
        return Task.last_status.is_(None)
    if state == RUNNING:
        return Task.id.in_(select(Run.task_id).where(Run.status.in_(ACTIVE)))
    if state == DEGRADED:
        return Task.last_verdict == DEGRADED
    if state == Status.SUCCESS:  # a degraded answer is told apart everywhere
        return and_(Task.last_status == state, Task.last_verdict.is_distinct_from(DEGRADED))
    return Task.last_status == state


def is_flagged() -> ColumnElement[bool]:
    """Would its next run fail, by the last look at its endpoint?"""
    return and_(Task.enabled, Task.preflight_reason.is_not(None))


def _through(text: str) -> ColumnElement[bool]:
    """Asks through an account of that name, or to that endpoint, or its default model."""
    named = or_(*(c.icontains(text, autoescape=True) for c in (Account.name, Account.api_endpoint)))
    default = and_(Task.model.is_(None), Account.default_model.icontains(text, autoescape=True))
    return exists().where(Account.id == Task.account_id, or_(named, default))


def _has_tag(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(TaskTag.task_id == Task.id, condition)


def _next_run(now: datetime) -> list[Any]:
    """The soonest first; what is paused for good or not due any more comes last.

    Blackouts do not count: when a task comes out of one, only its rule can say.
    """
    paused = is_paused(now)
    never = case((and_(paused, Task.paused_until.is_(None)), 1), else_=0)
    begin = case((and_(paused, Task.paused_until > Task.next_run_at), Task.paused_until))
    return [Task.next_run_at.is_(None), never, func.coalesce(begin, Task.next_run_at)]
