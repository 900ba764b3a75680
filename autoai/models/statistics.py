"""Totals by day: they answer what the ledger would take long to count, and outlive its rows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Model
from .types import Money


class DailyTotal(Model):
    """What ended in one way on one day of the instance's zone, by the day on which it was due."""

    __tablename__ = "daily_totals"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    task_id: Mapped[int] = mapped_column(
        ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    status: Mapped[str] = mapped_column(String(16), primary_key=True)
    occurrences: Mapped[int]
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    """Tokens of runs whose provider counted them."""
    cost: Mapped[Decimal] = mapped_column(Money, default=Decimal(0), server_default="0")
    """Of runs whose price is known."""
    unpriced: Mapped[int] = mapped_column(default=0, server_default="0")
    """Runs that used tokens whose price is not known."""
