"""The runs of deleted tasks. A task is gone at once; its runs follow in short transactions.

A run that belongs to no task is on no page. What it added to the totals by the hour is taken out in
the transaction that removes it, so that the totals equal the rows at any time, also after a process
died in between: whichever runs the schedule next finds what is left.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, text

from ..domain.runs import ACTIVE
from ..extensions import db
from ..models import (
    Attempt,
    DbSession,
    Run,
    RunText,
    Task,
    bump_revision,
    of_tasks,
    table,
    write_transaction,
)
from .hours import COUNTED, uncount_hours
from .steps import STEP, first_of

# From one task that has runs to the next along an index: as many steps as there are tasks.
_LEFT_BEHIND = text(
    "WITH RECURSIVE owners (id) AS (SELECT min(task_id) FROM runs UNION ALL"
    " SELECT (SELECT min(task_id) FROM runs WHERE task_id > owners.id) FROM owners"
    " WHERE owners.id IS NOT NULL)"
    " SELECT id FROM owners WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM tasks) LIMIT 1"
)


def detach_task(session: DbSession, task_id: int) -> None:
    """Inside an `uncascaded_transaction`: the task goes, with all that hangs on it but its runs that
    are over. Calls that are under way are the caller's business."""
    is_active = of_tasks(task_id) & Run.status.in_(ACTIVE)
    active = select(Run.id).where(is_active)
    for of_run in (RunText, Attempt):
        session.execute(delete(table(of_run)).where(table(of_run).c.run_id.in_(active)))
    session.execute(delete(table(Run)).where(is_active))
    runs, tasks = table(Run), table(Task)
    for child in tasks.metadata.sorted_tables:
        for key in child.foreign_keys:
            if key.column.table is tasks and child is not runs:
                session.execute(delete(child).where(key.parent == task_id))
    session.execute(delete(tasks).where(tasks.c.id == task_id))


def remove_leftovers(zone: ZoneInfo) -> int:
    """Remove a few runs that belong to no task any more, the newest first; how many there were."""
    task_id = db.session.scalar(_LEFT_BEHIND)
    if task_id is None:
        return 0
    newest = select(Run.id).where(Run.task_id == task_id).order_by(Run.id.desc()).limit(STEP)
    ids = first_of(newest)
    with write_transaction() as session:
        gone = delete(Run).where(Run.id.in_(ids)).returning(*COUNTED)
        rows = session.execute(gone.execution_options(synchronize_session=False)).all()
        uncount_hours(session, zone, rows)
        if len(ids) < STEP:
            bump_revision(session)
    return len(rows)
