"""The caps that a task, an account and the whole instance have in common."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from .types import Money


class Budgeted:
    """Columns of what may be spent by the day and by the month; null is no cap."""

    token_budget_day: Mapped[int | None] = mapped_column(BigInteger)
    token_budget_month: Mapped[int | None] = mapped_column(BigInteger)
    cost_budget_day: Mapped[Decimal | None] = mapped_column(Money)
    """Dollars."""
    cost_budget_month: Mapped[Decimal | None] = mapped_column(Money)


BUDGET_COLUMNS = (
    "token_budget_day",
    "token_budget_month",
    "cost_budget_day",
    "cost_budget_month",
)
