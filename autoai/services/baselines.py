"""What the answers of a watching task are compared with: one answer, until a person takes another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import BindParameter, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from ..domain.changes import Watch, fingerprint
from ..domain.errors import Conflict
from ..domain.runs import Status
from ..domain.verdicts import Verdict
from ..models import (
    Baseline,
    DbSession,
    Run,
    RunText,
    Task,
    bump_revision,
    table,
    write_transaction,
)
from .lookup import existing_run, existing_task
from .ports import Ports
from .run_orders import Outcome

_COMPARED: BindParameter[int] = bindparam("run")


def compare_answers(session: DbSession, outcomes: Sequence[Outcome]) -> None:
    """Inside the recording transaction, after the rows are written: what changed, and what is the
    first good answer of a watching task. That one becomes the baseline.

    Compared is with the baseline of this moment, and not of the claim: two runs that go on at once
    have the same one.
    """
    watched = [o for o in outcomes if o.digest is not None and o.status is Status.SUCCESS]
    if not watched:
        return
    tasks = {
        row.id: row
        for row in session.execute(
            select(Task.id, Task.change_watch, Task.change_fields).where(
                Task.id.in_({outcome.order.task_id for outcome in watched})
            )
        )
    }
    known = {
        row.task_id: row
        for row in session.execute(
            select(Baseline.task_id, Baseline.run_id, Baseline.digest).where(
                Baseline.task_id.in_(tasks)
            )
        )
    }
    compared = []
    for outcome in sorted(watched, key=lambda o: (o.started_at, o.order.run_id)):
        task = tasks.get(outcome.order.task_id)
        if task is None or task.change_watch == Watch.OFF:
            continue
        digest = outcome.digest
        if outcome.order.watch != (task.change_watch, tuple(task.change_fields or ())):
            digest = fingerprint(outcome.text, task.change_watch, task.change_fields)
        baseline = known.get(task.id)
        if baseline is not None:
            compared.append(
                {
                    "run": outcome.order.run_id,
                    "changed": digest != baseline.digest,
                    "compared_with": baseline.run_id,
                }
            )
        elif outcome.verdict == Verdict.OK:
            first = {
                "task_id": task.id,
                "run_id": outcome.order.run_id,
                "text": outcome.text,
                "digest": digest,
                "accepted_at": outcome.finished_at or outcome.started_at,
            }
            known[task.id] = session.execute(
                insert(Baseline)
                .values(first)
                .on_conflict_do_nothing()
                .returning(Baseline.task_id, Baseline.run_id, Baseline.digest)
            ).one()
    if compared:
        rows = table(Run)
        session.execute(update(rows).where(rows.c.id == _COMPARED), compared)


def accept_answer(ports: Ports, run_id: int) -> None:
    """Make a run's answer the one that later ones are compared with."""
    with write_transaction() as session:
        run = existing_run(session, run_id)
        task = existing_task(session, run.task_id)
        if task.change_watch == Watch.OFF:
            raise Conflict(_("This task does not watch for changes."))
        text = session.scalar(select(RunText.response_text).where(RunText.run_id == run_id))
        if run.status != Status.SUCCESS or not text:
            raise Conflict(_("Only an answer that succeeded, and that is still kept, can be that."))
        values = {
            "run_id": run.id,
            "text": text,
            "digest": fingerprint(text, task.change_watch, task.change_fields),
            "accepted_at": ports.clock.now(),
        }
        session.execute(
            insert(Baseline)
            .values(task_id=task.id, **values)
            .on_conflict_do_update(index_elements=[Baseline.task_id], set_=values)
        )
        bump_revision(session)


def watch_anew(session: DbSession, task: Task, before: tuple[Any, ...]) -> None:
    """Inside the caller's transaction: the baseline's digest as the task's watch looks at it now;
    `before` is what `watch_of` said of the task as it was."""
    if task.change_watch == Watch.OFF or before == watch_of(task):
        return
    baseline = session.get(Baseline, task.id, populate_existing=True)
    if baseline is not None:
        baseline.digest = fingerprint(baseline.text, task.change_watch, task.change_fields)


def watch_of(task: Task) -> tuple[str, tuple[str, ...]]:
    """How a task looks at its answers: the mode, and the paths."""
    return task.change_watch, tuple(task.change_fields or ())
