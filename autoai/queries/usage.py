"""What was used and spent: from the totals by day, never from the ledger, whose rows are deleted
when they are old."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    cast,
    func,
    literal,
    null,
    select,
    tuple_,
    type_coerce,
)

from ..extensions import db
from ..models import Account, Task, UsageTotal, table

MOST_DAYS = 3_653
"""Ten years."""
_AT_ONCE = 5_000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class GroupBy(StrEnum):
    """What usage is added up by."""

    DAY = "day"
    TASK = "task"
    ACCOUNT = "account"
    MODEL = "model"


@dataclass(frozen=True)
class Days:
    """From `first` to `last`, both inclusive, on the instance's clocks: the filter of page, API and
    CSV."""

    first: date
    last: date

    @property
    def too_many(self) -> bool:
        """More than ten years?"""
        return (self.last - self.first).days >= MOST_DAYS

    def condition(self) -> ColumnElement[bool]:
        """As SQL."""
        return _TOTALS.c.day.between(self.first, self.last)


def day_of(text: str) -> date:
    """A day as people and programs write it here, 2026-01-31; `ValueError` for anything else, such
    as the other spellings of ISO 8601."""
    if not _DAY.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)


@dataclass(frozen=True)
class Figures:
    """Sums over some runs."""

    runs: int = 0
    """That were sent and ended."""
    input_tokens: int = 0
    output_tokens: int = 0
    known_cost: Decimal = Decimal(0)
    """Dollars, of what has a price."""
    unpriced: int = 0
    """Runs that used tokens whose price is not known."""
    estimated: int = 0
    """Runs whose tokens the provider did not count."""
    reserved_tokens: int = 0
    reserved_cost: Decimal = Decimal(0)
    """Set aside: for runs under way, and for those that nobody knows the use of."""

    @property
    def cost(self) -> Decimal | None:
        """Dollars; None where there are runs to be priced and nothing has a price."""
        return None if self.unpriced and not self.known_cost else self.known_cost

    @property
    def tokens(self) -> int:
        """Sent and received."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(getattr(self, n) + getattr(other, n) for n in _NAMES))


_NAMES = tuple(field.name for field in fields(Figures))
# The table without its class: there may be hundreds of thousands of rows.
_TOTALS = table(UsageTotal)
_COLUMNS = {name: _TOTALS.c[name.removeprefix("known_")] for name in _NAMES}


@dataclass(frozen=True)
class Group:
    """What one day, task, account or model used."""

    key: date | int | str
    """A day; an id (0: no account, an endpoint of the task's own); a model's name."""
    name: str | None
    """Of the task or the account; None where it has been deleted, and for what has none."""
    figures: Figures


@dataclass(frozen=True)
class Grouped:
    """The groups that were asked for, and how many there are in all."""

    groups: list[Group]
    total: int

    @property
    def more(self) -> int:
        """Groups that are not listed."""
        return self.total - len(self.groups)


class UsageRow(NamedTuple):
    """One day × task × account × model."""

    day: date
    task_id: int
    task: str | None
    account_id: int
    account: str | None
    model: str
    figures: Figures


def usage_by(by: GroupBy, days: Days, limit: int | None = None) -> Grouped:
    """Days in their order, everything else by cost, the dearest first."""
    key, name, named = _GROUPS[by]
    sums = (
        select(key.label("key"), func.count().over().label("groups"), *_sums())
        .where(days.condition())
        .group_by(key)
    ).subquery()
    shown = [sums.c[figure] for figure in _NAMES]
    query: Select[Any] = select(sums.c.key, sums.c.groups, name.label("name"), *shown).limit(limit)
    if named is not None:
        query = query.outerjoin_from(sums, named, named.id == sums.c.key)
    tokens = sums.c.input_tokens + sums.c.output_tokens
    dearest = (sums.c.known_cost.desc(), tokens.desc(), sums.c.key)
    rows = db.session.execute(
        query.order_by(*((sums.c.key,) if by is GroupBy.DAY else dearest))
    ).all()
    groups = [Group(row.key, row.name, _figures(row)) for row in rows]
    return Grouped(groups, rows[0].groups if rows else 0)


def usage_in(days: Days) -> Figures:
    """All of it."""
    return _figures(db.session.execute(select(*_sums()).where(days.condition())).one())


def usage_rows(days: Days) -> Iterator[UsageRow]:
    """Every total with its names, by day. Read in pieces, and between two of them no transaction
    is open: whoever takes them may be slow."""
    key = (_TOTALS.c.day, _TOTALS.c.task_id, _TOTALS.c.account_id, _TOTALS.c.model)
    query = (
        select(*_ROW, *_COLUMNS.values())
        .outerjoin_from(_TOTALS, Task, Task.id == _TOTALS.c.task_id)
        .outerjoin(Account, Account.id == _TOTALS.c.account_id)
        .where(days.condition())
        .order_by(*key)
        .limit(_AT_ONCE)
    )
    after: tuple[Any, ...] | None = None
    while True:
        more = query.where(tuple_(*key) > tuple_(*map(literal, after))) if after else query
        rows = db.session.execute(more).all()
        db.session.rollback()
        for day, task_id, task, account_id, account, model, *figures in rows:
            found = Figures(*figures)
            yield UsageRow(day, task_id, task, account_id, account, model, found)
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1]
        after = (last.day, last.task_id, last.account_id, last.model)


_ROW = (
    _TOTALS.c.day,
    _TOTALS.c.task_id,
    Task.name,
    _TOTALS.c.account_id,
    Account.name,
    _TOTALS.c.model,
)
_GROUPS: dict[GroupBy, tuple[Any, Any, type[Task | Account] | None]] = {
    GroupBy.DAY: (_TOTALS.c.day, null(), None),
    GroupBy.TASK: (_TOTALS.c.task_id, Task.name, Task),
    GroupBy.ACCOUNT: (_TOTALS.c.account_id, Account.name, Account),
    GroupBy.MODEL: (_TOTALS.c.model, null(), None),
}


def _sums() -> list[Any]:
    """Whole numbers, also of money; a PostgreSQL sum of them would be a Decimal."""
    return [
        type_coerce(cast(func.coalesce(func.sum(column), 0), BigInteger), column.type).label(name)
        for name, column in _COLUMNS.items()
    ]


def _figures(row: Sequence[Any]) -> Figures:
    """From the last columns of `row`."""
    return Figures(*row[-len(_NAMES) :])
