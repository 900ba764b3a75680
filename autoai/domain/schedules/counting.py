"""How often something is due in a stretch of time, without walking through it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from .base import Schedule
from .blackouts import Blackout, free_stretches
from .local_time import Stretch, stretches

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


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
    if first >= end:
        return 0
    free = _free(first, end, tuple(blackouts)) if blackouts else [(first, end)]
    return sum(schedule.count(*stretch) for stretch in free)


@lru_cache(maxsize=512)
def _free(
    first: datetime, end: datetime, blackouts: tuple[Blackout, ...]
) -> Sequence[tuple[datetime, datetime]]:
    return tuple(free_stretches(first, end, blackouts))


def count_by_days(schedule: Daily, first: datetime, end: datetime) -> int:
    """`Schedule.count` of a daily one: day for day, only fixed times near a change are walked."""
    total, in_real_time = 0, schedule.in_real_time
    a_day = schedule.times_before(_DAY)
    for day, piece, is_quiet in _pieces(first, end, schedule.zone):
        begin, stop = max(piece.start, first), min(piece.end, end)
        if not (is_quiet or in_real_time):
            total += schedule.between(begin, stop - _MICROSECOND, 0).total
        elif schedule.matches(day):
            if stop - begin == _DAY:
                total += a_day
            else:
                midnight = datetime.combine(day, time(), UTC) - piece.offset
                total += schedule.times_before(stop - midnight)
                total -= schedule.times_before(begin - midnight)
    return total


@lru_cache(maxsize=512)
def _pieces(first: datetime, end: datetime, zone: ZoneInfo) -> Sequence[tuple[date, Stretch, bool]]:
    """Each local day's stretches from `first` up to `end`; quiet is a day of 24 hours after another
    one. Kept, for it is asked for one month again and again, of thousands of schedules."""
    found, was_whole = [], False
    day = first.astimezone(zone).date() - _DAY
    while day <= end.astimezone(zone).date() + _DAY:
        pieces = stretches(day, zone)
        is_whole = len(pieces) == 1 and pieces[0].end - pieces[0].start == _DAY
        for piece in pieces:
            if piece.start < end and piece.end > first:
                found.append((day, piece, is_whole and was_whole))
        was_whole = is_whole
        day += _DAY
    return found
