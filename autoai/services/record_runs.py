"""Writes what became of runs: row, texts, attempts and the task's last result, many in one commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, update

from ..domain.runs import Status
from ..models import (
    Attempt,
    DbSession,
    Run,
    RunText,
    Task,
    bump_revision,
    write_transaction,
)
from .execute_run import Outcome

_SUMMARY = 200
_ERROR_SUMMARY = 500


def record_runs(owner: str, outcomes: Sequence[Outcome]) -> None:
    """Record outcomes of runs that `owner` claimed, in one transaction.

    A run that is not running any more (its task was deleted, or it was given up) is left alone.
    """
    with write_transaction() as session:
        mine = set(
            session.scalars(
                select(Run.id).where(
                    Run.id.in_([outcome.order.run_id for outcome in outcomes]),
                    Run.status == Status.RUNNING,
                    Run.owner == owner,
                )
            )
        )
        kept = [outcome for outcome in outcomes if outcome.order.run_id in mine]
        if not kept:
            return
        session.execute(update(Run), [_run_columns(outcome) for outcome in kept])
        session.execute(insert(RunText), [_text_columns(outcome) for outcome in kept])
        attempts = [columns for outcome in kept for columns in _attempt_columns(outcome)]
        if attempts:
            session.execute(insert(Attempt), attempts)
        remember_last(
            session,
            [(o.order.task_id, o.started_at, str(o.status)) for o in kept],
        )
        bump_revision(session)


def remember_last(session: DbSession, endings: Sequence[tuple[int, Any, str]]) -> None:
    """Inside the caller's transaction: (task id, started, status) → the task's last result.

    Of several the one that started last counts, also against what the task remembers already.
    """
    newest: dict[int, tuple[Any, str]] = {}
    for task_id, started_at, status in endings:
        if task_id not in newest or started_at >= newest[task_id][0]:
            newest[task_id] = (started_at, status)
    known = dict(
        session.execute(select(Task.id, Task.last_run_at).where(Task.id.in_(newest))).all()
    )
    changes = [
        {"id": task_id, "last_run_at": at, "last_status": status}
        for task_id, (at, status) in newest.items()
        if task_id in known and (known[task_id] is None or known[task_id] <= at)
    ]
    if changes:
        session.execute(update(Task), changes)


def _run_columns(outcome: Outcome) -> dict[str, Any]:
    completion = outcome.completion
    usage = completion.usage if completion else None
    text = completion.text if completion else ""
    error = outcome.error_message
    return {
        "id": outcome.order.run_id,
        "started_at": outcome.started_at,
        "finished_at": outcome.finished_at,
        "status": outcome.status,
        "reason": outcome.reason,
        "verdict": outcome.verdict,
        "attempts": len(outcome.attempts),
        "maybe_double_billed": outcome.maybe_double_billed,
        "model": outcome.order.model,
        "model_answered": completion.model if completion else None,
        "http_status": outcome.http_status,
        "finish_reason": completion.finish_reason if completion else None,
        "response_summary": " ".join(text.split())[:_SUMMARY] if text else None,
        "error_summary": error[:_ERROR_SUMMARY] if error else None,
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "cached_input_tokens": usage.cached_input_tokens if usage else None,
        "reasoning_tokens": usage.reasoning_tokens if usage else None,
    }


def _text_columns(outcome: Outcome) -> dict[str, Any]:
    return {
        "run_id": outcome.order.run_id,
        "request_messages": outcome.order.messages,
        "response_text": outcome.completion.text if outcome.completion else None,
        "error_message": outcome.error_message,
    }


def _attempt_columns(outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {
            "run_id": outcome.order.run_id,
            "number": attempt.number,
            "started_at": attempt.started_at,
            "duration_ms": attempt.duration_ms,
            "http_status": attempt.http_status,
            "kind": attempt.kind,
            "error_message": attempt.error_message,
        }
        for attempt in outcome.attempts
    ]
