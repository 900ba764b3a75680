"""What a process that takes over finds: runs whose process is dead, and a clock that may have moved."""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import select, update

from ..domain.runs import Reason, Status
from ..extensions import db
from ..models import InstanceState, Run, bump_revision, write_transaction
from .occurrences import JUMP_BACK, rewind_cursors
from .record_runs import remember_last

log = logging.getLogger(__name__)


def recover(owner: str, now: datetime) -> int:
    """Running rows of other processes become `interrupted`; how many there were.

    Called by the holder of the scheduler lock before its first tick, so every other owner is dead.
    Whether the request was answered, or billed, cannot be known; it is not sent again.
    """
    with write_transaction() as session:
        dead = session.execute(
            update(Run)
            .where(Run.status == Status.RUNNING, Run.owner != owner)
            .values(status=Status.INTERRUPTED, reason=Reason.PROCESS_DIED, finished_at=now)
            .returning(Run.task_id, Run.started_at)
        ).all()
        if dead:
            remember_last(session, [(task, at, Status.INTERRUPTED.value) for task, at in dead])
            bump_revision(session)
    last_tick = db.session.scalar(select(InstanceState.last_tick_at))
    if last_tick is not None and now < last_tick - JUMP_BACK:
        rewind_cursors(now)
    if dead:
        log.warning("%d runs were under way when their process died", len(dead))
    return len(dead)


def give_up_running(owner: str, now: datetime) -> int:
    """At the end of a drain: what `owner` could not finish or record is `interrupted`."""
    with write_transaction() as session:
        left = session.execute(
            update(Run)
            .where(Run.status == Status.RUNNING, Run.owner == owner)
            .values(status=Status.INTERRUPTED, reason=Reason.SHUTDOWN, finished_at=now)
            .returning(Run.task_id, Run.started_at)
        ).all()
        if left:
            remember_last(session, [(task, at, Status.INTERRUPTED.value) for task, at in left])
            bump_revision(session)
    return len(left)


def note_awake(now: datetime) -> None:
    """Remember that the scheduler was awake at `now`."""
    with write_transaction() as session:
        session.execute(update(InstanceState).values(last_tick_at=now))
