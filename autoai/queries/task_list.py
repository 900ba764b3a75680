"""The list of tasks, each with what is going on in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import func, select
from sqlalchemy.orm import defer, joinedload, selectinload

from ..domain.runs import ACTIVE, Status
from ..domain.schedules import free_of
from ..extensions import db
from ..models import Run, Task, TaskTag, make_blackouts, of_tasks
from .task_filter import TaskFilter, is_flagged

_SEARCHED = 20_000
# Lists show none of these, and they may be long.
_LIGHT = (
    defer(Task.system_message),
    defer(Task.message_content),
    defer(Task.api_key_encrypted),
    defer(Task.messages),
    defer(Task.response_schema),
    defer(Task.extra_body),
    defer(Task.checks),
    joinedload(Task.account),
)
_BAD = frozenset({Status.FAILED, Status.INTERRUPTED})


@dataclass(frozen=True)
class TaskRow:
    """A task, and how many of its runs are queued or running."""

    task: Task
    active_runs: int
    paused: bool
    next_run: datetime | None

    @property
    def needs_attention(self) -> bool:
        """Did the last run end badly, or would the next one?"""
        return self.task.last_status in _BAD or self.will_fail

    @property
    def will_fail(self) -> bool:
        """Does something speak against the next run?"""
        return self.task.enabled and self.task.preflight_reason is not None


def page_of_tasks(
    wanted: TaskFilter, now: datetime, page: int, per_page: int
) -> tuple[list[TaskRow], bool]:
    """Page number `page` (from 1), and whether there is a next one."""
    # First the ids alone: what is sorted and skipped over need not be read.
    query = select(Task.id).where(*wanted.conditions(now)).order_by(*wanted.order(now))
    ids = db.session.scalars(query.limit(per_page + 1).offset((page - 1) * per_page)).all()
    shown = ids[:per_page]
    tasks = {
        task.id: task
        for task in db.session.scalars(select(Task).options(*_LIGHT).where(Task.id.in_(shown)))
    }
    active = _active_by_task(shown)
    rows = [_row(tasks[task_id], active, now) for task_id in shown if task_id in tasks]
    return rows, len(ids) > per_page


def _row(task: Task, active: dict[int, int], now: datetime) -> TaskRow:
    return TaskRow(task, active.get(task.id, 0), task.is_paused(now), next_run(task, now))


@dataclass(frozen=True)
class TaskCount:
    """How many there are, whatever a filter leaves out."""

    tasks: int
    enabled: int


def count_tasks() -> TaskCount:
    """All of them, and those that are on."""
    query = select(func.count(), func.count().filter(Task.enabled)).select_from(Task)
    return TaskCount(*db.session.execute(query).one())


def count_flagged() -> int:
    """Tasks whose next run would fail."""
    return db.session.scalar(select(func.count()).select_from(Task).where(is_flagged())) or 0


def count_unbounded() -> int:
    """Enabled tasks that do not say how long an answer may get: under a budget they are skipped."""
    query = select(func.count()).select_from(Task).where(Task.enabled, Task.max_tokens.is_(None))
    return db.session.scalar(query) or 0


def all_tags() -> list[str]:
    """Every tag that a task has, by name."""
    return list(db.session.scalars(select(TaskTag.tag).distinct().order_by(TaskTag.tag)))


def task_names() -> list[tuple[int, str]]:
    """(id, name) of all tasks by name: the choices of a filter."""
    rows = db.session.execute(select(Task.id, Task.name).order_by(func.lower(Task.name), Task.id))
    return list(rows.all())


def next_run(task: Task, now: datetime) -> datetime | None:
    """When the task runs next: pauses and blackouts left out, its jitter added; None for never."""
    if task.next_run_at is None:
        return None
    blackouts = make_blackouts(task.blackouts, task.zone)
    if not blackouts and not task.is_paused(now):
        return task.due_at(task.next_run_at)
    after = now
    if task.is_paused(now):
        if task.paused_until is None:
            return None
        after = task.paused_until - timedelta(microseconds=1)
    candidates = islice(task.schedule.after(after), _SEARCHED)
    found = next(iter(free_of(candidates, blackouts)), None)
    return task.due_at(found) if found else None


def tasks_after(
    limit: int, cursor: int | None, tag: str | None = None
) -> tuple[Sequence[Task], int | None]:
    """At most `limit` tasks with ids above `cursor`, ascending, and the next cursor."""
    query = select(Task).options(selectinload(Task.secret_rows)).order_by(Task.id).limit(limit + 1)
    if tag is not None:
        query = query.where(Task.tag_rows.any(TaskTag.tag == tag))
    if cursor is not None:
        query = query.where(Task.id > cursor)
    rows = db.session.scalars(query).all()
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def _active_by_task(task_ids: Sequence[int]) -> dict[int, int]:
    rows = db.session.execute(
        select(Run.task_id, func.count())
        .where(Run.status.in_(ACTIVE), of_tasks(*task_ids))
        .group_by(Run.task_id)
    )
    return dict(rows.all())
