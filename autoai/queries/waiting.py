"""What queued runs wait for. The same rules as in the claim, told instead of applied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select

from ..domain.limits import Blocked, Obstacle
from ..domain.runs import Status
from ..extensions import db
from ..models import Account, Run, Task


class WaitsFor(StrEnum):
    """Why a run has not started yet."""

    TIME = "time"
    NEXT_ATTEMPT = "next_attempt"
    RUN_BEFORE = "run_before"
    ACCOUNT_OFF = "account_off"
    CALLS = "concurrent_calls"
    REQUESTS = "requests_per_minute"
    TOKENS = "tokens_per_minute"
    THROTTLED = "throttled"
    SLOT = "slot"
    TURN = "turn"
    """Nothing is in its way: the next look starts it."""


_OBSTACLES = {
    Obstacle.CONCURRENT: WaitsFor.CALLS,
    Obstacle.REQUESTS: WaitsFor.REQUESTS,
    Obstacle.TOKENS: WaitsFor.TOKENS,
    Obstacle.THROTTLED: WaitsFor.THROTTLED,
}


@dataclass(frozen=True)
class Wait:
    """What one run waits for; `until` with its time, `run_id` with the run before it."""

    what: WaitsFor
    until: datetime | None = None
    run_id: int | None = None


def waits_of(
    runs: Sequence[Run],
    now: datetime,
    slots: int,
    in_the_way: Callable[[Account | None, str | None], Blocked | None],
) -> dict[int, Wait]:
    """Run id → its wait, for those of `runs` that are queued. Their tasks are loaded.

    `slots` may be taken in all; `in_the_way` knows the limits of an account, or of an endpoint.
    """
    queued = [run for run in runs if run.status == Status.QUEUED]
    if not queued:
        return {}
    running = db.session.execute(
        select(Run.id, Run.task_id).where(Run.status == Status.RUNNING).order_by(Run.id.desc())
    ).all()
    busy = {task_id: run_id for run_id, task_id in running}
    accounts = _accounts({run.task_id for run in queued})

    def wait(run: Run) -> Wait:
        account = accounts.get(run.task_id)
        if run.not_before is not None and run.not_before > now:
            return Wait(WaitsFor.NEXT_ATTEMPT, until=run.not_before)
        if run.due_at > now:
            return Wait(WaitsFor.TIME, until=run.due_at)
        if run.serial and run.task_id in busy:
            return Wait(WaitsFor.RUN_BEFORE, run_id=busy[run.task_id])
        if account is not None and not account.enabled:
            return Wait(WaitsFor.ACCOUNT_OFF)
        blocked = in_the_way(account, run.task.api_endpoint)
        if blocked is not None:
            until = None if blocked.seconds is None else now + timedelta(seconds=blocked.seconds)
            return Wait(_OBSTACLES[blocked.obstacle], until=until)
        return Wait(WaitsFor.SLOT if len(running) >= slots else WaitsFor.TURN)

    return {run.id: wait(run) for run in queued}


def _accounts(task_ids: set[int]) -> dict[int, Account]:
    """Task id → its account, for those that have one."""
    rows = db.session.execute(
        select(Task.id, Account)
        .join(Account, Account.id == Task.account_id)
        .where(Task.id.in_(task_ids))
    )
    return dict(rows.all())
