"""Runs that a person or a program asks for, and their end when they are asked to end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, insert, select, update

from ..domain.errors import Conflict, Invalid
from ..domain.runs import ACTIVE, Reason, Source, Status
from ..models import (
    DbSession,
    IdempotencyKey,
    Run,
    RunText,
    Task,
    bump_revision,
    write_transaction,
)
from .budgets import settle_waiting
from .lookup import existing_run, existing_task
from .occurrences import run_columns
from .ports import Ports
from .search_index import index_texts
from .statistics import Ending, count_endings, waiting_ending

KEY_LENGTH = 200
KEY_KEPT = timedelta(hours=24)


def run_now(ports: Ports, task_id: int, idempotency_key: str | None = None) -> int:
    """Queue a run by hand, also of a task that is paused or switched off; the run's id.

    The same `idempotency_key` for the same task answers the same run for 24 hours.
    """
    if idempotency_key is not None and not 0 < len(idempotency_key) <= KEY_LENGTH:
        raise Invalid({"Idempotency-Key": [_("At most %(count)s characters.", count=KEY_LENGTH)]})
    now = ports.clock.now()
    with write_transaction() as session:
        task = existing_task(session, task_id)
        if idempotency_key is not None:
            session.execute(
                delete(IdempotencyKey).where(IdempotencyKey.created_at <= now - KEY_KEPT)
            )
            known = session.get(IdempotencyKey, (task.id, idempotency_key))
            if known is not None:
                return known.run_id
        run_id = queue_run(session, ports, task, now, Source.MANUAL)
        if idempotency_key is not None:
            session.add(
                IdempotencyKey(task_id=task.id, key=idempotency_key, run_id=run_id, created_at=now)
            )
        bump_revision(session)
    ports.wake()
    return run_id


def retry_run(ports: Ports, run_id: int, *, same_input: bool = False) -> int:
    """A new run that points at `run_id`; with `same_input`, it sends what that one sent. Its id."""
    with write_transaction() as session:
        old = existing_run(session, run_id)
        if old.status in ACTIVE:
            raise Conflict(_("This run is not over yet."))
        texts = session.get(RunText, run_id)
        if same_input and (texts is None or texts.request_messages is None):
            raise Conflict(_("What this run sent is not known, so it cannot be sent again."))
        if same_input and texts is not None and texts.secrets:
            raise Conflict(
                _(
                    "What this run sent had secrets in it, which are not kept, so it cannot be sent again."
                )
            )
        task = existing_task(session, old.task_id)
        said: dict[str, Any] = {"for_run": run_id}
        if same_input:
            said |= {
                name: getattr(old, name) for name in ("prompt_version", "turns_sent", "turns_cut")
            }
        new_id = queue_run(session, ports, task, ports.clock.now(), Source.RETRY, **said)
        if same_input and texts is not None:
            said_again = {"run_id": new_id, "request_messages": texts.request_messages}
            session.add(RunText(**said_again))
            index_texts(session, [said_again], {new_id: task.id})
        bump_revision(session)
    ports.wake()
    return new_id


def run_anyway(ports: Ports, run_id: int) -> int:
    """A run in place of one that a budget had no room for, whatever it costs; its id. Once: asked
    again, it is a `Conflict`."""
    with write_transaction() as session:
        old = existing_run(session, run_id)
        if old.status != Status.SKIPPED or old.reason != Reason.BUDGET:
            raise Conflict(_("No budget was in the way of this run."))
        answered = select(Run.id).where(Run.for_run == run_id, Run.ignore_budget).limit(1)
        if (other := session.scalar(answered)) is not None:
            raise Conflict(_("This has been run anyway already: run %(id)s.", id=other))
        task = existing_task(session, old.task_id)
        if task.account is not None and not task.account.enabled:
            # It would be skipped, and that was the one time.
            raise Conflict(_("Its account is switched off, so it does not run."))
        new_id = queue_run(
            session,
            ports,
            task,
            ports.clock.now(),
            Source.MANUAL,
            for_run=run_id,
            for_instant=old.scheduled_for or old.for_instant or old.due_at,
            ignore_budget=True,
        )
        bump_revision(session)
    ports.wake()
    return new_id


def cancel_run(ports: Ports, run_id: int) -> None:
    """End a run: a queued one at once, a running one by closing its connection. `Conflict` when it
    is over. The process that executes it sees the request within a second."""
    with write_transaction() as session:
        run = existing_run(session, run_id)
        if run.status not in ACTIVE:
            raise Conflict(_("This run is over."))
        cancel_in(session, ports, [run_id])
        bump_revision(session)
    ports.cancel(run_id)
    ports.wake()


def cancel_in(session: DbSession, ports: Ports, run_ids: list[int]) -> None:
    """Inside the caller's transaction: queued runs are cancelled, running ones are asked to end."""
    now = ports.clock.now()
    cancelled = session.execute(
        update(Run)
        .where(Run.id.in_(run_ids), Run.status == Status.QUEUED)
        .values(status=Status.CANCELLED, reason=Reason.CANCELLED, finished_at=now)
        .returning(Run.id, Run.task_id, Run.due_at, Run.started_at, Run.attempts)
        .execution_options(synchronize_session=False)
    ).all()
    begun = settle_waiting(session, [run.id for run in cancelled if run.attempts])
    count_endings(
        session,
        ports.zone,
        [
            waiting_ending(r.task_id, r.due_at, Status.CANCELLED, r.started_at, begun.get(r.id))
            for r in cancelled
        ],
    )
    session.execute(
        update(Run)
        .where(Run.id.in_(run_ids), Run.status == Status.RUNNING)
        .values(cancel_requested=True)
        .execution_options(synchronize_session=False)
    )


def queue_run(
    session: DbSession, ports: Ports, task: Task, now: datetime, source: Source, **values: Any
) -> int:
    """Inside the caller's transaction: a run that is due at once. Its id.

    Where the task's account is switched off it is skipped at once, and says so: a run that waited
    for the account would be sent, and billed, when nobody expects it any more.
    """
    state: dict[str, Any] = {"queued_at": now, "status": Status.QUEUED}
    if task.account is not None and not task.account.enabled:
        reason = Reason.DISABLED_ACCOUNT
        state = {"finished_at": now, "status": Status.SKIPPED, "reason": reason}
        count_endings(session, ports.zone, [Ending(task.id, now, Status.SKIPPED)])
    columns = run_columns(task, source=source, due_at=now, **{**values, **state})
    return session.execute(insert(Run).values(columns).returning(Run.id)).scalar_one()
