"""The ledger: a run for every occurrence, its attempts, and the texts apart from the narrow row."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..domain.runs import Priority, milliseconds
from ..extensions import Model
from .task import Task
from .types import Money, UtcDateTime

_IS_ACTIVE = text("status IN ('queued', 'running')")

# Conditions of partial indexes. A query that says one in these very words is answered from its index.
IS_DEGRADED = "verdict = 'degraded'"
IS_CHANGED = "changed"
IS_UNSCHEDULED = "source <> 'schedule'"
DURATION_MS = "(julianday(finished_at) - julianday(started_at)) * 86400000"
SLOW = {"10s": f"{DURATION_MS} >= 9999", "60s": f"{DURATION_MS} >= 59999"}
"""Runs that took long. A millisecond less than it says, for SQLite computes with fractions."""
DEAR = {"1c": "cost >= 10000000000", "1d": "cost >= 1000000000000"}
"""Runs that cost a cent, or a dollar, or more: see `Money` for the unit."""


def _where(name: str, condition: str, *columns: str) -> Index:
    where = text(condition)
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


class Run(Model):
    """What became of one occurrence, or of a run by hand. Narrow: lists are made from it alone."""

    __tablename__ = "runs"
    __table_args__ = (
        # One occurrence never gets two runs.
        UniqueConstraint("task_id", "scheduled_for"),
        # What a person chose for a missed occurrence is done once.
        UniqueConstraint("for_run", "for_instant"),
        # A page of one task's log, newest first (the primary key serves the log of all).
        Index("ix_runs_task_id_id", "task_id", "id"),
        # The log is read by due time, newest first: an index for every filter that it has.
        Index("ix_runs_due_at", "due_at"),
        Index("ix_runs_status_due_at", "status", "due_at"),
        Index("ix_runs_task_id_due_at", "task_id", "due_at"),
        _where("ix_runs_account_id_due_at", "account_id IS NOT NULL", "account_id", "due_at"),
        _where("ix_runs_model_due_at", "model IS NOT NULL", "model", "due_at"),
        _where("ix_runs_reason_due_at", "reason IS NOT NULL", "reason", "due_at"),
        _where("ix_runs_source_due_at", IS_UNSCHEDULED, "source", "due_at"),
        _where("ix_runs_degraded", IS_DEGRADED, "due_at"),
        _where("ix_runs_changed", IS_CHANGED, "due_at"),
        *(_where(f"ix_runs_slow_{name}", where, "due_at") for name, where in SLOW.items()),
        *(_where(f"ix_runs_cost_{name}", where, "due_at") for name, where in DEAR.items()),
        _where("ix_runs_started_at", "started_at IS NOT NULL", "started_at"),
        # The few runs under way, found whatever the size of the ledger.
        Index(
            "ix_runs_active", "status", "id", sqlite_where=_IS_ACTIVE, postgresql_where=_IS_ACTIVE
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    source: Mapped[str] = mapped_column(String(16))
    scheduled_for: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The occurrence; null on a run by hand and on a gap row."""
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Lateness counts from here: the occurrence and its jitter, or the moment a person asked."""
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """From here on it is too late to send it."""
    priority: Mapped[int] = mapped_column(default=Priority.NORMAL, server_default="1")
    serial: Mapped[bool] = mapped_column(default=False, server_default="0")
    """It waits until no other run of its task is running."""
    cancel_requested: Mapped[bool] = mapped_column(default=False, server_default="0")
    for_run: Mapped[int | None]
    """The run that this one answers: of a retry, or of a choice about a missed occurrence."""
    for_instant: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The missed occurrence that a person chose to run."""
    queued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Set where it was put off: its next attempt begins no sooner."""
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    first_token_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the first piece of a streamed answer had arrived."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(32))
    verdict: Mapped[str | None] = mapped_column(String(16))
    owner: Mapped[str | None] = mapped_column(String(64))
    """The process that claimed it."""

    account_id: Mapped[int | None]
    """Through which it was sent; kept when the account is gone."""
    attempts: Mapped[int] = mapped_column(default=0)
    maybe_double_billed: Mapped[bool] = mapped_column(default=False)
    model: Mapped[str | None] = mapped_column(String(200))
    model_answered: Mapped[str | None] = mapped_column(String(200))
    http_status: Mapped[int | None]
    finish_reason: Mapped[str | None] = mapped_column(String(64))
    response_summary: Mapped[str | None] = mapped_column(String(200))
    error_summary: Mapped[str | None] = mapped_column(String(500))
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    cached_input_tokens: Mapped[int | None]
    reasoning_tokens: Mapped[int | None]
    usage_estimated: Mapped[bool] = mapped_column(default=False, server_default="0")
    """The provider did not count the tokens: they are about as many."""
    cost: Mapped[Decimal | None] = mapped_column(Money)
    """Null where no price or no usage is known: that is not zero."""
    price: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    """By which price, see `domain.costs.Priced`."""

    spending_day: Mapped[date | None]
    """Whose budgets it was last claimed under: the day on the instance's clocks."""
    reserved_tokens: Mapped[int | None] = mapped_column(BigInteger)
    """While it runs, the most that it may use. Afterwards what stays spent of that, because nobody
    knows what it came to. Null where nothing was reserved."""
    reserved_cost: Mapped[Decimal | None] = mapped_column(Money)
    """The same in dollars."""
    ignore_budget: Mapped[bool] = mapped_column(default=False, server_default="0")
    """A person said that it runs anyway."""
    budget_note: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    """Which budget was in its way, or by how much it went over what was reserved."""

    prompt_version: Mapped[int | None]
    """The number of the version of the task's texts that it sent."""
    turns_sent: Mapped[int | None]
    """Earlier turns of the conversation that went along; null without one."""
    turns_cut: Mapped[int | None]
    """Turns that were too many tokens."""
    changed: Mapped[bool | None]
    """Is its answer another one than the baseline's? Null where nothing was compared."""
    compared_with: Mapped[int | None]
    """The run whose answer was the baseline."""

    blocked_by: Mapped[int | None]
    """The run that was in the way of a skipped one."""
    occurrences: Mapped[int] = mapped_column(default=1)
    """How many due instants this row stands for; more than one only on a gap row."""
    missed_from: Mapped[datetime | None] = mapped_column(UtcDateTime)
    missed_to: Mapped[datetime | None] = mapped_column(UtcDateTime)

    task: Mapped[Task] = relationship(lazy="raise")
    texts: Mapped[RunText | None] = relationship(lazy="raise", passive_deletes=True)
    attempt_list: Mapped[list[Attempt]] = relationship(
        lazy="raise", passive_deletes=True, order_by="Attempt.number"
    )

    @property
    def lateness_ms(self) -> int | None:
        """How long after it was due it was started; null where it was not started."""
        return milliseconds(self.due_at, self.started_at)

    @property
    def waited_ms(self) -> int | None:
        """From the moment it could have started to its start, or to its end if it never did."""
        if self.queued_at is None:
            return None
        return milliseconds(max(self.due_at, self.queued_at), self.started_at or self.finished_at)

    @property
    def first_token_ms(self) -> int | None:
        """From the start to the first piece of the answer; null where it came whole."""
        return milliseconds(self.started_at, self.first_token_at)

    @property
    def duration_ms(self) -> int | None:
        """From start to end, waits between attempts included."""
        return milliseconds(self.started_at, self.finished_at)


def of_tasks(*task_ids: int) -> ColumnElement[bool]:
    """Runs of these tasks, in a statement that says a status of which there are few, as of those under
    way. Found by their task, every run that it ever had would be read: what is inside of coalesce is
    looked up in no index."""
    return func.coalesce(Run.task_id, 0).in_(task_ids)


class RunText(Model):
    """The long texts of a run: only a run that is opened needs them."""

    __tablename__ = "run_texts"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    request_messages: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    response_text: Mapped[str | None] = mapped_column(Text)
    error_message: Mapped[str | None] = mapped_column(Text)
    secrets: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """The names of the secrets that were sent and are not kept in `request_messages`."""
    findings: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """What the verdict found, see `domain.verdicts`."""


class Attempt(Model):
    """One HTTP call inside a run."""

    __tablename__ = "attempts"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    duration_ms: Mapped[int]
    http_status: Mapped[int | None]
    kind: Mapped[str] = mapped_column(String(24))
    error_message: Mapped[str | None] = mapped_column(Text)
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    cached_input_tokens: Mapped[int | None]
    usage_estimated: Mapped[bool] = mapped_column(default=False, server_default="0")
    cost: Mapped[Decimal | None] = mapped_column(Money)
