"""How far each budget is used: for the usage page and the dashboard's notices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, literal, or_, select

from ..domain.budgets import Caps, Period, Scope, Unit
from ..models import (
    BUDGET_COLUMNS,
    NOTHING_SPENT,
    Account,
    InstanceState,
    Spent,
    Task,
    UsageTotal,
    month_of,
    read_spending,
    spending_by,
)
from . import plain

WARNED = 0.8
"""The share of a cap from which on it is worth a word."""
_SCOPES = tuple(Scope)


@dataclass(frozen=True)
class BudgetState:
    """One cap of the instance, an account or a task. `cap`, `spent` and `reserved` are in `unit`:
    a whole number of tokens, or dollars."""

    scope: Scope
    id: int
    """Of the task or the account; 1 for the instance."""
    name: str | None
    """None for the instance."""
    period: Period
    unit: Unit
    cap: int | Decimal
    spent: int | Decimal
    """In the present day or month, with what is reserved."""
    reserved: int | Decimal
    """What of it is only set aside: for runs under way, and for those that nobody knows the use
    of."""

    @property
    def share(self) -> float:
        """How much of the cap is used: 1.0 is all of it, more is too much."""
        return float(self.spent / self.cap) if self.cap else 1.0

    @property
    def over(self) -> int | Decimal:
        """By how much the cap has been passed; 0 where it has not."""
        return max(self.spent - self.cap, self.cap * 0)


_Spending = dict[tuple[int, Period], Spent]


def budget_states(now: datetime, zone: ZoneInfo) -> list[BudgetState]:
    """Every budget that is set, the most used first. Days and months are those of `zone`, the
    instance's. Six statements at most, however many tasks there are."""
    today = now.astimezone(zone).date()
    found = [*_instance(today), *_of(Account, today), *_of(Task, today)]
    return sorted(found, key=lambda b: (-b.share, _SCOPES.index(b.scope), b.name or "", b.id))


def nearly_used(now: datetime, zone: ZoneInfo) -> list[BudgetState]:
    """Those that are worth a word, the most used first."""
    return [state for state in budget_states(now, zone) if state.share >= WARNED]


def _instance(today: date) -> Iterator[BudgetState]:
    for caps in plain.rows(_INSTANCE):  # there is one row, or none
        if any(cap is not None for cap in caps):
            spending = _spending(literal(1), today)
            yield from _states(Scope.INSTANCE, 1, None, caps, spending)


def _of(model: type[Task | Account], today: date) -> Iterator[BudgetState]:
    scope = Scope.TASK if model is Task else Scope.ACCOUNT
    key = UsageTotal.task_id if model is Task else UsageTotal.account_id
    rows = plain.rows(_CAPPED[model])
    if rows:
        spending = _spending(key, today, key.in_(select(model.id).where(_has_cap(model))))
        for row_id, name, *caps in rows:
            yield from _states(scope, row_id, name, caps, spending)


def _states(
    scope: Scope, row_id: int, name: str | None, caps: Sequence[Any], spending: _Spending
) -> Iterator[BudgetState]:
    for period, unit, cap in Caps(*caps):
        used = spending.get((row_id, period), NOTHING_SPENT)
        spent, reserved = (amount.in_unit(unit) or cap * 0 for amount in used)
        yield BudgetState(scope, row_id, name, period, unit, cap, spent, reserved)


def _caps(model: Any) -> list[Any]:
    return [getattr(model, name) for name in BUDGET_COLUMNS]


def _spending(key: Any, today: date, *conditions: Any) -> _Spending:
    rows = plain.rows(spending_by(key, *conditions), month_of(today))
    return {(row[0], period): spent for row in rows for period, spent in read_spending(row)}


def _has_cap(model: Any) -> ColumnElement[bool]:
    return or_(*(column.is_not(None) for column in _caps(model)))


# Built once: that takes SQLAlchemy longer than the answers take SQLite.
_INSTANCE = select(*_caps(InstanceState))
_CAPPED = {
    model: select(model.id, model.name, *_caps(model)).where(_has_cap(model))
    for model in (Account, Task)
}
