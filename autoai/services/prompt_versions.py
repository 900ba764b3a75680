"""What a person does with the versions of a task's texts: draft, publish, discard, restore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from ..domain.errors import Conflict, NotFound
from ..extensions import db
from ..models import LARGEST_ID, PromptVersion, Task, bump_revision, write_transaction
from .lookup import existing_task
from .ports import Ports
from .publishing import discard, draft_of, texts_of
from .tasks import update_task


def find_draft(task_id: int) -> PromptVersion | None:
    """The task's draft."""
    return draft_of(db.session(), task_id)


def get_version(task_id: int, number: int) -> PromptVersion:
    """One version, the draft included; `NotFound` where there is none."""
    found = None
    if 0 < number <= LARGEST_ID:
        found = db.session.scalar(
            select(PromptVersion).where(
                PromptVersion.task_id == task_id, PromptVersion.number == number
            )
        )
    if found is None:
        raise NotFound(_("There is no version %(number)s of this prompt.", number=number))
    return found


def save_draft(ports: Ports, task_id: int, texts: Mapping[str, Any]) -> PromptVersion:
    """Make or change the draft. Texts that are absent stay the draft's, or else what is live."""
    task = existing_task(db.session(), task_id)
    stored = texts_of(draft_of(db.session(), task.id) or task)
    update_task(ports, task_id, {**stored, **texts}, partial=True, as_draft=True)
    return _existing_draft(task_id)


def publish_draft(ports: Ports, task_id: int) -> Task:
    """From now on the draft's texts are sent. `Conflict` where there is no draft."""
    existing_task(db.session(), task_id)
    return update_task(ports, task_id, texts_of(_existing_draft(task_id)), partial=True)


def discard_draft(task_id: int) -> None:
    """Forget the draft. `Conflict` where there is none."""
    with write_transaction() as session:
        existing_task(session, task_id)
        if not discard(session, task_id):
            raise Conflict(_no_draft())
        bump_revision(session)


def restore_version(ports: Ports, task_id: int, number: int) -> Task:
    """The texts of an older version are live again, as a new version. The draft stays."""
    existing_task(db.session(), task_id)
    version = get_version(task_id, number)
    if version.published_at is None:
        raise Conflict(_("This is the draft: publish it instead."))
    return update_task(ports, task_id, texts_of(version), partial=True, restored_from=number)


def _existing_draft(task_id: int) -> PromptVersion:
    draft = find_draft(task_id)
    if draft is None:
        raise Conflict(_no_draft())
    return draft


def _no_draft() -> str:
    return str(_("This task has no draft."))
