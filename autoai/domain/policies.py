"""What becomes of the occurrences of one task that came due: catch-up, overlap, freshness, pauses.

Pure: the caller says what is due, when it is, and what is under way; the answer is rows to write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from .runs import Reason, Source, Status
from .schedules import Due

ON_TIME = timedelta(seconds=10)
"""Up to here an occurrence counts as on time; later, its run's source is `catch_up`."""
SINGLE_ROWS = 100
"""A gap adds at most this many rows of single occurrences; what is older is one gap row."""
LISTED = SINGLE_ROWS + 1
"""So many instants are to be listed in what is settled: the last of the older ones is needed too."""


class CatchUp(StrEnum):
    """What to do about occurrences that came due while nobody looked."""

    NONE = "none"
    LATEST = "latest"
    ALL = "all"


class Overlap(StrEnum):
    """What to do when a run of the task is still under way."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


@dataclass(frozen=True)
class Policies:
    """A task's choices."""

    catch_up: CatchUp = CatchUp.LATEST
    window: timedelta = timedelta(hours=1)
    overlap: Overlap = Overlap.SKIP
    expires_after: timedelta | None = None


@dataclass(frozen=True)
class UnderWay:
    """A task's runs that are queued or running: the oldest one, and the newest that waits."""

    oldest: int
    waiting: int | None = None


@dataclass(frozen=True)
class Decision:
    """One row of the ledger to be written for an occurrence."""

    scheduled_for: datetime
    due_at: datetime
    source: Source
    status: Status
    reason: Reason | None = None
    blocked_by: int | None = None
    serial: bool = False
    """Wait until no other run of the task is running."""
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Hindrance:
    """Why nothing may run at an instant: a pause or a blackout that began at `since`."""

    reason: Reason
    since: datetime


@dataclass(frozen=True)
class Stop:
    """A task does not run from `since` on until `until`: paused, or its account is switched off."""

    reason: Reason
    since: datetime
    until: datetime | None

    def covers(self, instant: datetime) -> bool:
        """Does it hold at `instant`?"""
        return self.since <= instant and (self.until is None or instant < self.until)


STOPPING = frozenset({Reason.PAUSED, Reason.DISABLED_ACCOUNT})


@dataclass(frozen=True)
class Gap:
    """One row for several instants, `first` and `last` among them; with a hindrance, a period's row."""

    status: Status
    reason: Reason
    first: datetime
    last: datetime
    occurrences: int
    since: datetime | None = None
    """When the period began: a row of the same period is extended instead of a new one."""


@dataclass(frozen=True)
class Settlement:
    """All that is to be written for one task."""

    gaps: list[Gap]
    decisions: list[Decision]


def settle(
    due: Due,
    now: datetime,
    policies: Policies,
    under_way: UnderWay | None,
    due_at: Callable[[datetime], datetime] = lambda instant: instant,
    hindrance: Callable[[datetime], Hindrance | None] = lambda instant: None,
) -> Settlement:
    """Decide about everything in `due`, whose newest instants are listed one by one.

    `due_at` adds an occurrence's jitter; `hindrance` knows the task's pauses and blackouts.
    """
    gaps: list[Gap] = []
    free: list[datetime] = []
    singles = due.newest[-SINGLE_ROWS:]
    if due.total > len(singles):
        gaps.append(_unlisted(due, due.total - len(singles), hindrance))
    for instant in singles:
        found = hindrance(instant)
        if found is None:
            free.append(instant)
        else:
            _extend(gaps, instant, found)
    decisions = [
        _settle_one(instant, now, policies, due_at(instant), runs, hindrance)
        for instant, runs in _who_runs(free, now, policies, due_at)
    ]
    return Settlement(gaps, _overlap(decisions, policies, under_way, caught_up=len(free) > 1))


