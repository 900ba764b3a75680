"""Windows in which nothing may run: "not 23:00–07:00"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from .local_time import instant_of

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Blackout:
    """From `begin` (inclusive) to `end` (exclusive) on the clocks of `zone`.

    Where `end` is not after `begin`, it is on the next day. Of an `end` that exists twice the
    second one counts: clocks that go back make a window longer, never shorter. `weekdays`
    (0 = Monday; empty = every day) are those on which the window begins.
    """

    begin: time
    end: time
    zone: ZoneInfo
    weekdays: frozenset[int] = frozenset()

    def period(self, instant: datetime) -> tuple[datetime, datetime] | None:
        """The window that `instant` lies in, as real time; None where it lies in none."""
        today = instant.astimezone(self.zone).date()
        for day in (today, today - _DAY):
            if self.weekdays and day.weekday() not in self.weekdays:
                continue
            last_day = day if self.end > self.begin else day + _DAY
            start = instant_of(datetime.combine(day, self.begin), self.zone)
            end = instant_of(datetime.combine(last_day, self.end), self.zone, last=True)
            if start <= instant < end:
                return start, end
        return None


def blackout_period(
    instant: datetime, blackouts: Iterable[Blackout]
) -> tuple[datetime, datetime] | None:
    """The first window of `blackouts` that `instant` lies in."""
    found = (blackout.period(instant) for blackout in blackouts)
    return next((period for period in found if period), None)


def free_of(instants: Iterable[datetime], blackouts: Sequence[Blackout]) -> Iterable[datetime]:
    """Those of `instants` that lie in no window."""
    return (instant for instant in instants if blackout_period(instant, blackouts) is None)
