"""Writes what became of runs: row, texts, attempts and the task's last result, many in one commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, ProgrammingError

from ..domain.errors import Unstorable
from ..domain.runs import Status
from ..models import (
    Attempt,
    DbSession,
    Run,
    RunText,
    bump_revision,
    write_transaction,
)
from .endings import RunEnding, note_endings
from .execute_run import Outcome
from .ports import Ports

_SUMMARY = 200
_ERROR_SUMMARY = 500
_DATA_ERRORS = (
    DataError,
    IntegrityError,
    ProgrammingError,
    InterfaceError,
    TypeError,
    ValueError,
)


def record_runs(ports: Ports, owner: str, outcomes: Sequence[Outcome]) -> None:
    """Record outcomes of runs that `owner` claimed, in one transaction.

    A run that is not running any more (its task was deleted, or it was given up) is left alone.
    Raises `Unstorable` where the outcomes themselves are at fault, and not the database.
    """
    try:
        _record(ports, owner, outcomes)
    except _DATA_ERRORS as error:
        raise Unstorable(str(error)) from error


def _record(ports: Ports, owner: str, outcomes: Sequence[Outcome]) -> None:
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
        _write_texts(session, [_text_columns(outcome) for outcome in kept])
        attempts = [columns for outcome in kept for columns in _attempt_columns(outcome)]
        if attempts:
            session.execute(insert(Attempt), attempts)
        endings = [_ending(outcome) for outcome in kept]
        note_endings(session, endings, ports.clock.now(), ports.zone)
        bump_revision(session)


def _write_texts(session: DbSession, rows: list[dict[str, Any]]) -> None:
    """A run that repeats an earlier one's input has had its row of texts since it was queued."""
    write = insert(RunText)
    texts = {name: write.excluded[name] for name in ("response_text", "error_message")}
    session.execute(write.on_conflict_do_update(index_elements=[RunText.run_id], set_=texts), rows)


def _ending(outcome: Outcome) -> RunEnding:
    usage = outcome.completion.usage if outcome.completion else None
    return RunEnding(
        outcome.order.task_id,
        outcome.order.due_at,
        outcome.started_at,
        outcome.status,
        outcome.reason,
        usage.input_tokens if usage else None,
        usage.output_tokens if usage else None,
    )


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
