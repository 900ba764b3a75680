"""The API's shapes: what comes in as pydantic models, what goes out as dictionaries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..domain.schedules import Words
from ..models import Attempt, Run, Task
from ..queries.dashboard import DashboardFigures


class TaskIn(BaseModel):
    """A task as it is sent. Types only: what is valid, the service decides."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str | None = None
    api_endpoint: str | None = None
    api_key: str | None = None
    model: str | None = None
    system_message: str | None = None
    message_content: str | None = None
    schedule_type: str | None = None
    interval_seconds: int | None = None
    interval_minutes: int | None = None
    interval_hours: int | None = None
    fixed_time: str | None = None
    timezone: str | None = None
    timeout_seconds: int | None = None
    max_attempts: int | None = None
    retry_network: bool | None = None
    retry_statuses: list[int] | None = None
    enabled: bool | None = None


ANSWERED_ONLY = frozenset(
    {
        "id",
        "schedule_description",
        "next_run_at",
        "last_run_at",
        "last_status",
        "paused_reason",
        "created_at",
        "updated_at",
    }
)
"""Fields of a task that are answered; sent back, they are ignored."""


def task_out(task: Task, words: Words) -> dict[str, Any]:
    """A task; its key masked."""
    seconds = task.interval_seconds
    return {
        "id": task.id,
        "name": task.name,
        "api_endpoint": task.api_endpoint,
        "api_key": task.api_key_mask,
        "model": task.model,
        "system_message": task.system_message,
        "message_content": task.message_content,
        "schedule_type": task.schedule_type,
        "interval_seconds": seconds,
        "interval_minutes": seconds // 60 if seconds and seconds % 60 == 0 else None,
        "fixed_time": task.fixed_time,
        "timezone": task.timezone,
        "timeout_seconds": task.timeout_seconds,
        "max_attempts": task.max_attempts,
        "retry_network": task.retry_network,
        "retry_statuses": task.retry_statuses,
        "enabled": task.enabled,
        "schedule_description": task.schedule.describe(words),
        "next_run_at": instant(task.next_run_at),
        "last_run_at": instant(task.last_run_at),
        "last_status": task.last_status,
        "created_at": instant(task.created_at),
        "updated_at": instant(task.updated_at),
    }


def run_out(run: Run) -> dict[str, Any]:
    """A row of the log. `run.task` is loaded."""
    return {
        "id": run.id,
        "task_id": run.task_id,
        "task_name": run.task.name,
        "source": run.source,
        "scheduled_for": instant(run.scheduled_for),
        "due_at": instant(run.due_at),
        "queued_at": instant(run.queued_at),
        "executed_at": instant(run.started_at),
        "finished_at": instant(run.finished_at),
        "status": run.status,
        "reason": run.reason,
        "verdict": run.verdict,
        "duration_ms": run.duration_ms,
        "lateness_ms": run.lateness_ms,
        "attempts": run.attempts,
        "maybe_double_billed": run.maybe_double_billed,
        "model": run.model,
        "model_answered": run.model_answered,
        "http_status": run.http_status,
        "finish_reason": run.finish_reason,
        "response_summary": run.response_summary,
        "error_message": run.error_summary,
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "cached_input_tokens": run.cached_input_tokens,
        "reasoning_tokens": run.reasoning_tokens,
        "blocked_by": run.blocked_by,
        "occurrences": run.occurrences,
        "missed_from": instant(run.missed_from),
        "missed_to": instant(run.missed_to),
    }


def run_details_out(run: Run) -> dict[str, Any]:
    """A run whole: its texts and attempts are loaded."""
    texts = run.texts
    return {
        **run_out(run),
        "error_message": texts.error_message if texts else run.error_summary,
        "response_text": texts.response_text if texts else None,
        "request_messages": texts.request_messages if texts else None,
        "attempt_list": [_attempt_out(attempt) for attempt in run.attempt_list],
    }


def dashboard_out(figures: DashboardFigures) -> dict[str, Any]:
    """The dashboard's figures; a rate is between 0 and 1."""
    return {
        "tasks": figures.tasks,
        "enabled_tasks": figures.enabled_tasks,
        "runs_today": figures.runs_today,
        "success_rate_today": figures.success_rate_today,
        "by_status_today": figures.by_status_today,
    }


def instant(value: datetime | None) -> str | None:
    """ISO 8601 in UTC with Z."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _attempt_out(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "started_at": instant(attempt.started_at),
        "duration_ms": attempt.duration_ms,
        "http_status": attempt.http_status,
        "kind": attempt.kind,
        "error_message": attempt.error_message,
    }
