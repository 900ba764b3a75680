"""A task: what to send, where, when, and by which rules."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ..domain.retries import RetryRules
from ..domain.schedules import FixedTime, Interval, Schedule, ScheduleType
from ..extensions import Model
from .types import UtcDateTime


class Task(Model):
    """One row per task. `next_run_at` is the cursor: the first due instant without a row yet."""

    __tablename__ = "tasks"
    __table_args__ = (
        # The tick asks for what is due; disabled tasks have no cursor, so they are not in its way.
        Index("ix_tasks_next_run_at", "next_run_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    api_endpoint: Mapped[str] = mapped_column(String(2000))
    secret_id: Mapped[str] = mapped_column(String(32))
    """Random; the encrypted key is bound to it, so that it is of no use in another row."""
    api_key_encrypted: Mapped[str | None] = mapped_column(Text)
    api_key_mask: Mapped[str | None] = mapped_column(String(16))
    model: Mapped[str] = mapped_column(String(200))
    system_message: Mapped[str | None] = mapped_column(Text)
    message_content: Mapped[str] = mapped_column(Text)

    schedule_type: Mapped[str] = mapped_column(String(16))
    interval_seconds: Mapped[int | None]
    fixed_time: Mapped[str | None] = mapped_column(String(5))
    timezone: Mapped[str] = mapped_column(String(64))
    anchor_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Intervals count from here: creation, or the last enabling or change of the schedule."""
    next_run_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    enabled: Mapped[bool]

    timeout_seconds: Mapped[int]
    max_attempts: Mapped[int]
    retry_network: Mapped[bool]
    retry_statuses: Mapped[list[int]] = mapped_column(JSON)

    # Copied from the newest run that ended, so that lists need no look into the ledger.
    last_run_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_status: Mapped[str | None] = mapped_column(String(16))

    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def schedule(self) -> Schedule:
        """The rule that says when this task is due."""
        return make_schedule(
            self.schedule_type,
            self.interval_seconds,
            self.fixed_time,
            self.timezone,
            self.anchor_at,
        )

    @property
    def retry_rules(self) -> RetryRules:
        """When a failed attempt may be sent again."""
        return RetryRules(self.max_attempts, self.retry_network, frozenset(self.retry_statuses))


def make_schedule(
    schedule_type: str,
    interval_seconds: int | None,
    fixed_time: str | None,
    timezone: str,
    anchor: datetime,
) -> Schedule:
    """Columns → the domain's schedule. The values have been validated before they were stored."""
    if schedule_type == ScheduleType.INTERVAL and interval_seconds:
        return Interval(interval_seconds, anchor)
    if schedule_type == ScheduleType.FIXED_TIME and fixed_time:
        return FixedTime(fixed_time, ZoneInfo(timezone))
    raise ValueError(f"no such schedule: {schedule_type}")
