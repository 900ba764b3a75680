"""A run's messages, made from its task's templates, outside any transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from ..extensions import db
from ..models import Run, Task
from .claims import task_messages
from .limits import give_back
from .occurrences import claim_prepared
from .ports import Ports
from .run_orders import Prepared, RunOrder

LONGEST_LOOK = 0.25
"""Seconds after which the rest of the messages is left to the next look: what comes due meanwhile
does not wait for them."""


@dataclass(frozen=True)
class Rendered:
    """The orders whose messages were made, and whether some were left for want of time."""

    orders: list[RunOrder]
    more: bool


def render_and_claim(ports: Ports, owner: str, run_ids: Sequence[int], slots: int) -> Rendered:
    """Make the messages of `run_ids`, as many as time allows, and claim those runs.

    They are the ones that `settle_and_claim` called unprepared; their permits are given back.
    """
    try:
        prepared = render_runs(ports, run_ids)
    finally:
        give_back(ports, run_ids)
    orders = claim_prepared(ports, owner, slots, prepared)
    return Rendered(orders, len(prepared) < len(run_ids))


def render_runs(ports: Ports, run_ids: Sequence[int]) -> dict[int, Prepared]:
    """Run id → its messages, or why there are none. At least one, and as many as time allows."""
    begun = ports.clock.monotonic()
    prepared: dict[int, Prepared] = {}
    for run_id in run_ids:
        if prepared and ports.clock.monotonic() - begun > LONGEST_LOOK:
            break
        prepared[run_id] = _render(run_id)
    return prepared


def _render(run_id: int) -> Prepared:
    task = db.session.scalars(
        select(Task).join(Run, Run.task_id == Task.id).where(Run.id == run_id)
    ).one()
    messages = task_messages(task)
    changed_at, version = task.updated_at, task.prompt_version
    db.session.commit()
    return Prepared(changed_at, messages, messages, prompt_version=version)
