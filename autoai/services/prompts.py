"""A run's messages, made from its task's templates, outside any transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import lazyload

from ..domain.errors import Fault, KeyUnreadable, TemplateError
from ..domain.prompts import LastRun, PromptContext, render_messages
from ..domain.runs import Status
from ..extensions import db
from ..models import DbSession, Run, RunText, Task
from .conversations import Turns, turns_of
from .limits import give_back
from .occurrences import claim_prepared
from .ports import Ports
from .prompt_secrets import open_secrets
from .publishing import texts_of
from .run_orders import Prepared, RunOrder

log = logging.getLogger(__name__)

LONGEST_LOOK = 0.25
"""Seconds after which the rest of the messages is left to the next look: what comes due meanwhile
does not wait for them."""


# The statements of a run, built once: hundreds of messages may be made in a look.
_RUN = (
    select(Run, Task)
    .join(Task, Task.id == Run.task_id)
    .where(Run.id == bindparam("run"))
    .options(lazyload(Task.tag_rows))
    .execution_options(populate_existing=True)
)

_LAST_ANSWER = (
    select(RunText.response_text)
    .join(Run, Run.id == RunText.run_id)
    .where(Run.task_id == bindparam("task"), Run.status == Status.SUCCESS)
    .order_by(Run.due_at.desc(), Run.id.desc())
    .limit(1)
)
_LAST_ENDED = (
    select(Run.status, Run.finished_at)
    .where(
        Run.task_id == bindparam("task"),
        Run.started_at.is_not(None),
        Run.status.not_in((Status.QUEUED, Status.RUNNING)),
    )
    .order_by(Run.id.desc())
    .limit(1)
)


@dataclass(frozen=True)
class Rendered:
    """The orders whose messages were made, and whether there is more to look at: some were left for
    want of time, or a budget had no room for them and their slots are free."""

    orders: list[RunOrder]
    more: bool


def render_and_claim(ports: Ports, owner: str, run_ids: Sequence[int], slots: int) -> Rendered:
    """Make the messages of `run_ids`, as many as time allows, and claim those runs.

    They are the ones that `settle_and_claim` called unprepared; their permits are given back.
    """
    try:
        prepared = render_runs(ports, run_ids)
    finally:
        give_back(ports, run_ids)
    orders = claim_prepared(ports, owner, slots, prepared)
    return Rendered(orders, len(orders) < len(run_ids))


def render_runs(ports: Ports, run_ids: Sequence[int]) -> dict[int, Prepared]:
    """Run id → its messages, or why there are none. At least one, and as many as time allows."""
    begun = ports.clock.monotonic()
    prepared: dict[int, Prepared] = {}
    for run_id in run_ids:
        if prepared and ports.clock.monotonic() - begun > LONGEST_LOOK:
            break
        made = _render(ports, run_id)
        if made is not None:
            prepared[run_id] = made
    return prepared


def _render(ports: Ports, run_id: int) -> Prepared | None:
    """None where the run is gone."""
    session = db.session()
    found = session.execute(_RUN, {"run": run_id}).one_or_none()
    if found is None:
        session.commit()
        return None
    run, task = found
    changed_at, version = task.updated_at, task.prompt_version
    try:
        context, turns = _of_run(ports, session, run, task)
        texts = texts_of(task)
        session.commit()  # nothing is held while the messages are made
        return replace(assemble(texts, context, turns, changed_at), prompt_version=version)
    except (TemplateError, KeyUnreadable) as error:
        problem = error
    except Exception:
        log.exception("the messages of run %d could not be made", run_id)
        problem = TemplateError(Fault.FAILED)
    finally:
        session.rollback()
    return Prepared(changed_at, prompt_version=version, problem=problem)


def _of_run(ports: Ports, session: DbSession, run: Run, task: Task) -> tuple[PromptContext, Turns]:
    texts = texts_of(task)
    context = PromptContext(
        now=ports.clock.now(),
        scheduled_for=run.scheduled_for or run.for_instant or run.due_at,
        zone=task.zone,
        language=task.language,
        task_name=task.name,
        variables=task.variables or {},
        secrets=open_secrets(ports, task) if _speaks_of("secrets", texts) else {},
        last=last_run(session, task.id, texts),
    )
    if not task.conversation_turns:
        return context, Turns()
    turns = turns_of(
        session,
        task.id,
        task.conversation_turns,
        task.conversation_tokens,
        task.conversation_after,
    )
    return context, turns


def _speaks_of(name: str, texts: Mapping[str, Any]) -> bool:
    said = [texts["system_message"] or "", texts["message_content"]]
    said += [message["content"] for message in texts["messages"] or ()]
    return any(name in text for text in said)


def last_run(session: DbSession, task_id: int, texts: Mapping[str, Any]) -> LastRun:
    """What the task's runs came to; looked up only where a text speaks of it."""
    if not _speaks_of("last", texts):
        return LastRun()
    response = session.scalar(_LAST_ANSWER, {"task": task_id})
    ended = session.execute(_LAST_ENDED, {"task": task_id}).one_or_none()
    return LastRun(response, *(ended or (None, None)))


def assemble(
    texts: Mapping[str, Any], context: PromptContext, turns: Turns, changed_at: datetime
) -> Prepared:
    """The rendered messages, with the earlier turns before the last one."""
    system, earlier = texts["system_message"], texts["messages"] or []
    messages = [{"role": "system", "content": system}] if system else []
    messages += [*earlier, {"role": "user", "content": texts["message_content"]}]
    fields = ["system_message"] if system else []
    fields += ["messages"] * len(earlier) + ["message_content"]
    made = render_messages(messages, context, fields)
    return Prepared(
        task_updated_at=changed_at,
        messages=[*made.messages[:-1], *turns.messages, made.messages[-1]],
        stored_messages=[*made.stored[:-1], *turns.messages, made.stored[-1]],
        secrets=made.secrets,
        secret_values=tuple(context.secrets[name] for name in made.secrets),
        turns_sent=turns.sent,
        turns_cut=turns.cut,
    )
