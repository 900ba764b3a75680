"""What was spent and is reserved, today and in the present month: one statement, for the claim that
asks whether there is room and for the pages that show how much."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, select, type_coerce

from ..domain.budgets import Amount, Period
from .statistics import UsageTotal
from .types import Money


class Spent(NamedTuple):
    """Of one period: all that counts, and what of it is only reserved."""

    total: Amount
    reserved: Amount


NOTHING_SPENT = Spent(Amount(0, Decimal(0)), Amount(0, Decimal(0)))

_FIGURES = (
    UsageTotal.input_tokens + UsageTotal.output_tokens,
    UsageTotal.reserved_tokens,
    UsageTotal.cost,
    UsageTotal.reserved_cost,
)


def spending_by(key: Any, *conditions: ColumnElement[bool]) -> Select[Any]:
    """By `key`, a column of `usage_totals` or a constant; its parameters are those of `month_of`."""
    is_today = UsageTotal.day == bindparam("today")
    sums: list[Any] = [func.sum(figure).filter(is_today) for figure in _FIGURES]
    sums += [func.sum(figure) for figure in _FIGURES]
    columns = [
        type_coerce(func.coalesce(total, 0), Money) if n % 4 > 1 else func.coalesce(total, 0)
        for n, total in enumerate(sums)
    ]
    return (
        select(key, *columns)
        .where(UsageTotal.day >= bindparam("first"), UsageTotal.day < bindparam("end"), *conditions)
        .group_by(key)
    )


def month_of(today: date) -> dict[str, date]:
    """The parameters of `spending_by`: today, its month's first day, and the next month's."""
    first = today.replace(day=1)
    return {"today": today, "first": first, "end": (first + timedelta(days=32)).replace(day=1)}


def read_spending(row: Row[Any]) -> Iterator[tuple[Period, Spent]]:
    """What a row of `spending_by` says, after its key."""
    figures: list[Any] = list(row[1:])
    for period, (tokens, kept, cost, kept_cost) in zip(
        Period, (figures[:4], figures[4:]), strict=True
    ):
        reserved = Amount(int(kept), kept_cost)
        yield period, Spent(Amount(int(tokens), cost) + reserved, reserved)
