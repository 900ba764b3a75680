"""The same thing done to several tasks: a selection, or all with a tag."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from flask_babel import gettext as _
from sqlalchemy import select

from ..domain.errors import Invalid, NotFound
from ..domain.runs import ACTIVE
from ..extensions import db
from ..models import LARGEST_ID, Run, Task, TaskTag, bump_revision, of_tasks, write_transaction
from .ports import Ports
from .runs import cancel_in, run_now
from .task_switches import pause_task, resume_task

MOST = 1_000


class Action(StrEnum):
    """What can be done to several tasks at once."""

    PAUSE = "pause"
    RESUME = "resume"
    RUN = "run"
    CANCEL = "cancel"


def choose_tasks(ids: Sequence[int] | None, tag: str | None) -> list[int]:
    """The ids of the tasks that are meant; unknown ones are left out."""
    if (ids is None) == (tag is None):
        raise Invalid({"ids": [_("Give either ids or a tag.")]})
    if ids is not None:
        if len(ids) > MOST:
            raise Invalid({"ids": [_("At most %(count)s tasks at once.", count=MOST)]})
        wanted = [task_id for task_id in ids if 0 < task_id <= LARGEST_ID]
        return list(db.session.scalars(select(Task.id).where(Task.id.in_(wanted))))
    return list(db.session.scalars(select(TaskTag.task_id).where(TaskTag.tag == tag)))


def act(ports: Ports, action: str, task_ids: Sequence[int], until: datetime | None = None) -> int:
    """Do `action` to each task; how many it was done to. A task that is gone meanwhile is no error."""
    if action not in set(Action):
        raise Invalid({"action": [_("Choose one of: %(choices)s.", choices=", ".join(Action))]})
    if action == Action.CANCEL:
        return _cancel(ports, task_ids)
    done = 0
    for task_id in task_ids:
        try:
            if action == Action.PAUSE:
                pause_task(ports, task_id, until)
            elif action == Action.RESUME:
                resume_task(ports, task_id)
            else:
                run_now(ports, task_id)
        except NotFound:
            continue
        done += 1
    return done


def _cancel(ports: Ports, task_ids: Sequence[int]) -> int:
    """Every run of these tasks that is queued or running; how many."""
    with write_transaction() as session:
        run_ids = list(
            session.scalars(select(Run.id).where(of_tasks(*task_ids), Run.status.in_(ACTIVE)))
        )
        cancel_in(session, ports, run_ids)
        bump_revision(session)
    for run_id in run_ids:
        ports.cancel(run_id)
    ports.wake()
    return len(run_ids)
