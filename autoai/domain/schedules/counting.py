"""How often something is due in a stretch of time, without walking through it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from .base import Schedule
from .blackouts import Blackout, free_stretches
from .local_time import stretches

_DAY = timedelta(days=1)


class Daily(Schedule, Protocol):
    """A schedule of times of day on some days."""

    @property
    def zone(self) -> ZoneInfo: ...

    @property
    def in_real_time(self) -> bool:
        """Does it follow real time where clocks change? Else each local time counts once."""
        ...

    def matches(self, day: date) -> bool:
        """Is it due on `day` at all?"""
        ...

    def times_before(self, clock: timedelta) -> int:
        """How many of a day's times come before `clock`, the time since midnight."""
        ...


def count_due(
    schedule: Schedule, blackouts: Sequence[Blackout], first: datetime, end: datetime
) -> int:
    """How often `schedule` is due from `first` up to `end` outside `blackouts`."""
    return sum(schedule.count(*stretch) for stretch in free_stretches(first, end, blackouts))


def count_by_days(schedule: Daily, first: datetime, end: datetime) -> int:
    """`Schedule.count` of a daily one: day for day, only fixed times near a change are walked."""
    total, zone = 0, schedule.zone
    day = first.astimezone(zone).date() - _DAY
    last = end.astimezone(zone).date() + _DAY
    was_whole = False
    while day <= last:
        pieces = stretches(day, zone)
        is_whole = len(pieces) == 1 and pieces[0].end - pieces[0].start == _DAY
        midnight = datetime.combine(day, time(), UTC)
        for piece in pieces:
            begin, stop = max(piece.start, first), min(piece.end, end)
            if begin >= stop:
                continue
            if not (schedule.in_real_time or (is_whole and was_whole)):
                total += schedule.between(begin, stop - timedelta(microseconds=1), 0).total
            elif schedule.matches(day):
                total += schedule.times_before(stop + piece.offset - midnight)
                total -= schedule.times_before(begin + piece.offset - midnight)
        was_whole = is_whole
        day += _DAY
    return total
