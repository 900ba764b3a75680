"""What is under way at this moment, found by its own small index whatever the size of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from ..domain.runs import ACTIVE, Status
from ..models import Run, Task
from . import plain


@dataclass(frozen=True)
class ActiveRun:
    """One run that is queued or running."""

    id: int
    task_id: int
    name: str
    """Of its task."""
    status: str
    due_at: datetime
    started_at: datetime | None
    not_before: datetime | None
    """Where it was put off: its next attempt begins no sooner."""
    cancel_requested: bool


@dataclass(frozen=True)
class Active:
    """Some of the runs under way, those that were started first on top, and how many there are."""

    runs: list[ActiveRun]
    running: int
    queued: int

    @property
    def more(self) -> int:
        """How many are not among `runs`."""
        return max(self.running + self.queued - len(self.runs), 0)


_COLUMNS = (
    Run.id,
    Run.task_id,
    Task.name,
    Run.status,
    Run.due_at,
    Run.started_at,
    Run.not_before,
    Run.cancel_requested,
)
_COUNTS = select(Run.status, func.count()).where(Run.status.in_(ACTIVE)).group_by(Run.status)


def active_runs(most: int = 10) -> Active:
    """At most `most` runs, the running ones first."""
    counts = dict(plain.rows(_COUNTS))
    running, queued = counts.get(Status.RUNNING, 0), counts.get(Status.QUEUED, 0)
    runs: list[ActiveRun] = []
    for status, there in ((Status.RUNNING, running), (Status.QUEUED, queued)):
        if there and len(runs) < most:
            query = select(*_COLUMNS).join(Run.task).where(Run.status == status).order_by(Run.id)
            runs += [ActiveRun(*r) for r in plain.rows(query.limit(most - len(runs)))]
    return Active(runs, running, queued)
