"""Every instant that came due gets its row, and queued runs are claimed. What the tick calls.

No committed claim, no request: the rows of all due tasks, the moved cursors and the claims of this
tick are one transaction, and only what it answers may be sent.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import lazyload

from ..domain.policies import LISTED, Decision, Gap, Settlement, Stop, UnderWay, settle
from ..domain.runs import ACTIVE, Reason, Source, Status
from ..domain.schedules import NOTHING_DUE, Due, Schedule
from ..extensions import db
from ..models import (
    NOW,
    DbSession,
    Run,
    Task,
    bump_revision,
    execute_plain,
    table,
    write_transaction,
)
from .claims import Claims, can_claim, claim, next_ready, ready
from .limits import give_back
from .ports import Ports
from .run_orders import Prepared, RunOrder
from .statistics import Ending, count_endings

log = logging.getLogger(__name__)

# The statements of a look, built once: see `NOW`.
_RUNS, _TASKS = table(Run), table(Task)
_MOVE_CURSOR = (
    update(_TASKS).where(_TASKS.c.id == bindparam("task")).values(next_run_at=bindparam("cursor"))
)
_WRITE = (
    insert(_RUNS)
    .on_conflict_do_nothing()
    .returning(_RUNS.c.task_id, _RUNS.c.due_at, _RUNS.c.status, _RUNS.c.occurrences)
)
_DUE = select(Task.id, Task.next_run_at).where(Task.next_run_at <= NOW)
_FOUND_DUE = (
    select(Task)
    .where(Task.id.in_(bindparam("ids", expanding=True)))
    .options(lazyload(Task.tag_rows))  # nothing here asks for the tags
    .execution_options(populate_existing=True)
)
_UNDER_WAY = (
    select(
        Run.task_id,
        func.min(Run.id),
        func.max(Run.id).filter(Run.status == Status.QUEUED),
    )
    .where(Run.status.in_(ACTIVE))
    .group_by(Run.task_id)
)
# One statement and not four: all that is due waits for them.
_AHEAD = select(
    select(func.min(Task.next_run_at)).scalar_subquery(),
    next_ready().scalar_subquery(),
    ready().exists(),
    select(func.count()).where(Task.next_run_at <= bindparam("soon")).scalar_subquery(),
)
_UNWANTED = select(Run.id).where(
    Run.status == Status.RUNNING, Run.owner == bindparam("by"), Run.cancel_requested
)

_MICROSECOND = timedelta(microseconds=1)
SOON = timedelta(seconds=3)
"""What comes due within this is told ahead, so that the executor can be ready."""


@dataclass(frozen=True)
class Settled:
    """What a tick did: the claimed runs to send now, when to look again, and what still waits."""

    orders: list[RunOrder]
    next_due: datetime | None
    waiting: bool
    """Are there runs that could be sent now, had they a slot?"""
    soon: int
    """How many tasks come due in the next moments."""
    unprepared: list[int]
    """Ids of the queued runs whose turn it is, and whose messages must be made first. They hold
    permits of the limits, until `claim_prepared`."""
    unwanted: list[int]
    """Ids of the owner's running runs that somebody asked to end."""


def settle_and_claim(ports: Ports, owner: str, slots: int) -> Settled:
    """Account for everything due now, then claim what may be sent, most urgent first."""
    now = ports.clock.now()
    due = _due_tasks(now)
    if not due and not can_claim(db.session(), now, slots, ports):
        return _settled(Claims(), owner, now)
    claims = Claims()
    try:
        with write_transaction() as session:
            # Held until the end: else the claim would read the very same tasks once more.
            _tasks = _write_occurrences(session, due, now, ports.zone) if due else []
            claims = claim(session, owner, now, slots, ports)
            bump_revision(session)
            # Read before the commit: after it, nothing may fail that would lose the claimed runs.
            return _settled(claims, owner, now)
    except BaseException:
        give_back(ports, claims.holders)
        raise


def claim_prepared(
    ports: Ports, owner: str, slots: int, prepared: Mapping[int, Prepared]
) -> list[RunOrder]:
    """Claim runs whose messages have been made; those whose task was changed meanwhile wait."""
    if not prepared:
        return []
    claims = Claims()
    try:
        with write_transaction() as session:
            claims = claim(session, owner, ports.clock.now(), slots, ports, prepared)
            bump_revision(session)
    except BaseException:
        give_back(ports, claims.holders)
        raise
    return claims.orders


