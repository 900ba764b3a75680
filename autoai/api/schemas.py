"""The API's shapes: what comes in as pydantic models, what goes out as dictionaries."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..domain.costs import plain
from ..domain.runs import Priority
from ..domain.schedules import Words, describe, explain
from ..models import Account, Attempt, Run, Task
from ..queries.dashboard import DashboardFigures, DayPerformance
from ..queries.receipt import Preview
from ..queries.task_list import next_run
from ..services.accounts import account_fields
from ..services.probes import Probe
from ..services.prompt_preview import PromptPreview
from ..services.prompt_secrets import masks
from ..services.task_fields import task_fields


class ScheduleIn(BaseModel):
    """When. Types only: what is valid, the service decides."""

    model_config = ConfigDict(strict=True, extra="forbid")

    schedule_type: str | None = None
    interval_seconds: int | None = None
    interval_minutes: int | None = None
    interval_hours: int | None = None
    fixed_time: str | list[str] | None = None
    weekdays: list[str] | None = None
    cron: str | None = None
    once_at: str | None = None
    starts_at: str | None = None
    ends_at: str | None = None
    jitter_seconds: int | None = None
    blackouts: list[dict[str, Any]] | None = None
    timezone: str | None = None


class PolicyIn(BaseModel):
    """What happens when things go wrong."""

    catch_up: str | None = None
    catch_up_window_seconds: int | None = None
    overlap: str | None = None
    expires_after_seconds: int | None = None
    priority: str | None = None
    tags: list[str] | None = None
    pause_after_failures: int | None = None
    rerun_interrupted: bool | None = None


class BudgetIn(BaseModel):
    """What may be spent. Dollars come as text or as a number."""

    token_budget_day: int | None = None
    token_budget_month: int | None = None
    cost_budget_day: str | int | float | None = None
    cost_budget_month: str | int | float | None = None


class SettingsIn(BudgetIn):
    """What holds for the whole instance."""

    model_config = ConfigDict(strict=True, extra="forbid")


class PreviewIn(ScheduleIn, PolicyIn):
    """A schedule to be looked at; a task's other choices may come along."""

    count: int | None = None
    after: str | None = None


class PromptIn(BaseModel):
    """How a task's texts are made."""

    model_config = ConfigDict(strict=True, extra="forbid")

    system_message: str | None = None
    messages: list[dict[str, Any]] | None = None
    message_content: str | None = None
    language: str | None = None
    variables: dict[str, Any] | None = None
    secrets: dict[str, Any] | None = None
    conversation_turns: int | None = None
    conversation_tokens: int | None = None


class PromptPreviewIn(PromptIn):
    """Texts to be looked at; `task_id` says whose last answer, secrets and conversation count."""

    task_id: int | None = None
    name: str | None = None
    timezone: str | None = None


class TaskIn(ScheduleIn, PolicyIn, BudgetIn, PromptIn):
    """A task as it is sent."""

    name: str | None = None
    account_id: int | None = None
    provider: str | None = None
    api_endpoint: str | None = None
    api_key: str | None = None
    remove_api_key: bool | None = None
    keep_api_key: bool | None = None
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    response_format: str | None = None
    response_schema: dict[str, Any] | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    extra_body: dict[str, Any] | None = None
    checks: list[dict[str, Any]] | None = None
    verdict_rules: dict[str, str] | None = None
    change_watch: str | None = None
    change_fields: list[str] | None = None
    stream: bool | None = None
    timeout_seconds: int | None = None
    max_attempts: int | None = None
    retry_network: bool | None = None
    retry_statuses: list[int] | None = None
    enabled: bool | None = None


class AccountIn(BudgetIn):
    """An account as it is sent."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str | None = None
    provider: str | None = None
    api_endpoint: str | None = None
    api_key: str | None = None
    remove_api_key: bool | None = None
    keep_api_key: bool | None = None
    default_model: str | None = None
    extra_headers: dict[str, str] | None = None
    proxy: str | None = None
    max_concurrent_calls: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    prices: dict[str, dict[str, Any]] | None = None
    enabled: bool | None = None


class AccountTestIn(BaseModel):
    """Which model is to answer; without it, the account's default one."""

    model_config = ConfigDict(strict=True, extra="forbid")

    model: str | None = None


