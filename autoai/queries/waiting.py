"""What queued runs wait for. The same rules as in the claim, told instead of applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from ..domain.endpoints import endpoint_host
from ..domain.runs import Status
from ..extensions import db
from ..models import Run, Task


class WaitsFor(StrEnum):
    """Why a run has not started yet."""

    TIME = "time"
    RUN_BEFORE = "run_before"
    ENDPOINT = "endpoint"
    SLOT = "slot"
    TURN = "turn"
    """Nothing is in its way: the next look starts it."""


@dataclass(frozen=True)
class Wait:
    """What one run waits for; `until` with its time, `run_id` with the run before it."""

    what: WaitsFor
    until: datetime | None = None
    run_id: int | None = None


def waits_of(runs: Sequence[Run], now: datetime, slots: int, per_endpoint: int) -> dict[int, Wait]:
    """Run id → its wait, for those of `runs` that are queued. Their tasks are loaded.

    `slots` may be taken in all, `per_endpoint` at one host; 0 there means no limit.
    """
    queued = [run for run in runs if run.status == Status.QUEUED]
    if not queued:
        return {}
    running = db.session.execute(
        select(Run.id, Run.task_id, Task.api_endpoint)
        .join(Task)
        .where(Run.status == Status.RUNNING)
        .order_by(Run.id.desc())
    ).all()
    busy = {task_id: run_id for run_id, task_id, _ in running}
    calls = Counter(endpoint_host(endpoint) for *_, endpoint in running)

    def wait(run: Run) -> Wait:
        if run.due_at > now:
            return Wait(WaitsFor.TIME, until=run.due_at)
        if run.serial and run.task_id in busy:
            return Wait(WaitsFor.RUN_BEFORE, run_id=busy[run.task_id])
        if per_endpoint and calls[endpoint_host(run.task.api_endpoint)] >= per_endpoint:
            return Wait(WaitsFor.ENDPOINT)
        return Wait(WaitsFor.SLOT if len(running) >= slots else WaitsFor.TURN)

    return {run.id: wait(run) for run in queued}
