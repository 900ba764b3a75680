"""What becomes of the occurrences of one task that came due: catch-up and overlap.

Catch-up `latest`: the most recent occurrence runs if it is no later than the window; the others
are missed. Overlap `skip`: while a run of the task is queued or running, the occurrence is skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from .runs import Reason, Source, Status
from .schedules import Due

CATCH_UP_WINDOW = timedelta(hours=1)
ON_TIME = timedelta(seconds=10)
"""Up to here an occurrence counts as on time; later, its run's source is `catch_up`."""
SINGLE_ROWS = 100
"""A gap adds at most this many rows of single occurrences; what is older is one gap row."""


@dataclass(frozen=True)
class Decision:
    """One row of the ledger to be written for an occurrence."""

    scheduled_for: datetime
    source: Source
    status: Status
    reason: Reason | None = None
    blocked_by: int | None = None


@dataclass(frozen=True)
class Gap:
    """What is too old to be listed one by one: `occurrences` instants in [first, last)."""

    first: datetime
    last: datetime
    occurrences: int


def settle(due: Due, now: datetime, blocked_by: int | None) -> tuple[Gap | None, list[Decision]]:
    """Decide about everything in `due`, whose newest instants are listed one by one.

    `blocked_by` is the id of the task's queued or running run, None where there is none. Answers
    the gap row to write, if one is needed, and a decision for each listed instant, ascending.
    """
    *older, latest = due.newest
    unlisted = due.total - len(due.newest)
    gap = None
    if unlisted and due.oldest is not None:
        gap = Gap(first=due.oldest, last=due.newest[0], occurrences=unlisted)
    decisions = [_missed(instant) for instant in older]
    lateness = now - latest
    if lateness > CATCH_UP_WINDOW:
        return gap, [*decisions, _missed(latest)]
    source = Source.SCHEDULE if lateness <= ON_TIME else Source.CATCH_UP
    if blocked_by is not None:
        skipped = Decision(latest, source, Status.SKIPPED, Reason.OVERLAP, blocked_by)
        return gap, [*decisions, skipped]
    return gap, [*decisions, Decision(latest, source, Status.QUEUED)]


def _missed(instant: datetime) -> Decision:
    return Decision(instant, Source.SCHEDULE, Status.MISSED, Reason.DOWNTIME)
