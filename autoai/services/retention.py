"""Old rows go, in steps so small that no run waits for them. Totals by day stay."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from ..domain.runs import ACTIVE
from ..extensions import db
from ..models import InstanceState, Outage, Run, RunText, write_transaction
from .steps import STEP, first_of

_DOUBTFUL = timedelta(days=1)
"""After a gap longer than this, nothing is removed for as long: was it the clock that jumped?"""
_AWAKE = timedelta(minutes=1)


def clock_is_trusted(now: datetime) -> bool:
    """May anything be removed because of its age?

    To a clock that is years ahead by mistake everything is old. From inside that looks like a long
    downtime, so whatever it was, a person has a day to set the clock right. Call it only where the
    scheduler looks every few seconds: before it has noted a jump, its last note is old.
    """
    awake = db.session.scalar(select(InstanceState.last_tick_at))
    if awake is None or abs(now - awake) > _AWAKE:
        return False
    recent = db.session.execute(
        select(Outage.began_at, Outage.ended_at).where(
            Outage.ended_at <= now, Outage.ended_at > now - _DOUBTFUL
        )
    )
    return not any(ended_at - began_at > _DOUBTFUL for began_at, ended_at in recent)


def remove_old_runs(now: datetime, days: int) -> int:
    """Remove a few of the runs that were due more than `days` ago; how many there were."""
    old = (
        select(Run.id)
        .where(Run.due_at < now - timedelta(days=days), Run.status.not_in(ACTIVE))
        .order_by(Run.due_at)
    )
    ids = first_of(old)
    with write_transaction() as session:
        gone = delete(Run).where(Run.id.in_(ids), Run.status.not_in(ACTIVE)).returning(Run.id)
        return len(session.scalars(gone).all())


def remove_old_texts(now: datetime, days: int) -> int:
    """Remove the texts of a few runs that were due more than `days` ago; how many.

    Texts are numbered as their runs are, so the oldest are the first ones: when none of those is
    old enough, there are none.
    """
    first = select(RunText.run_id).order_by(RunText.run_id).limit(STEP).subquery()
    old = (
        select(Run.id)
        .join(first, first.c.run_id == Run.id)
        .where(Run.due_at < now - timedelta(days=days), Run.status.not_in(ACTIVE))
    )
    ids = first_of(old.order_by(Run.id))
    with write_transaction() as session:
        gone = delete(RunText).where(RunText.run_id.in_(ids)).returning(RunText.run_id)
        return len(session.scalars(gone).all())
