"""Writes what became of runs: row, texts, attempts and the task's last result, many in one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import BindParameter, bindparam, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, ProgrammingError

from ..domain.budgets import Amount
from ..domain.costs import plain
from ..domain.errors import Unstorable
from ..domain.runs import Reason, Status
from ..models import (
    Attempt,
    DbSession,
    Run,
    RunText,
    Throttle,
    UnstreamedModel,
    bump_revision,
    execute_plain,
    table,
    write_transaction,
)
from .baselines import compare_answers
from .endings import RunEnding, note_endings
from .ports import Ports
from .run_orders import Outcome
from .search_index import index_texts
from .usage import NO_USE, Lane, Used, add_usage, reserved, used_by

_SUMMARY = 200
_ERROR_SUMMARY = 500
_DATA_ERRORS = (
    DataError,
    OverflowError,
    IntegrityError,
    ProgrammingError,
    InterfaceError,
    TypeError,
    ValueError,
)


# By the table and not the class: with hundreds of rows that is half of the time. And built once: to
# build one takes longer than to write a few rows by it.
_RUNS, _TEXTS = table(Run), table(RunText)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_THERE = select(_RUNS.c.id).where(_RUNS.c.id.in_(_IDS))
_MINE = select(_RUNS.c.id, _RUNS.c.cancel_requested).where(
    _RUNS.c.id.in_(_IDS), _RUNS.c.status == Status.RUNNING, _RUNS.c.owner == bindparam("by")
)
_WRITE_ENDED = update(_RUNS).where(_RUNS.c.id == bindparam("run"))
_INSERT_TEXTS = insert(_TEXTS)
# A run that repeats an earlier one's input has had its row of texts since it was queued; one that was
# put off may have been made anew from its templates.
_WRITE_TEXTS = _INSERT_TEXTS.on_conflict_do_update(
    index_elements=[_TEXTS.c.run_id],
    set_={
        "request_messages": func.coalesce(
            _INSERT_TEXTS.excluded.request_messages, _TEXTS.c.request_messages
        ),
        **{
            name: _INSERT_TEXTS.excluded[name]
            for name in ("response_text", "error_message", "secrets", "findings")
        },
    },
)
_WRITE_ATTEMPTS = insert(table(Attempt))


def record_runs(ports: Ports, owner: str, outcomes: Sequence[Outcome]) -> None:
    """Record outcomes of runs that `owner` claimed, in one transaction.

    A run that is not running any more (its task was deleted, or it was given up) is left alone.
    Raises `Unstorable` where the outcomes themselves are at fault, and not the database.
    """
    try:
        _record(ports, owner, outcomes)
    except _DATA_ERRORS as error:
        raise Unstorable(str(error)) from error
    for outcome in outcomes:
        # Only now: else a page that looks in between would see neither the one nor the other.
        ports.live.end(outcome.order.run_id)


def _record(ports: Ports, owner: str, outcomes: Sequence[Outcome]) -> None:
    with write_transaction() as session:
        ids = [outcome.order.run_id for outcome in outcomes]
        found = execute_plain(session, _MINE, {"ids": ids, "by": owner})
        mine: dict[int, bool] = dict(found.all())
        _settle_gone(session, [outcome for outcome in outcomes if outcome.order.run_id not in mine])
        kept = [_as_wanted(o, mine[o.order.run_id]) for o in outcomes if o.order.run_id in mine]
        if not kept:
            return
        ended = [outcome for outcome in kept if outcome.status is not Status.QUEUED]
        put_off = [outcome for outcome in kept if outcome.status is Status.QUEUED]
        if ended:
            execute_plain(session, _WRITE_ENDED, [_run_columns(outcome) for outcome in ended])
        if put_off:
            session.execute(update(Run), [_put_off_columns(outcome) for outcome in put_off])
            add_usage(
                session,
                [(lane, _released(outcome)) for outcome in put_off if (lane := _lane(outcome))],
            )
        texts = [_text_columns(outcome) for outcome in kept]
        execute_plain(session, _WRITE_TEXTS, texts)
        index_texts(session, texts, {o.order.run_id: o.order.task_id for o in kept})
        compare_answers(session, ended)
        attempts = [columns for outcome in kept for columns in _attempt_columns(outcome)]
        if attempts:
            execute_plain(session, _WRITE_ATTEMPTS, attempts)
        _remember_the_other_side(session, kept)
        endings = [_ending(outcome) for outcome in ended]
        note_endings(session, endings, ports.clock.now(), ports.zone)
        bump_revision(session)


def _settle_gone(session: DbSession, outcomes: Sequence[Outcome]) -> None:
    """Their tasks were deleted, and their rows with them: what they came to stays spent."""
    ids = [outcome.order.run_id for outcome in outcomes]
    there = set(execute_plain(session, _THERE, {"ids": ids}).scalars()) if ids else set()
    add_usage(
        session,
        [
            (lane, _used(outcome).and_(_released(_as_wanted(outcome, unwanted=True))))
            for outcome in outcomes
            if outcome.order.run_id not in there and (lane := _lane(outcome))
        ],
    )


def _used(outcome: Outcome) -> Used:
    spent = outcome.spent
    return used_by(spent.input_tokens, spent.output_tokens, spent.cost, spent.estimated)


def _as_wanted(outcome: Outcome, unwanted: bool) -> Outcome:
    """A run that goes back into the queue while somebody cancels it is cancelled."""
    if outcome.status is Status.QUEUED and unwanted:
        return replace(outcome, status=Status.CANCELLED, reason=Reason.CANCELLED, not_before=None)
    return outcome


def _remember_the_other_side(session: DbSession, outcomes: Sequence[Outcome]) -> None:
    """What is to hold for later runs too: a server's wish for patience, a model that does not
    stream."""
    for outcome in outcomes:
        key = outcome.order.connection.limit_key
        if outcome.throttled_until is not None:
            throttle = insert(Throttle).values(key=key, until=outcome.throttled_until)
            session.execute(
                throttle.on_conflict_do_update(
                    index_elements=[Throttle.key], set_={"until": throttle.excluded.until}
                )
            )
        if outcome.stream_refused:
            refusal = insert(UnstreamedModel).values(
                key=key, model=outcome.order.model, since=outcome.started_at
            )
            session.execute(refusal.on_conflict_do_nothing())


def _ending(outcome: Outcome) -> RunEnding:
    spent = outcome.spent
    return RunEnding(
        outcome.order.task_id,
        outcome.order.due_at,
        outcome.started_at,
        outcome.status,
        outcome.reason,
        spent.input_tokens,
        spent.output_tokens,
        spent.cost,
        _lane(outcome),
        spent.estimated,
        _released(outcome),
        outcome.verdict,
        outcome.finished_at,
    )


def _lane(outcome: Outcome) -> Lane | None:
    order = outcome.order
    if order.spending_day is None:
        return None
    return Lane(order.spending_day, order.task_id, order.connection.account_id or 0, order.model)


def _released(outcome: Outcome) -> Used:
    """The change of what is reserved for it."""
    before, after = outcome.order.reserved, outcome.held
    if before is None or after is None:
        return NO_USE
    cost = (after.cost or Decimal(0)) - (before.cost or Decimal(0))
    return reserved(after.tokens - before.tokens, cost)


def _reserved_columns(outcome: Outcome) -> dict[str, Any]:
    held = outcome.held or Amount()
    return {"reserved_tokens": held.tokens or None, "reserved_cost": held.cost or None}


def _note(**amounts: int | Decimal | None) -> dict[str, str] | None:
    """Amounts as plain decimal text, without those that are nothing."""
    found = {name: plain(Decimal(amount)) for name, amount in amounts.items() if amount}
    return {name: text for name, text in found.items() if text} or None


def _put_off_columns(outcome: Outcome) -> dict[str, Any]:
    """It waits for another attempt; what it has behind it is kept."""
    return {
        "id": outcome.order.run_id,
        "status": Status.QUEUED,
        "owner": None,
        "not_before": outcome.not_before,
        "started_at": outcome.started_at,
        "attempts": outcome.order.earlier.count + len(outcome.attempts),
        "maybe_double_billed": outcome.maybe_double_billed,
        "http_status": outcome.http_status,
        "account_id": outcome.order.connection.account_id,
        "model": outcome.order.model,
        "budget_note": _note(kept_tokens=outcome.kept.tokens, kept_cost=outcome.kept.cost),
        **_reserved_columns(outcome),
        **_said_columns(outcome),
    }


def _said_columns(outcome: Outcome) -> dict[str, Any]:
    return {
        "prompt_version": outcome.order.prompt_version,
        "turns_sent": outcome.order.turns_sent,
        "turns_cut": outcome.order.turns_cut,
    }


def _run_columns(outcome: Outcome) -> dict[str, Any]:
    completion = outcome.completion
    spent, over = outcome.spent, outcome.overshoot
    reasoning = completion.usage.reasoning_tokens if completion else None
    text = outcome.text
    error = outcome.error_message
    return {
        "run": outcome.order.run_id,
        "started_at": outcome.started_at,
        "first_token_at": outcome.first_token_at,
        "finished_at": outcome.finished_at,
        "status": outcome.status,
        "reason": outcome.reason,
        "verdict": outcome.verdict,
        "attempts": outcome.order.earlier.count + len(outcome.attempts),
        "maybe_double_billed": outcome.maybe_double_billed,
        "account_id": outcome.order.connection.account_id,
        "model": outcome.order.model,
        "model_answered": completion.model if completion else None,
        "http_status": outcome.http_status,
        "finish_reason": completion.finish_reason if completion else None,
        "response_summary": " ".join(text.split())[:_SUMMARY] if text else None,
        "error_summary": error[:_ERROR_SUMMARY] if error else None,
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "cached_input_tokens": spent.cached_input_tokens,
        "reasoning_tokens": reasoning,
        "usage_estimated": spent.estimated,
        "cost": spent.cost,
        "price": outcome.price if spent.cost is not None else None,
        "budget_note": _note(overshoot_tokens=over.tokens, overshoot_cost=over.cost),
        **_reserved_columns(outcome),
        **_said_columns(outcome),
    }


def _text_columns(outcome: Outcome) -> dict[str, Any]:
    order = outcome.order
    messages = order.messages if order.stored_messages is None else order.stored_messages
    return {
        "run_id": order.run_id,
        "request_messages": list(messages) or None,
        "secrets": list(order.secrets) or None,
        "response_text": outcome.text if outcome.completion else outcome.received or None,
        "error_message": outcome.error_message,
        "findings": outcome.findings or None,
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
            "input_tokens": attempt.spent.input_tokens,
            "output_tokens": attempt.spent.output_tokens,
            "cached_input_tokens": attempt.spent.cached_input_tokens,
            "usage_estimated": attempt.spent.estimated,
            "cost": attempt.spent.cost,
        }
        for attempt in outcome.attempts
    ]
