"""A run as a row of the log has it: as narrow as the row, and one value that can be compared.

To make a whole `Run` of each takes SQLAlchemy as long as everything else that a page of the log asks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import bindparam, select

from ..domain.runs import milliseconds
from ..models import Run, Task, TaskTag
from . import plain


class LogRow(NamedTuple):
    """One run. Its fields mean what they mean in `Run`."""

    id: int
    task_id: int
    task_name: str | None
    """None where the task has been deleted and this run has not followed it yet."""
    source: str
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    status: str
    reason: str | None
    verdict: str | None
    changed: bool | None
    account_id: int | None
    attempts: int
    model: str | None
    response_summary: str | None
    error_summary: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    occurrences: int
    missed_from: datetime | None
    missed_to: datetime | None

    @property
    def lateness_ms(self) -> int | None:
        """How long after it was due it was started; null where it was not started."""
        return milliseconds(self.due_at, self.started_at)

    @property
    def duration_ms(self) -> int | None:
        """From start to end, waits between attempts included."""
        return milliseconds(self.started_at, self.finished_at)


_COLUMNS = [
    Task.name.label(name) if name == "task_name" else getattr(Run, name) for name in LogRow._fields
]
_ROWS = select(*_COLUMNS).outerjoin(Run.task).where(Run.id.in_(bindparam("ids", expanding=True)))


def log_rows(ids: Sequence[int]) -> Sequence[LogRow]:
    """The rows of these runs, in no order."""
    if not ids:
        return []
    return [LogRow._make(row) for row in plain.rows(_ROWS, {"ids": ids})]


def tags_of(task_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Task id → its tags in alphabetical order, for those of these tasks that have some."""
    query = select(TaskTag.task_id, TaskTag.tag).where(TaskTag.task_id.in_(task_ids))
    found: defaultdict[int, list[str]] = defaultdict(list)
    for task_id, tag in plain.rows(query.order_by(TaskTag.tag)):
        found[task_id].append(tag)
    return {task_id: tuple(tags) for task_id, tags in found.items()}