def jitter(seed: str, instant: datetime, seconds: int) -> timedelta:
    """An occurrence's own shift in [0, `seconds`): the same whenever it is asked for."""
    if not seconds:
        return timedelta()
    digest = hashlib.sha256(f"{seed} {instant.isoformat()}".encode()).digest()
    return timedelta(milliseconds=int.from_bytes(digest[:8], "big") % (seconds * 1000))


def _unlisted(due: Due, count: int, hindrance: Callable[[datetime], Hindrance | None]) -> Gap:
    """What is older than the listed instants: missed, unless one pause covers all of it."""
    assert due.oldest is not None  # noqa: S101 - told to mypy; the caller has looked
    last = due.newest[-LISTED] if len(due.newest) >= LISTED else due.newest[0]
    begin, end = hindrance(due.oldest), hindrance(last)
    if begin is not None and begin == end and begin.reason in STOPPING:
        return Gap(Status.SKIPPED, begin.reason, due.oldest, last, count, since=begin.since)
    return Gap(Status.MISSED, Reason.DOWNTIME, due.oldest, last, count)


def _extend(gaps: list[Gap], instant: datetime, found: Hindrance) -> None:
    if gaps and gaps[-1].since == found.since and gaps[-1].reason is found.reason:
        last = gaps.pop()
        gaps.append(replace(last, last=instant, occurrences=last.occurrences + 1))
    else:
        gaps.append(Gap(Status.SKIPPED, found.reason, instant, instant, 1, since=found.since))


def _who_runs(
    instants: list[datetime],
    now: datetime,
    policies: Policies,
    due_at: Callable[[datetime], datetime],
) -> Iterable[tuple[datetime, bool]]:
    """Each instant, and whether catch-up lets it run."""
    if policies.catch_up is CatchUp.ALL:
        return [(instant, True) for instant in instants]
    latest = instants[-1] if instants else None
    window = policies.window if policies.catch_up is CatchUp.LATEST else timedelta()
    return [
        (instant, instant == latest and now - due_at(instant) <= max(window, ON_TIME))
        for instant in instants
    ]


def _settle_one(
    instant: datetime,
    now: datetime,
    policies: Policies,
    due_at: datetime,
    runs: bool,
    hindrance: Callable[[datetime], Hindrance | None],
) -> Decision:
    late = now - due_at > ON_TIME
    source = Source.CATCH_UP if runs and late else Source.SCHEDULE
    decision = Decision(instant, due_at, source, Status.QUEUED)
    if not runs:
        return replace(decision, status=Status.MISSED, reason=Reason.DOWNTIME)
    # Late, or shifted by its jitter, it would be sent inside a window that it was not due in.
    if (found := hindrance(max(now, due_at))) is not None:
        return replace(decision, status=Status.SKIPPED, reason=found.reason)
    if policies.expires_after is not None:
        expires_at = instant + policies.expires_after
        if expires_at <= now:
            return replace(decision, status=Status.EXPIRED, expires_at=expires_at)
        return replace(decision, expires_at=expires_at)
    return decision


def _overlap(
    decisions: list[Decision], policies: Policies, under_way: UnderWay | None, caught_up: bool
) -> list[Decision]:
    """Apply the overlap rule to what would run."""
    if policies.overlap is Overlap.ALLOW:
        return decisions
    if policies.catch_up is CatchUp.ALL and (caught_up or _is_late(decisions)):
        return [replace(d, serial=d.status is Status.QUEUED) for d in decisions]
    if under_way is None:
        return decisions
    if policies.overlap is Overlap.QUEUE and under_way.waiting is None:
        return [
            replace(d, serial=True, blocked_by=under_way.oldest) if d.status is Status.QUEUED else d
            for d in decisions
        ]
    blocker = under_way.oldest if under_way.waiting is None else under_way.waiting
    return [
        replace(d, status=Status.SKIPPED, reason=Reason.OVERLAP, blocked_by=blocker)
        if d.status is Status.QUEUED
        else d
        for d in decisions
    ]


def _is_late(decisions: list[Decision]) -> bool:
    return any(d.source is Source.CATCH_UP for d in decisions)
