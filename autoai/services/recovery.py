"""What a process that takes over finds: runs whose process is dead, and a clock that may have moved."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, insert, select, update

from ..domain.runs import Reason, Source, Status
from ..models import (
    DbSession,
    InstanceState,
    Outage,
    Run,
    Task,
    bump_revision,
    write_transaction,
)
from .endings import RunEnding, note_endings
from .limits import restore_limits
from .occurrences import run_columns
from .ports import Ports
from .rewind import JUMP_BACK, rewind_cursors
from .usage import Lane

log = logging.getLogger(__name__)

OUTAGE = timedelta(minutes=1)
"""A longer stretch in which nobody looked is told to the person."""


def recover(ports: Ports, owner: str) -> int:
    """Running rows of other processes become `interrupted`; how many there were.

    Called by the holder of the scheduler lock before its first tick, so every other owner is dead.
    Whether the request was answered, or billed, cannot be known; it is sent again only where the
    task asks for that.
    """
    now = ports.clock.now()
    with write_transaction() as session:
        dead = _interrupt(session, ports, Run.owner != owner, Reason.PROCESS_DIED)
        last_tick = session.scalar(select(InstanceState.last_tick_at))
        if last_tick is not None and now - last_tick > OUTAGE:
            session.add(Outage(began_at=last_tick, ended_at=now))
            bump_revision(session)
    if last_tick is not None and now < last_tick - JUMP_BACK:
        rewind_cursors(now, ports.zone)
    restore_limits(ports, now)
    note_awake(now)  # last: whoever dies before it leaves the same findings to the next one
    if dead:
        log.warning("%d runs were under way when their process died", dead)
    return dead


def give_up_running(ports: Ports, owner: str) -> int:
    """At the end of a drain: what `owner` could not finish or record is `interrupted`."""
    with write_transaction() as session:
        left = _interrupt(session, ports, Run.owner == owner, Reason.SHUTDOWN)
        session.execute(update(InstanceState).values(last_tick_at=ports.clock.now()))
    return left


def note_awake(now: datetime) -> None:
    """Remember that the scheduler was awake at `now`."""
    with write_transaction() as session:
        session.execute(update(InstanceState).values(last_tick_at=now))


def note_sleep(began_at: datetime, ended_at: datetime) -> None:
    """The process was there, but did not look: it was stopped, or the clock jumped."""
    with write_transaction() as session:
        session.add(Outage(began_at=began_at, ended_at=ended_at))
        bump_revision(session)


def _interrupt(session: DbSession, ports: Ports, whose: ColumnElement[bool], reason: Reason) -> int:
    now = ports.clock.now()
    dead = session.execute(
        update(Run)
        .where(Run.status == Status.RUNNING, whose)
        .values(status=Status.INTERRUPTED, reason=reason, finished_at=now)
        .returning(
            Run.id,
            Run.task_id,
            Run.due_at,
            Run.started_at,
            and_(Run.source == Source.RETRY, Run.serial),  # only a rerun is both
            Run.cancel_requested,
            Run.spending_day,
            Run.account_id,
            Run.model,
        )
        .execution_options(synchronize_session=False)
    ).all()
    if not dead:
        return 0
    # What was reserved for them stays so: nobody knows what they came to.
    endings = [
        RunEnding(
            run.task_id,
            run.due_at,
            run.started_at or now,
            Status.INTERRUPTED,
            reason,
            lane=run.spending_day
            and Lane(run.spending_day, run.task_id, run.account_id or 0, run.model or ""),
            finished_at=now,
        )
        for run in dead
    ]
    note_endings(session, endings, now, ports.zone)
    # A rerun that is interrupted in its turn may be what ends the process: it is the last one.
    first_time = [
        (run_id, task_id)
        for run_id, task_id, _, _, is_rerun, unwanted, *_ in dead
        if not is_rerun and not unwanted
    ]
    _rerun(session, first_time, now)
    bump_revision(session)
    return len(dead)


def _rerun(session: DbSession, dead: list[tuple[int, int]], now: datetime) -> None:
    """A task's choice, never a default: a new run for each that was interrupted."""
    choosing = {
        task.id: task
        for task in session.scalars(
            select(Task).where(
                Task.id.in_({task_id for _, task_id in dead}), Task.rerun_interrupted
            )
        )
    }
    for run_id, task_id in dead:
        if (task := choosing.get(task_id)) is not None:
            values = run_columns(
                task,
                source=Source.RETRY,
                due_at=now,
                queued_at=now,
                status=Status.QUEUED,
                serial=True,
            )
            session.execute(insert(Run).values(**values, for_run=run_id))
