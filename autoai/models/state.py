"""The few facts about the instance itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Model
from .budgeted import Budgeted
from .types import UtcDateTime


class Outage(Model):
    """A stretch of time in which nothing looked for what was due."""

    __tablename__ = "outages"

    id: Mapped[int] = mapped_column(primary_key=True)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    dismissed: Mapped[bool] = mapped_column(default=False)
    """Has a person said that nothing of it is to be shown any more?"""


class OutageDecision(Model):
    """What a person chose for the missed occurrences of one task. Made once."""

    __tablename__ = "outage_decisions"

    outage_id: Mapped[int] = mapped_column(
        ForeignKey("outages.id", ondelete="CASCADE"), primary_key=True
    )
    task_id: Mapped[int] = mapped_column(
        ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True
    )
    choice: Mapped[str] = mapped_column(String(8))
    """latest, all or leave."""
    runs: Mapped[int]
    """How many runs it made."""


class IdempotencyKey(Model):
    """A program's own name for a run that it asked for: asked again, it gets the same run."""

    __tablename__ = "idempotency_keys"

    task_id: Mapped[int] = mapped_column(
        ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    run_id: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class InstanceState(Budgeted, Model):
    """One row, id 1."""

    __tablename__ = "instance_state"

    id: Mapped[int] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(default=0)
    """Counts up with every transaction that changes a task or a run. The tick of another process
    and the pages that watch see by it that there is something new."""
    last_tick_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the scheduler was last known to be awake."""
    key_canary: Mapped[str | None] = mapped_column(Text)
    """Encrypted at the first start: tells whether ENCRYPTION_KEY is still the right one."""
    demo_task_id: Mapped[int | None]
    """The example task that was made at the first start with DEMO on; kept after its deletion, so
    that it does not come back."""
    hours_counted: Mapped[bool] = mapped_column(default=False, server_default="0")
    """Do the totals by the hour know the runs from before there were such totals?"""
    unindexed_below: Mapped[int] = mapped_column(default=0, server_default="0")
    """Texts of runs with smaller numbers are not in the search index yet; 0: all are."""


class SavedView(Model):
    """A filter of the log under a name."""

    __tablename__ = "saved_views"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    query: Mapped[str] = mapped_column(Text)
    """The query string of its address."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
