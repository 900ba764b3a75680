"""A stored task as input again: for the form, the API, the export, and for changing a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..domain.runs import Priority
from ..models import BUDGET_COLUMNS, Task
from .budgets import budget_fields
from .schedule_rules import INTERVAL_UNITS, SCHEDULE_FIELDS

_PLAIN_FIELDS = (
    "name",
    "account_id",
    "provider",
    "api_endpoint",
    "model",
    "system_message",
    "messages",
    "message_content",
    "language",
    "variables",
    "conversation_turns",
    "conversation_tokens",
    "temperature",
    "max_tokens",
    "response_format",
    "response_schema",
    "seed",
    "stop",
    "extra_body",
    "checks",
    "verdict_rules",
    "change_watch",
    "change_fields",
    "stream",
    "schedule_type",
    "interval_seconds",
    "weekdays",
    "cron",
    "jitter_seconds",
    "blackouts",
    "timezone",
    "catch_up",
    "catch_up_window_seconds",
    "overlap",
    "expires_after_seconds",
    "pause_after_failures",
    "rerun_interrupted",
    "timeout_seconds",
    "max_attempts",
    "retry_network",
    "retry_statuses",
    "enabled",
)
"""Fields whose column is what a person sets. The key is none of them."""
TASK_FIELDS = frozenset({*_PLAIN_FIELDS, *SCHEDULE_FIELDS, *BUDGET_COLUMNS, "priority", "tags"})
"""All fields of a task that a person sets, but for the key and the secrets."""


def task_fields(task: Task) -> dict[str, Any]:
    """The fields of a stored task as input again, without its key. Instants are ISO 8601 in UTC."""
    fields = {field: getattr(task, field) for field in _PLAIN_FIELDS}
    times = task.fixed_times
    return {
        **fields,
        "fixed_time": times[0] if times and len(times) == 1 else times,
        "once_at": _iso(task.once_at),
        "starts_at": _iso(task.starts_at),
        "ends_at": _iso(task.ends_at),
        "priority": Priority(task.priority).name.lower(),
        "variables": task.variables or {},
        "tags": task.tags,
        **budget_fields(task),
    }


def changed_fields(task: Task, values: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of `task`, those in `values` replaced."""
    stored = _without_replaced_interval(task_fields(task), values)
    return {**_without_replaced_endpoint(stored, values), **values}


def _without_replaced_interval(stored: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A new interval in any unit replaces the stored one, which is in seconds."""
    if any(values.get(unit) is not None for unit in INTERVAL_UNITS):
        return {**stored, "interval_seconds": None}
    return stored


def _without_replaced_endpoint(stored: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A chosen account replaces the stored endpoint, a given endpoint the stored account."""
    if values.get("account_id") is not None:
        return {**stored, "api_endpoint": None, "provider": None}
    if values.get("api_endpoint"):
        return {**stored, "account_id": None}
    return stored


def _iso(instant: datetime | None) -> str | None:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z") if instant else None
