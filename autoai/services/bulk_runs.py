"""The same thing done to several runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from flask_babel import gettext as _
from sqlalchemy import select

from ..domain.errors import Invalid
from ..domain.runs import ACTIVE, Source
from ..models import LARGEST_ID, DbSession, Run, Task, bump_revision, write_transaction
from .ports import Ports
from .runs import cancel_in, queue_run

MOST = 1_000
_AT_ONCE = 50
"""Runs that are queued in one transaction: the runner has to wait for it."""


class Action(StrEnum):
    """What can be done to several runs at once."""

    CANCEL = "cancel"
    RETRY = "retry"


class Refusal(StrEnum):
    """Why it was not done to a run."""

    GONE = "gone"
    OVER = "over"
    NOT_OVER = "not_over"
    SEVERAL = "several"
    """It stands for several due times: which one would it be?"""


@dataclass
class Done:
    """To how many it was done, and to how many not, by the reason."""

    count: int = 0
    refused: dict[Refusal, int] = field(default_factory=dict)

    def refuse(self, why: Refusal, count: int = 1) -> None:
        if count:
            self.refused[why] = self.refused.get(why, 0) + count


def act_on_runs(ports: Ports, action: str, run_ids: Sequence[int]) -> Done:
    """Do `action` to each of these runs, the one that was due first first."""
    if action not in set(Action):
        raise Invalid({"action": [_("Choose one of: %(choices)s.", choices=", ".join(Action))]})
    if len(run_ids) > MOST:
        raise Invalid({"ids": [_("At most %(count)s runs at once.", count=MOST)]})
    wanted = [run_id for run_id in dict.fromkeys(run_ids) if 0 < run_id <= LARGEST_ID]
    done = Done()
    done.refuse(Refusal.GONE, len(set(run_ids)) - len(wanted))
    if action == Action.CANCEL:
        _cancel(ports, wanted, done)
    else:
        for start in range(0, len(wanted), _AT_ONCE):
            _retry(ports, sorted(wanted)[start : start + _AT_ONCE], done)
    ports.wake()
    return done


def _cancel(ports: Ports, run_ids: list[int], done: Done) -> None:
    with write_transaction() as session:
        found = dict(session.execute(select(Run.id, Run.status).where(Run.id.in_(run_ids))).all())
        active = [run_id for run_id, status in found.items() if status in ACTIVE]
        cancel_in(session, ports, active)
        bump_revision(session)
    for run_id in active:
        ports.cancel(run_id)
    done.count += len(active)
    done.refuse(Refusal.OVER, len(found) - len(active))
    done.refuse(Refusal.GONE, len(run_ids) - len(found))


def _retry(ports: Ports, run_ids: list[int], done: Done) -> None:
    now = ports.clock.now()
    with write_transaction() as session:
        runs = {run.id: run for run in session.scalars(select(Run).where(Run.id.in_(run_ids)))}
        for run_id in run_ids:
            why = _run_again(session, ports, runs.get(run_id), now)
            if why is None:
                done.count += 1
            else:
                done.refuse(why)
        bump_revision(session)


def _run_again(session: DbSession, ports: Ports, run: Run | None, now: datetime) -> Refusal | None:
    task = session.get(Task, run.task_id) if run is not None else None
    if run is None or task is None:
        return Refusal.GONE
    if run.status in ACTIVE:
        return Refusal.NOT_OVER
    if run.occurrences > 1:
        return Refusal.SEVERAL
    queue_run(session, ports, task, now, Source.RETRY, for_run=run.id)
    return None