def _settled(claims: Claims, owner: str, now: datetime) -> Settled:
    session = db.session()
    ahead = execute_plain(session, _AHEAD, {"now": now, "soon": now + SOON})
    next_due, later, waiting, soon = ahead.one()
    next_look = now if claims.more else _earliest(next_due, later)
    unwanted = list(execute_plain(session, _UNWANTED, {"by": owner}).scalars())
    return Settled(claims.orders, next_look, waiting, soon, claims.unprepared, unwanted)


def settle_task(session: DbSession, task: Task, now: datetime, zone: ZoneInfo) -> None:
    """Inside the caller's transaction: write what `task` owes up to `now`, by its present rule."""
    if task.next_run_at is not None and task.next_run_at <= now:
        _write_occurrences(session, {task.id: task.next_run_at}, now, zone)
        session.refresh(task)


def _due_tasks(now: datetime) -> dict[int, datetime | None]:
    """Task id → its cursor. The tasks themselves are read in the transaction, as they are then."""
    return dict(execute_plain(db.session(), _DUE, {"now": now}).all())


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((instant for instant in instants if instant is not None), default=None)


def _write_occurrences(
    session: DbSession, seen: Mapping[int, datetime | None], now: datetime, zone: ZoneInfo
) -> list[Task]:
    """Rows for all that tasks owe up to `now`, and their cursors moved past it; those tasks.

    `seen` has the ids of the tasks and the cursors by which they were found due.
    """
    under_way = _under_way(session)
    rows: list[dict[str, Any]] = []
    cursors: list[dict[str, Any]] = []
    tasks = _unchanged(session, seen)
    for task in tasks:
        try:
            settlement, cursor = _settlement(task, now, under_way.get(task.id))
        except Exception:
            log.exception("the schedule of task %d cannot be followed; it is paused", task.id)
            task.paused_at, task.paused_until, task.paused_reason = now, None, Reason.INTERNAL
            settlement, cursor = Settlement([], []), None
        rows += _rows(session, task, settlement, now, zone)
        cursors.append({"task": task.id, "cursor": cursor})
    if rows:
        # A row that is there already was written before the clock went back: it keeps its ending.
        written = execute_plain(session, _WRITE, rows)
        count_endings(
            session,
            zone,
            [
                Ending(task_id, due_at, status, occurrences)
                for task_id, due_at, status, occurrences in written
                if status != Status.QUEUED
            ],
        )
    if cursors:
        execute_plain(session, _MOVE_CURSOR, cursors)
    return tasks


def _settlement(
    task: Task, now: datetime, under_way: UnderWay | None
) -> tuple[Settlement, datetime | None]:
    """What is to be written for one task, and where its cursor goes."""
    assert task.next_run_at is not None  # noqa: S101 - told to mypy; it is due
    schedule = task.schedule
    following = next(schedule.after(now), None)
    whole = Settlement([], [])
    first = task.next_run_at
    if first < task.created_at <= now:
        # The clock had been set to before the task was made, and is right again: it owes nothing.
        first = task.created_at + _MICROSECOND
    for due in _parted(task.stops(), schedule, first, now):
        part = settle(due, now, task.policies, under_way, task.due_at, task.hindrance)
        whole = Settlement(whole.gaps + part.gaps, whole.decisions + part.decisions)
    return whole, following


def _parted(
    stops: Sequence[Stop], schedule: Schedule, first: datetime, last: datetime
) -> list[Due]:
    """What was due from `first` to `last`: for each stretch under one stop what it covers, and last
    all that no stop covers."""
    edges = {first}
    for stop in stops:
        edges |= {edge for edge in (stop.since, stop.until) if edge and first < edge <= last}
    begins = sorted(edges)
    ends = [begin - _MICROSECOND for begin in begins[1:]] + [last]
    stopped, free = [], NOTHING_DUE
    for begin, end in zip(begins, ends, strict=True):
        due = schedule.between(begin, end, LISTED)
        if any(stop.covers(begin) for stop in stops):
            stopped.append(due)
        else:
            free = free.followed_by(due, LISTED)
    return [due for due in (*stopped, free) if due.total]


