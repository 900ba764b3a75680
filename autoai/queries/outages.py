"""While you were away: what was due while nobody looked, by task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import func, select

from ..domain.errors import NotFound
from ..domain.runs import Reason, Status
from ..extensions import db
from ..models import Outage, OutageDecision, Run, Task, find
from . import plain


@dataclass(frozen=True)
class MissedByTask:
    """One task's missed occurrences in an outage, and what was decided about them."""

    task: Task
    missed: int
    latest: datetime
    caught_up: int
    """Runs that automatic catch-up made of occurrences in the outage."""
    decision: OutageDecision | None


_decided = select(OutageDecision.task_id).where(
    OutageDecision.outage_id == Outage.id, OutageDecision.task_id == Run.task_id
)
_undecided = select(Run.id).where(
    ~_decided.correlate(Outage, Run).exists(),
    Run.due_at >= Outage.began_at,
    Run.due_at <= Outage.ended_at,
    Run.status == Status.MISSED,
    Run.reason == Reason.DOWNTIME,
)
# Every page asks for them, and there hardly ever are any.
_OPEN = (
    select(Outage.id)
    .where(Outage.dismissed.is_(False), _undecided.exists())
    .order_by(Outage.id.desc())
    .limit(20)
)


def open_outages() -> Sequence[Outage]:
    """Outages with something missed that a person has not decided about, newest first."""
    ids = plain.column(_OPEN)
    if not ids:
        return []
    query = select(Outage).where(Outage.id.in_(ids)).order_by(Outage.id.desc())
    return db.session.scalars(query).all()


def get_outage(outage_id: int) -> Outage:
    """One outage; `NotFound` where there is none."""
    outage = find(db.session(), Outage, outage_id)
    if outage is None:
        raise NotFound(_("There is no such outage or task."))
    return outage


def missed_by_task(outage: Outage) -> list[MissedByTask]:
    """What was due in `outage`, the task with the most first."""
    within = (Run.due_at >= outage.began_at, Run.due_at <= outage.ended_at)
    missed = (Run.status == Status.MISSED) & (Run.reason == Reason.DOWNTIME)
    rows = db.session.execute(
        select(
            Task,
            func.sum(Run.occurrences).filter(missed),
            func.max(func.coalesce(Run.missed_to, Run.due_at)).filter(missed),
            func.count().filter(Run.source == "catch_up"),
        )
        .join(Run, Run.task_id == Task.id)
        .where(*within)
        .group_by(Task.id)
        .having(func.sum(Run.occurrences).filter(missed) > 0)
        .order_by(func.sum(Run.occurrences).filter(missed).desc())
    ).all()
    decisions = {
        decision.task_id: decision
        for decision in db.session.scalars(
            select(OutageDecision).where(OutageDecision.outage_id == outage.id)
        )
    }
    return [
        MissedByTask(task, int(missed_count), latest, caught_up, decisions.get(task.id))
        for task, missed_count, latest, caught_up in rows
    ]
