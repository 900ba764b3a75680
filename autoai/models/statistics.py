"""Totals by day: they answer what the ledger would take long to count, and outlive its rows."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Date, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Model
from .types import Money, UtcDateTime

_READ_IN_ONE_GO = {"sqlite_with_rowid": False}
"""The table is the index of its key: a stretch of it lies together."""


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
    degraded: Mapped[int] = mapped_column(default=0, server_default="0")
    """Successes whose answer was not as good as it should be."""


class HourlyTotal(Model):
    """What ended in one way in one hour of the instance's zone. Deleted tasks are taken out."""

    __tablename__ = "hourly_totals"
    __table_args__ = _READ_IN_ONE_GO

    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    """The instant at which it begins."""
    status: Mapped[str] = mapped_column(String(16), primary_key=True)
    due: Mapped[int] = mapped_column(default=0, server_default="0")
    """Occurrences that were due in it."""
    due_degraded: Mapped[int] = mapped_column(default=0, server_default="0")
    started: Mapped[int] = mapped_column(default=0, server_default="0")
    """Runs that were started in it, by hand or by schedule."""
    started_degraded: Mapped[int] = mapped_column(default=0, server_default="0")


class StatusTotal(Model):
    """The hours of all time added up, by triggers on their table."""

    __tablename__ = "status_totals"

    status: Mapped[str] = mapped_column(String(16), primary_key=True)
    due: Mapped[int]
    due_degraded: Mapped[int]


class HourlyTiming(Model):
    """How many runs that were started in an hour took about as long, or were about as late."""

    __tablename__ = "hourly_timings"
    __table_args__ = _READ_IN_ONE_GO

    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    measure: Mapped[str] = mapped_column(String(16), primary_key=True)
    """duration or lateness."""
    bucket: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """See `domain.percentiles`."""
    runs: Mapped[int]


class UsageTotal(Model):
    """What was used and spent on one day of the instance's zone, by the day on which it was claimed.

    Budgets hang on it: it is written in the transaction of the claims and of the endings that it
    counts, and stays when its task or account is deleted.
    """

    __tablename__ = "usage_totals"
    __table_args__ = (
        Index("ix_usage_totals_task_id_day", "task_id", "day"),
        Index("ix_usage_totals_account_id_day", "account_id", "day"),
    )

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    task_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """0: an endpoint of the task's own."""
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    """The one asked for."""
    runs: Mapped[int] = mapped_column(default=0, server_default="0")
    """That were sent and ended."""
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    cost: Mapped[Decimal] = mapped_column(Money, default=Decimal(0), server_default="0")
    """Of what has a price."""
    unpriced: Mapped[int] = mapped_column(default=0, server_default="0")
    """Runs that used tokens whose price is not known."""
    estimated: Mapped[int] = mapped_column(default=0, server_default="0")
    """Runs whose tokens the provider did not count."""
    reserved_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Of runs under way, and of those that nobody knows the use of."""
    reserved_cost: Mapped[Decimal] = mapped_column(Money, default=Decimal(0), server_default="0")