def _unchanged(session: DbSession, seen: Mapping[int, datetime | None]) -> list[Task]:
    """Those whose cursor is still what was read before the transaction, by their present rule.

    Whoever moved a cursor has accounted for what was due: that is somebody else's row.
    """
    fresh = session.scalars(_FOUND_DUE, {"ids": list(seen)})
    return [task for task in fresh if task.next_run_at == seen[task.id]]


def _under_way(session: DbSession) -> dict[int, UnderWay]:
    """Task id → its runs that are queued or running."""
    rows = execute_plain(session, _UNDER_WAY)
    return {task_id: UnderWay(oldest, newest) for task_id, oldest, newest in rows}


def _rows(
    session: DbSession, task: Task, settlement: Settlement, now: datetime, zone: ZoneInfo
) -> list[dict[str, Any]]:
    gaps = [
        _gap_row(task, gap, now)
        for whole in settlement.gaps
        for gap in _without_rows(session, task, whole)
        if not _extended(session, task, gap, now, zone)
    ]
    return gaps + [_row(task, decision, now) for decision in settlement.decisions]


def _without_rows(session: DbSession, task: Task, gap: Gap) -> Iterator[Gap]:
    """The parts of `gap` in which no instant has a row yet.

    That is all of it, unless the clock went back and forward again. (Gap rows cannot lie in it:
    they were cut when the clock went back.)
    """
    taken = session.scalars(
        select(Run.scheduled_for)
        .where(Run.task_id == task.id, Run.scheduled_for.between(gap.first, gap.last))
        .order_by(Run.scheduled_for)
    ).all()
    if not taken:
        yield gap
        return
    bounds = [gap.first - _MICROSECOND, *taken, gap.last + _MICROSECOND]
    for before, after in pairwise(instant for instant in bounds if instant is not None):
        if after - before <= _MICROSECOND:
            continue
        due = task.schedule.between(before + _MICROSECOND, after - _MICROSECOND, 1)
        if due.oldest is not None:
            yield replace(gap, first=due.oldest, last=due.newest[-1], occurrences=due.total)


def _extended(session: DbSession, task: Task, gap: Gap, now: datetime, zone: ZoneInfo) -> bool:
    """Has the row of the same pause or blackout taken `gap` in?"""
    if gap.since is None:
        return False
    run = session.scalar(
        select(Run)
        .where(
            Run.task_id == task.id,
            Run.due_at >= gap.since,
            Run.status == gap.status,
            Run.reason == gap.reason,
            Run.missed_from.is_not(None),
        )
        .order_by(Run.id.desc())
        .limit(1)
    )
    if run is None:
        return False
    run.occurrences += gap.occurrences
    run.missed_to = gap.last
    run.finished_at = now
    session.flush()
    count_endings(session, zone, [Ending(task.id, run.due_at, run.status, gap.occurrences)])
    return True


def _row(task: Task, decision: Decision, now: datetime) -> dict[str, Any]:
    queued = decision.status is Status.QUEUED
    return run_columns(
        task,
        source=decision.source,
        scheduled_for=decision.scheduled_for,
        due_at=decision.due_at,
        expires_at=decision.expires_at,
        serial=decision.serial,
        queued_at=now if queued else None,
        finished_at=None if queued else now,
        status=decision.status,
        reason=decision.reason,
        blocked_by=decision.blocked_by,
    )


def _gap_row(task: Task, gap: Gap, now: datetime) -> dict[str, Any]:
    return run_columns(
        task,
        source=Source.SCHEDULE,
        due_at=gap.first,
        finished_at=now,
        status=gap.status,
        reason=gap.reason,
        occurrences=gap.occurrences,
        missed_from=gap.first,
        missed_to=gap.last,
    )


def run_columns(task: Task, **values: Any) -> dict[str, Any]:
    """A row for `task`; all rows of one insert have the same keys."""
    return {
        "task_id": task.id,
        "account_id": task.account_id,
        "model": task.model_asked,
        "priority": task.priority,
        "scheduled_for": None,
        "queued_at": None,
        "expires_at": None,
        "serial": False,
        "finished_at": None,
        "reason": None,
        "blocked_by": None,
        "occurrences": 1,
        "missed_from": None,
        "missed_to": None,
        **values,
    }
