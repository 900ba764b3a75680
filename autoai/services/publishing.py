"""A task's texts and their versions, inside a transaction of somebody else's.

What is sent stands in the task's own columns. Publishing copies texts there and numbers them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select

from ..models import DbSession, PromptTemplate, PromptVersion, Task

TEXTS = ("system_message", "messages", "message_content")
"""The fields that have versions."""


def texts_of(holder: Task | PromptVersion | PromptTemplate) -> dict[str, Any]:
    """The texts of a task, of a version, or of a template."""
    return {field: getattr(holder, field) for field in TEXTS}


def draft_of(session: DbSession, task_id: int) -> PromptVersion | None:
    """The version that is not published yet."""
    return session.scalar(
        select(PromptVersion).where(
            PromptVersion.task_id == task_id, PromptVersion.published_at.is_(None)
        )
    )


def publish_first(session: DbSession, task: Task, now: datetime) -> None:
    """Version 1, of a task that is new."""
    session.flush()
    _add(session, task, 1, texts_of(task), now, published_at=now)
    task.prompt_version = 1


def publish(
    session: DbSession,
    task: Task,
    before: Mapping[str, Any],
    now: datetime,
    *,
    keep_draft: bool,
    restored_from: int | None = None,
) -> None:
    """Number the texts that `task` has now, if they are others than `before`.

    A draft with the very same texts becomes that version. Any other one goes, unless it is kept:
    then it stays the next one.
    """
    texts, draft = texts_of(task), draft_of(session, task.id)
    changed = texts != before
    if draft is not None and not keep_draft:
        if changed and texts_of(draft) == texts:
            draft.published_at = now
            task.prompt_version = draft.number
            return
        session.delete(draft)
        session.flush()  # its number is free for the next
        draft = None
    if not changed:
        return
    number = _last_published(session, task) + 1
    if draft is not None:
        draft.number = number + 1
        session.flush()
    _add(session, task, number, texts, now, published_at=now, restored_from=restored_from)
    task.prompt_version = number


def put_draft(session: DbSession, task: Task, texts: Mapping[str, Any], now: datetime) -> None:
    """Make these texts the draft, in the place of what it had."""
    draft = draft_of(session, task.id)
    if draft is None:
        _add(session, task, _last_published(session, task) + 1, texts, now)
        return
    for field, value in texts.items():
        setattr(draft, field, value)
    draft.created_at = now


def discard(session: DbSession, task_id: int) -> bool:
    """Forget the draft; False where there was none."""
    gone = session.execute(
        delete(PromptVersion)
        .where(PromptVersion.task_id == task_id, PromptVersion.published_at.is_(None))
        .returning(PromptVersion.id)
    )
    return bool(gone.all())


def _last_published(session: DbSession, task: Task) -> int:
    newest = select(func.max(PromptVersion.number)).where(
        PromptVersion.task_id == task.id, PromptVersion.published_at.is_not(None)
    )
    return session.scalar(newest) or task.prompt_version


def _add(
    session: DbSession,
    task: Task,
    number: int,
    texts: Mapping[str, Any],
    now: datetime,
    **columns: Any,
) -> None:
    session.add(PromptVersion(task_id=task.id, number=number, created_at=now, **texts, **columns))
