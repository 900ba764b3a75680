"""A queued run and its task → the order: all that its execution needs, copied while both are locked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import BindParameter, Row, bindparam, select
from sqlalchemy.orm import lazyload, load_only
from sqlalchemy.orm.util import identity_key

from ..domain.budgets import Amount, Caps
from ..domain.runs import Kind
from ..domain.verdicts import Demands
from ..models import (
    BUDGET_COLUMNS,
    DbSession,
    Run,
    RunText,
    Task,
    UnstreamedModel,
    execute_plain,
)
from ..providers.base import Parameters
from .baselines import watch_of
from .budgets import all_caps, attempts_of, instance_caps, kept_of, spent_in
from .connections import connection_of
from .run_orders import EarlierAttempts, Prepared, RunOrder
from .usage import Lane

_SENT = (
    Task.account_id,
    Task.provider,
    Task.api_endpoint,
    Task.api_key_encrypted,
    Task.secret_id,
    Task.model,
    Task.system_message,
    Task.messages,
    Task.message_content,
    Task.prompt_version,
    Task.temperature,
    Task.max_tokens,
    Task.response_format,
    Task.response_schema,
    Task.seed,
    Task.stop,
    Task.extra_body,
    Task.checks,
    Task.verdict_rules,
    Task.change_watch,
    Task.change_fields,
    Task.stream,
    Task.timeout_seconds,
    Task.max_attempts,
    Task.retry_network,
    Task.retry_statuses,
    *(getattr(Task, name) for name in BUDGET_COLUMNS),
)
"""What an order takes from its task. The rest is not read: orders are made by the hundred."""


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_CLAIMED = (
    select(
        Run.id,
        Run.task_id,
        Run.due_at,
        Run.expires_at,
        Run.attempts,
        Run.started_at,
        Run.maybe_double_billed,
        Run.prompt_version,
        Run.turns_sent,
        Run.turns_cut,
        Run.spending_day,
        Run.reserved_tokens,
        Run.reserved_cost,
        Run.ignore_budget,
        Run.budget_note,
        Run.account_id.label("through"),
        Run.model.label("asked"),
        RunText.request_messages,
        RunText.secrets,
    )
    .outerjoin(RunText, RunText.run_id == Run.id)
    .where(Run.id.in_(_IDS))
)
_OF_TASKS = (
    select(Task)
    .where(Task.id.in_(_IDS))
    .options(load_only(*_SENT, raiseload=True), lazyload(Task.tag_rows))
)
_UNSTREAMED = select(UnstreamedModel.key, UnstreamedModel.model)


def make_orders(
    session: DbSession, run_ids: Sequence[int], prepared: Mapping[int, Prepared], today: date
) -> list[RunOrder]:
    """The orders of queued runs, in the order of `run_ids`; what was `prepared` is what they send.
    `today` pays for those that are claimed for the first time."""
    if not run_ids:
        return []
    rows = {row.id: row for row in execute_plain(session, _CLAIMED, {"ids": run_ids})}
    tasks = _tasks(session, {row.task_id for row in rows.values()})
    refused = {(key, model) for key, model in execute_plain(session, _UNSTREAMED)}
    instance = instance_caps(session)
    return [
        _order(session, row, tasks[row.task_id], refused, prepared.get(run_id), instance, today)
        for run_id in run_ids
        if (row := rows.get(run_id)) is not None and row.task_id in tasks
    ]


def _tasks(session: DbSession, task_ids: Iterable[int]) -> dict[int, Task]:
    """By id. Those whose schedule was just followed in this session are in it still."""
    found: dict[int, Task] = {}
    missing = []
    for task_id in task_ids:
        known = session.identity_map.get(identity_key(Task, task_id))
        if known is None:
            missing.append(task_id)
        else:
            found[task_id] = known
    if missing:
        found |= {task.id: task for task in session.scalars(_OF_TASKS, {"ids": missing})}
    return found


def _order(
    session: DbSession,
    row: Row[*tuple[Any, ...]],
    task: Task,
    refused: set[tuple[str, str]],
    prepared: Prepared | None,
    instance: Caps,
    today: date,
) -> RunOrder:
    connection = connection_of(task)
    model = task.model_asked
    return RunOrder(
        run_id=row.id,
        task_id=task.id,
        connection=connection,
        model=model,
        **_said(row, task, prepared),
        timeout=task.timeout_seconds,
        retry_rules=task.retry_rules,
        due_at=row.due_at,
        parameters=task_parameters(task),
        demands=task_demands(task),
        watch=watch_of(task),
        stream=task.stream and (connection.limit_key, model) not in refused,
        expires_at=row.expires_at,
        earlier=_earlier(session, row) if row.attempts else EarlierAttempts(),
        spending_day=row.spending_day or today,
        caps=all_caps(task, instance),
        ignore_budget=row.ignore_budget,
        held=_held(row),
    )


def _held(row: Row[*tuple[Any, ...]]) -> tuple[Lane, Amount] | None:
    """What was reserved when it was claimed before."""
    if row.reserved_tokens is None or row.spending_day is None:
        return None
    lane = Lane(row.spending_day, row.task_id, row.through or 0, row.asked or "")
    return lane, Amount(row.reserved_tokens, row.reserved_cost)


def _said(row: Row[*tuple[Any, ...]], task: Task, prepared: Prepared | None) -> dict[str, Any]:
    """The fields of an order that say what is sent: as it was prepared, as the run sent it before,
    or as its task says."""
    if prepared is not None:
        return {
            "messages": prepared.messages,
            "stored_messages": prepared.stored_messages,
            "secrets": prepared.secrets,
            "secret_values": prepared.secret_values,
            "prompt_version": prepared.prompt_version,
            "turns_sent": prepared.turns_sent,
            "turns_cut": prepared.turns_cut,
            "problem": prepared.problem,
        }
    if row.request_messages is None or row.secrets is not None:
        return {
            "messages": task_messages(task),
            "prompt_version": task.prompt_version,
        }
    return {
        "messages": row.request_messages,
        "prompt_version": row.prompt_version,
        "turns_sent": row.turns_sent,
        "turns_cut": row.turns_cut,
    }


def _earlier(session: DbSession, row: Row[*tuple[Any, ...]]) -> EarlierAttempts:
    """What a run that was put off has behind it."""
    attempts = attempts_of(session, [row.id])[row.id]
    return EarlierAttempts(
        row.attempts,
        row.started_at,
        attempts[-1].kind == Kind.MAYBE_BILLED if attempts else False,
        row.maybe_double_billed,
        spent_in(attempts),
        kept_of(row.budget_note),
    )


def task_messages(task: Task) -> list[dict[str, str]]:
    """What `task` sends."""
    system = [{"role": "system", "content": task.system_message}] if task.system_message else []
    last = {"role": "user", "content": task.message_content}
    return [*system, *(task.messages or []), last]


def task_parameters(task: Task) -> Parameters:
    """How `task` wants to be answered."""
    return Parameters(
        task.temperature,
        task.max_tokens,
        task.response_format,
        task.response_schema,
        task.seed,
        tuple(task.stop or ()),
        task.extra_body or {},
    )


def task_demands(task: Task) -> Demands:
    """What `task` wants of its answers."""
    return Demands(
        task.response_format, task.response_schema, task.checks or (), task.verdict_rules or {}
    )
