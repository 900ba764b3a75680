"""A task: what to send, where, when, and by which rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..domain.policies import CatchUp, Hindrance, Overlap, Policies, Stop, jitter
from ..domain.retries import RetryRules
from ..domain.runs import Priority, Reason
from ..domain.schedules import (
    WEEKDAYS,
    Blackout,
    Cron,
    FixedTime,
    Interval,
    Limited,
    Manual,
    Once,
    Schedule,
    ScheduleType,
    blackout_period,
)
from ..extensions import Model
from .account import Account
from .budgeted import Budgeted
from .prompt import TaskSecret
from .types import UtcDateTime

RULE_COLUMNS = (
    "schedule_type",
    "interval_seconds",
    "fixed_times",
    "weekdays",
    "cron",
    "once_at",
    "starts_at",
    "ends_at",
    "timezone",
)
"""What the due instants follow from, together with the anchor."""


class Task(Budgeted, Model):
    """One row per task. `next_run_at` is the cursor: the first due instant without a row yet."""

    __tablename__ = "tasks"
    __table_args__ = (
        # The tick asks for what is due; disabled tasks have no cursor, so they are not in its way.
        # What else it takes to sort by the next run is in it, so that no row need be read.
        Index("ix_tasks_next_run_at", "next_run_at", "paused_at", "paused_until"),
        # The list by name, by how the last run went or when it was, and how many are on: the rows
        # themselves hold long texts.
        Index("ix_tasks_lower_name", func.lower(text("name"))),
        Index("ix_tasks_last_status", "last_status", "last_run_at"),
        Index("ix_tasks_enabled", "enabled"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    account_id: Mapped[int | None] = mapped_column(
        ForeignKey("accounts.id", ondelete="RESTRICT"), index=True
    )
    """Set, the account says where to send it and with which key; the three below are null then."""
    provider: Mapped[str] = mapped_column(String(32), default="openai", server_default="openai")
    api_endpoint: Mapped[str | None] = mapped_column(String(2000))
    secret_id: Mapped[str] = mapped_column(String(32))
    """Random; the encrypted key is bound to it, so that it is of no use in another row."""
    api_key_encrypted: Mapped[str | None] = mapped_column(Text)
    api_key_mask: Mapped[str | None] = mapped_column(String(16))
    model: Mapped[str | None] = mapped_column(String(200))
    """Null: the account's own."""
    system_message: Mapped[str | None] = mapped_column(Text)
    messages: Mapped[list[dict[str, str]] | None] = mapped_column(JSON(none_as_null=True))
    """What was said before, of user and assistant: [{"role": …, "content": …}]"""
    message_content: Mapped[str] = mapped_column(Text)
    prompt_version: Mapped[int] = mapped_column(default=1, server_default="1")
    """The number of the version whose texts these are."""
    language: Mapped[str] = mapped_column(String(16), default="en", server_default="en")
    """In which its texts write dates."""
    variables: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    """What its texts can name: {name: text}"""
    dynamic: Mapped[bool] = mapped_column(default=False, server_default="0")
    """What it sends is not just its texts: they are rendered, or earlier turns go along."""
    conversation_turns: Mapped[int] = mapped_column(default=0, server_default="0")
    """So many earlier runs go along, each with what was asked and answered."""
    conversation_tokens: Mapped[int | None]
    """And no more tokens of them than this."""
    conversation_after: Mapped[int | None]
    """The run after which the conversation began anew."""

    temperature: Mapped[float | None]
    max_tokens: Mapped[int | None]
    response_format: Mapped[str] = mapped_column(String(16), default="text", server_default="text")
    response_schema: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    seed: Mapped[int | None] = mapped_column(BigInteger)
    stop: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    extra_body: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    stream: Mapped[bool] = mapped_column(default=True, server_default="1")

    schedule_type: Mapped[str] = mapped_column(String(16))
    interval_seconds: Mapped[int | None]
    fixed_times: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """"HH:MM", ascending."""
    weekdays: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """mon … sun; null is every day."""
    cron: Mapped[str | None] = mapped_column(String(200))
    once_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    starts_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    jitter_seconds: Mapped[int] = mapped_column(default=0, server_default="0")
    blackouts: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """[{"from": "HH:MM", "to": "HH:MM", "weekdays": […]}]"""
    timezone: Mapped[str] = mapped_column(String(64))
    anchor_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Intervals count from here: creation, or the last enabling or change of the schedule."""
    next_run_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    enabled: Mapped[bool]

    catch_up: Mapped[str] = mapped_column(String(8), default="latest", server_default="latest")
    catch_up_window_seconds: Mapped[int] = mapped_column(default=3600, server_default="3600")
    overlap: Mapped[str] = mapped_column(String(8), default="skip", server_default="skip")
    expires_after_seconds: Mapped[int | None]
    priority: Mapped[int] = mapped_column(default=Priority.NORMAL, server_default="1")
    # Null is a choice (never), not the absence of one: else an insert would put the default there.
    pause_after_failures: Mapped[int | None] = mapped_column(
        Integer().evaluates_none(), default=5, server_default="5"
    )
    rerun_interrupted: Mapped[bool] = mapped_column(default=False, server_default="0")

    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Set while it is paused, and afterwards, while `paused_until` still bounds the pause."""
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_reason: Mapped[str | None] = mapped_column(String(32))
    """Why it paused itself: the reason of its failures. Null where a person paused it."""
    failures_in_a_row: Mapped[int] = mapped_column(default=0, server_default="0")
    """Of those that a person must mend."""

    checks: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """[{"kind": …, "value": …, "path": …}], see `domain.verdicts`."""
    verdict_rules: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    """{reason: level}, where the task is harder or softer than the table."""
    change_watch: Mapped[str] = mapped_column(String(8), default="off", server_default="off")
    """off, text or json."""
    change_fields: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """JSON paths that are compared; null is all of it."""

    timeout_seconds: Mapped[int]
    max_attempts: Mapped[int]
    retry_network: Mapped[bool]
    retry_statuses: Mapped[list[int]] = mapped_column(JSON(none_as_null=True))

    # What the last look at its endpoint, its key and its model found, without a run.
    preflight_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Null: it is to be looked at soon."""
    preflight_reason: Mapped[str | None] = mapped_column(String(32))
    """Why the next run would fail; null where nothing speaks against it."""
    preflight_message: Mapped[str | None] = mapped_column(String(500))

    # Copied from the newest run that ended, so that lists need no look into the ledger.
    last_run_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_status: Mapped[str | None] = mapped_column(String(16))
    last_verdict: Mapped[str | None] = mapped_column(String(16))

    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    tag_rows: Mapped[list[TaskTag]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", passive_deletes=True, order_by="TaskTag.tag"
    )

    secret_rows: Mapped[list[TaskSecret]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="TaskSecret.name"
    )

    account: Mapped[Account | None] = relationship(lazy="select")

    @property
    def model_asked(self) -> str:
        """The model that a run asks for."""
        return self.model or (self.account.default_model if self.account else None) or ""

    @property
    def tags(self) -> list[str]:
        """Its tags in alphabetical order."""
        return [row.tag for row in self.tag_rows]

    @property
    def schedule(self) -> Schedule:
        """The rule that says when this task is due."""
        return make_schedule({name: getattr(self, name) for name in RULE_COLUMNS}, self.anchor_at)

    @property
    def zone(self) -> ZoneInfo:
        """The zone whose clocks its schedule goes by."""
        return ZoneInfo(self.timezone)

    @property
    def policies(self) -> Policies:
        """What becomes of its occurrences."""
        expires = self.expires_after_seconds
        return Policies(
            CatchUp(self.catch_up),
            timedelta(seconds=self.catch_up_window_seconds),
            Overlap(self.overlap),
            timedelta(seconds=expires) if expires is not None else None,
        )

    def stops(self) -> list[Stop]:
        """Since when, until when and why nothing of it may run. The first one that covers an
        instant is the reason that is told."""
        stops = []
        if self.paused_at is not None:
            stops.append(Stop(Reason.PAUSED, self.paused_at, self.paused_until))
        if self.account is not None and self.account.disabled_at is not None:
            stops.append(Stop(Reason.DISABLED_ACCOUNT, self.account.disabled_at, None))
        return stops

    def is_paused(self, instant: datetime) -> bool:
        """Does a pause cover `instant`?"""
        if self.paused_at is None or instant < self.paused_at:
            return False
        return self.paused_until is None or instant < self.paused_until

    def due_at(self, instant: datetime) -> datetime:
        """An occurrence → when it is to run: its own shift later."""
        return instant + jitter(self.secret_id, instant, self.jitter_seconds)

    def hindrance(self, instant: datetime) -> Hindrance | None:
        """The stop or the blackout that `instant` falls into."""
        stop = next((stop for stop in self.stops() if stop.covers(instant)), None)
        if stop is not None:
            return Hindrance(stop.reason, stop.since)
        period = blackout_period(instant, make_blackouts(self.blackouts, self.zone))
        return Hindrance(Reason.BLACKOUT, period[0]) if period else None

    @property
    def retry_rules(self) -> RetryRules:
        """When a failed attempt may be sent again."""
        return RetryRules(self.max_attempts, self.retry_network, frozenset(self.retry_statuses))


class TaskTag(Model):
    """A word by which tasks are found and handled together."""

    __tablename__ = "task_tags"

    task_id: Mapped[int] = mapped_column(
        ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True
    )
    tag: Mapped[str] = mapped_column(String(50), primary_key=True, index=True)


def make_schedule(columns: Mapping[str, Any], anchor: datetime) -> Schedule:
    """`RULE_COLUMNS` → the domain's schedule. They have been validated before they were stored."""
    zone = ZoneInfo(columns["timezone"])
    start, end = columns["starts_at"], columns["ends_at"]
    schedule: Schedule
    match columns["schedule_type"]:
        case ScheduleType.INTERVAL:
            schedule = Interval(columns["interval_seconds"], start or anchor, start is not None)
        case ScheduleType.FIXED_TIME:
            times = tuple(time.fromisoformat(text) for text in columns["fixed_times"])
            schedule = FixedTime(times, zone, weekday_numbers(columns["weekdays"]))
        case ScheduleType.CRON:
            schedule = Cron(columns["cron"], zone)
        case ScheduleType.ONCE:
            schedule = Once(columns["once_at"], zone)
        case _:
            schedule = Manual()
    return Limited(schedule, start, end) if start or end else schedule


def make_blackouts(rows: Iterable[Mapping[str, Any]] | None, zone: ZoneInfo) -> list[Blackout]:
    """The stored windows → the domain's."""
    return [
        Blackout(
            time.fromisoformat(row["from"]),
            time.fromisoformat(row["to"]),
            zone,
            weekday_numbers(row.get("weekdays")),
        )
        for row in rows or ()
    ]


def weekday_numbers(names: Iterable[str] | None) -> frozenset[int]:
    """mon … sun → 0 … 6."""
    return frozenset(WEEKDAYS.index(name) for name in names or ())
