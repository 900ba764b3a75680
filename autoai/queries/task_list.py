"""The list of tasks, each with what is going on in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from ..domain.runs import ACTIVE, Status
from ..extensions import db
from ..models import Run, Task

_BAD = frozenset({Status.FAILED, Status.INTERRUPTED})


@dataclass(frozen=True)
class TaskRow:
    """A task, and how many of its runs are queued or running."""

    task: Task
    active_runs: int

    @property
    def needs_attention(self) -> bool:
        """Did the last run end badly?"""
        return self.task.last_status in _BAD


def task_rows() -> list[TaskRow]:
    """All tasks by name."""
    active = _active_by_task()
    tasks = db.session.scalars(select(Task).order_by(func.lower(Task.name), Task.id))
    return [TaskRow(task, active.get(task.id, 0)) for task in tasks]


def task_row(task: Task) -> TaskRow:
    """One task."""
    return TaskRow(task, _active_by_task().get(task.id, 0))


def task_names() -> list[tuple[int, str]]:
    """(id, name) of all tasks by name: the choices of a filter."""
    rows = db.session.execute(select(Task.id, Task.name).order_by(func.lower(Task.name), Task.id))
    return list(rows.all())


def tasks_after(limit: int, cursor: int | None) -> tuple[Sequence[Task], int | None]:
    """At most `limit` tasks with ids above `cursor`, ascending, and the next cursor."""
    query = select(Task).order_by(Task.id).limit(limit + 1)
    if cursor is not None:
        query = query.where(Task.id > cursor)
    rows = db.session.scalars(query).all()
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def _active_by_task() -> dict[int, int]:
    rows = db.session.execute(
        select(Run.task_id, func.count()).where(Run.status.in_(ACTIVE)).group_by(Run.task_id)
    )
    return dict(rows.all())
