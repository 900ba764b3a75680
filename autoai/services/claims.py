"""Queued → running: who gets a free slot, and what the claimed runs need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import lazyload, load_only

from ..domain.endpoints import endpoint_host
from ..domain.runs import Status
from ..extensions import db
from ..models import DbSession, Run, RunText, Task
from .execute_run import RunOrder
from .ports import Ports
from .statistics import Ending, count_endings

_LOOK_AT = 2_000
"""Queued runs that are looked at in one go, besides as many as there are slots."""


_SENT = (
    Task.api_endpoint,
    Task.api_key_encrypted,
    Task.secret_id,
    Task.model,
    Task.system_message,
    Task.message_content,
    Task.timeout_seconds,
    Task.max_attempts,
    Task.retry_network,
    Task.retry_statuses,
)
"""What an order takes from its task. The rest is not read: orders are made by the hundred."""


def has_ready(now: datetime) -> bool:
    """Is there a queued run whose time has come?"""
    ready = select(Run.id).where(Run.status == Status.QUEUED, Run.due_at <= now).limit(1)
    return db.session.scalar(ready) is not None


def next_ready(now: datetime) -> datetime | None:
    """When the next queued run, put off by its jitter, is to start."""
    later = (Run.status == Status.QUEUED, Run.due_at > now)
    return db.session.scalar(select(func.min(Run.due_at)).where(*later))


def can_claim(session: DbSession, now: datetime, slots: int, ports: Ports) -> bool:
    """Would `claim` change anything? A run that waits for another one is no reason to write."""
    old = select(Run.id).where(Run.status == Status.QUEUED, Run.expires_at <= now).limit(1)
    if session.scalar(old) is not None:
        return True
    return slots > 0 and bool(_choose(session, now, slots, ports.max_per_endpoint))


def claim(
    session: DbSession, owner: str, now: datetime, slots: int, ports: Ports
) -> list[RunOrder]:
    """Inside the tick's transaction: claim at most `slots` runs; what those that it got need.

    By priority, then by when they were due. A serial run waits for the others of its task, and a
    run whose endpoint is at its limit for the others there; what is too old has expired.

    All is copied here, within the transaction: after the commit nothing may fail any more that
    would leave a claimed run to nobody.
    """
    _expire(session, now, ports)
    if slots <= 0:
        return []
    chosen = _choose(session, now, slots, ports.max_per_endpoint)
    if not chosen:
        return []
    claimed = session.scalars(
        update(Run)
        .where(Run.id.in_(chosen), Run.status == Status.QUEUED)
        .values(status=Status.RUNNING, owner=owner, started_at=now)
        .returning(Run.id)
        .execution_options(synchronize_session=False)
    )
    return _orders(session, list(claimed))


def _orders(session: DbSession, run_ids: Sequence[int]) -> list[RunOrder]:
    rows = session.execute(
        select(Run.id, Run.due_at, Run.expires_at, Task, RunText.request_messages)
        .join(Task, Task.id == Run.task_id)
        .outerjoin(RunText, RunText.run_id == Run.id)
        .where(Run.id.in_(run_ids))
        .options(load_only(*_SENT, raiseload=True), lazyload(Task.tag_rows))
    )
    return [
        RunOrder(
            run_id=run_id,
            task_id=task.id,
            endpoint=task.api_endpoint,
            api_key_encrypted=task.api_key_encrypted,
            secret_id=task.secret_id,
            model=task.model,
            system_message=task.system_message,
            message_content=task.message_content,
            timeout=task.timeout_seconds,
            retry_rules=task.retry_rules,
            due_at=due_at,
            expires_at=expires_at,
            same_messages=messages,
        )
        for run_id, due_at, expires_at, task, messages in rows
    ]


def _choose(session: DbSession, now: datetime, slots: int, per_endpoint: int) -> list[int]:
    running = session.execute(
        select(Run.task_id, Task.api_endpoint).join(Task).where(Run.status == Status.RUNNING)
    ).all()
    busy = {task_id for task_id, _ in running}
    calls = Counter(endpoint_host(endpoint) for _, endpoint in running) if per_endpoint else None
    queued = session.execute(
        select(Run.id, Run.task_id, Run.serial, Task.api_endpoint)
        .join(Task)
        .where(Run.status == Status.QUEUED, Run.due_at <= now)
        .order_by(Run.priority, Run.due_at, Run.id)
        .limit(slots + _LOOK_AT)
    )
    chosen: list[int] = []
    for run_id, task_id, serial, endpoint in queued:
        if serial and task_id in busy:
            continue
        if calls is not None:
            host = endpoint_host(endpoint)
            if calls[host] >= per_endpoint:
                continue
            calls[host] += 1
        busy.add(task_id)
        chosen.append(run_id)
        if len(chosen) == slots:
            break
    return chosen


def _expire(session: DbSession, now: datetime, ports: Ports) -> None:
    expired = session.execute(
        update(Run)
        .where(Run.status == Status.QUEUED, Run.expires_at <= now)
        .values(status=Status.EXPIRED, finished_at=now)
        .returning(Run.task_id, Run.due_at)
        .execution_options(synchronize_session=False)
    ).all()
    count_endings(
        session, ports.zone, [Ending(task, due_at, Status.EXPIRED) for task, due_at in expired]
    )