class PauseIn(BaseModel):
    """How long a pause lasts; without `until`, until it is ended."""

    model_config = ConfigDict(strict=True, extra="forbid")

    until: str | None = None


class RetryIn(BaseModel):
    """How a run is to be repeated."""

    model_config = ConfigDict(strict=True, extra="forbid")

    same_input: bool = False
    ignore_budget: bool = False


class DecisionIn(BaseModel):
    """What to do about the occurrences of a task that an outage left missed."""

    model_config = ConfigDict(strict=True, extra="forbid")

    task_id: int
    choice: str


class BulkIn(BaseModel):
    """What to do to several tasks: those with `ids`, or all with `tag`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    action: str
    ids: list[int] | None = None
    tag: str | None = None
    until: str | None = None


ANSWERED_ONLY = frozenset(
    {
        "id",
        "schedule_description",
        "next_run_at",
        "last_run_at",
        "last_status",
        "last_verdict",
        "paused_until",
        "paused_reason",
        "paused",
        "preflight_at",
        "preflight_reason",
        "preflight_message",
        "prompt_version",
        "created_at",
        "updated_at",
    }
)
"""Fields of a task that are answered; sent back, they are ignored."""


ACCOUNT_ANSWERED_ONLY = frozenset({"id", "slow_until", "created_at", "updated_at"})
"""The same of an account."""


def account_out(account: Account, slow_until: datetime | None) -> dict[str, Any]:
    """An account; its secrets masked."""
    return {
        **account_fields(account),
        "id": account.id,
        "api_key": account.api_key_mask,
        "extra_headers": account.extra_header_masks or {},
        "proxy": account.proxy_mask,
        "slow_until": instant(slow_until),
        "created_at": instant(account.created_at),
        "updated_at": instant(account.updated_at),
    }


def probe_out(probe: Probe) -> dict[str, Any]:
    """How a small call went."""
    return {
        "ok": probe.ok,
        "response_text": probe.text,
        "model_answered": probe.model,
        "duration_ms": probe.duration_ms,
        "input_tokens": probe.input_tokens,
        "output_tokens": probe.output_tokens,
        "http_status": probe.http_status,
        "reason": probe.reason,
        "error_message": probe.error_message,
    }


def task_out(task: Task, words: Words, now: datetime) -> dict[str, Any]:
    """A task; its key masked."""
    seconds = task.interval_seconds
    paused = task.is_paused(now)
    return {
        **task_fields(task),
        "id": task.id,
        "api_key": task.api_key_mask,
        "secrets": masks(task),
        "interval_minutes": seconds // 60 if seconds and seconds % 60 == 0 else None,
        "paused": paused,
        "paused_until": instant(task.paused_until) if paused else None,
        "paused_reason": task.paused_reason if paused else None,
        "schedule_description": describe(task.schedule, words),
        "next_run_at": instant(next_run(task, now)),
        "last_run_at": instant(task.last_run_at),
        "last_status": task.last_status,
        "last_verdict": task.last_verdict,
        "preflight_at": instant(task.preflight_at),
        "preflight_reason": task.preflight_reason,
        "preflight_message": task.preflight_message,
        "prompt_version": task.prompt_version,
        "created_at": instant(task.created_at),
        "updated_at": instant(task.updated_at),
    }


def preview_out(preview: Preview, words: Words) -> dict[str, Any]:
    """What a schedule promises."""
    return {
        "description": describe(preview.schedule, words),
        "next": [instant(due) for due in preview.next],
        "clock_changes": [
            {"at": instant(change.at), "what": explain(change, effect, words)}
            for change, effect in preview.changes
        ],
        "per_day": preview.frequency.per_day,
        "per_month": preview.frequency.per_month,
    }


def prompt_preview_out(preview: PromptPreview) -> dict[str, Any]:
    """What would be sent; the values of secrets are not in it."""
    return {
        "messages": preview.messages,
        "tokens": preview.tokens,
        "turns_sent": preview.turns_sent,
        "turns_cut": preview.turns_cut,
    }


def run_out(run: Run) -> dict[str, Any]:
    """A row of the log. `run.task` is loaded."""
    return {
        "id": run.id,
        "task_id": run.task_id,
        "task_name": run.task.name,
        "account_id": run.account_id,
        "source": run.source,
        "scheduled_for": instant(run.scheduled_for),
        "due_at": instant(run.due_at),
        "queued_at": instant(run.queued_at),
        "executed_at": instant(run.started_at),
        "finished_at": instant(run.finished_at),
        "status": run.status,
        "reason": run.reason,
        "verdict": run.verdict,
        "changed": run.changed,
        "compared_with": run.compared_with,
        "duration_ms": run.duration_ms,
        "lateness_ms": run.lateness_ms,
        "first_token_ms": run.first_token_ms,
        "not_before": instant(run.not_before),
        "attempts": run.attempts,
        "maybe_double_billed": run.maybe_double_billed,
        "model": run.model,
        "model_answered": run.model_answered,
        "prompt_version": run.prompt_version,
        "http_status": run.http_status,
        "finish_reason": run.finish_reason,
        "response_summary": run.response_summary,
        "error_message": run.error_summary,
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "cached_input_tokens": run.cached_input_tokens,
        "reasoning_tokens": run.reasoning_tokens,
        "usage_estimated": run.usage_estimated,
        "cost": plain(run.cost),
        "reserved_tokens": run.reserved_tokens,
        "reserved_cost": plain(run.reserved_cost),
        "ignore_budget": run.ignore_budget,
        "budget_note": run.budget_note,
        "blocked_by": run.blocked_by,
        "for_run": run.for_run,
        "for_instant": instant(run.for_instant),
        "expires_at": instant(run.expires_at),
        "priority": Priority(run.priority).name.lower(),
        "occurrences": run.occurrences,
        "missed_from": instant(run.missed_from),
        "missed_to": instant(run.missed_to),
    }


def run_details_out(run: Run, growing: str = "") -> dict[str, Any]:
    """A run whole: its texts and attempts are loaded. `growing` is what has arrived of an answer."""
    texts = run.texts
    return {
        **run_out(run),
        "error_message": texts.error_message if texts else run.error_summary,
        "findings": (texts.findings if texts else None) or [],
        "response_text": (texts.response_text if texts else None) or growing or None,
        "request_messages": texts.request_messages if texts else None,
        "price": run.price,
        "turns_sent": run.turns_sent,
        "turns_cut": run.turns_cut,
        "attempt_list": [_attempt_out(attempt) for attempt in run.attempt_list],
    }


def dashboard_out(figures: DashboardFigures) -> dict[str, Any]:
    """The dashboard's figures; a rate is between 0 and 1."""
    return {
        "tasks": figures.tasks,
        "enabled_tasks": figures.enabled_tasks,
        "runs_today": figures.runs_today,
        "success_rate_today": figures.success_rate_today,
        "running_now": figures.running_now,
        "failed_today": figures.failed_today,
        "degraded_today": figures.degraded_today,
        "by_status_today": figures.by_status_today,
        "input_tokens_today": figures.input_tokens_today,
        "output_tokens_today": figures.output_tokens_today,
        "cost_today": plain(figures.cost_today),
        "unpriced_runs_today": figures.unpriced_today,
        **asdict(figures.timings_today),
    }


def performance_out(found: DayPerformance) -> dict[str, Any]:
    """One day; `success` are the good answers, `runs` all that was due on it, a gap row counted for
    what it stands for."""
    day = found.day
    return {
        "date": day.date.isoformat(),
        "runs": sum(day.by_status.values()),
        "success": day.success,
        "degraded": day.degraded,
        "failed": day.failed,
        "other": day.other,
        "success_rate": found.success_rate,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "cost": plain(found.cost),
        **asdict(found.timings),
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
        "input_tokens": attempt.input_tokens,
        "output_tokens": attempt.output_tokens,
        "cached_input_tokens": attempt.cached_input_tokens,
        "usage_estimated": attempt.usage_estimated,
        "cost": plain(attempt.cost),
    }
