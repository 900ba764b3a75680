"""The conversation of a task: what earlier runs asked and answered goes along with the next one."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import func, select

from ..domain.costs import estimate
from ..domain.runs import Status
from ..models import DbSession, Run, RunText, Task, bump_revision, write_transaction
from .lookup import existing_task
from .ports import Ports

CONVERSATION_TOKENS = 100_000
"""Of earlier turns, where a task does not say how many."""


@dataclass(frozen=True)
class Turns:
    """Earlier turns of a conversation, the oldest first: what was asked and what was answered."""

    messages: list[dict[str, str]] = field(default_factory=list)
    sent: int | None = None
    cut: int | None = None


def reset_conversation(ports: Ports, task_id: int) -> Task:
    """What was said so far is not sent along any more."""
    with write_transaction() as session:
        task = existing_task(session, task_id)
        newest = session.scalar(select(func.max(Run.id)).where(Run.task_id == task.id))
        task.conversation_after = newest or 0
        task.updated_at = ports.clock.now()
        bump_revision(session)
    ports.wake()
    return task


def turns_of(
    session: DbSession, task_id: int | None, count: int, tokens: int | None, after: int | None
) -> Turns:
    """The newest successful runs of the task that fit, without the oldest where they do not."""
    left = tokens or CONVERSATION_TOKENS
    ids = session.scalars(
        select(Run.id)
        .where(
            Run.task_id == task_id,
            Run.id > (after or 0),
            Run.status == Status.SUCCESS,
        )
        .order_by(Run.id.desc())
        .limit(count)
    ).all()
    messages: list[dict[str, str]] = []
    sent = cut = 0
    for run_id in ids:
        turn = _turn(session.get(RunText, run_id)) if not cut else []
        left -= estimate([message["content"] for message in turn])
        if cut or left < 0:
            cut += 1
        elif turn:
            messages[:0] = turn
            sent += 1
    return Turns(messages, sent, cut)


def _turn(texts: RunText | None) -> list[dict[str, str]]:
    """What a run asked last, and its answer; nothing where they have been removed since."""
    if texts is None or not texts.request_messages or not texts.response_text:
        return []
    asked = [m["content"] for m in texts.request_messages if m.get("role") == "user"]
    if not asked:
        return []
    return [
        {"role": "user", "content": str(asked[-1])},
        {"role": "assistant", "content": texts.response_text},
    ]
