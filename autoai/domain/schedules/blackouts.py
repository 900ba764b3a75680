"""Windows in which nothing may run: "not 23:00–07:00"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
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
            window = self._window(day)
            if window is not None and window[0] <= instant < window[1]:
                return window
        return None

    def windows(self, first: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """All that reach into the time from `first` up to `end`, as real time."""
        day = first.astimezone(self.zone).date() - _DAY
        while day <= end.astimezone(self.zone).date():
            window = self._window(day)
            if window is not None and window[0] < end and window[1] > first:
                yield window
            day += _DAY

    def _window(self, day: date) -> tuple[datetime, datetime] | None:
        """The one that begins on `day`."""
        if self.weekdays and day.weekday() not in self.weekdays:
            return None
        last_day = day if self.end > self.begin else day + _DAY
        return (
            instant_of(datetime.combine(day, self.begin), self.zone),
            instant_of(datetime.combine(last_day, self.end), self.zone, last=True),
        )


def blackout_period(
    instant: datetime, blackouts: Iterable[Blackout]
) -> tuple[datetime, datetime] | None:
    """The first window of `blackouts` that `instant` lies in."""
    found = (blackout.period(instant) for blackout in blackouts)
    return next((period for period in found if period), None)


def free_of(instants: Iterable[datetime], blackouts: Sequence[Blackout]) -> Iterable[datetime]:
    """Those of `instants` that lie in no window."""
    return (instant for instant in instants if blackout_period(instant, blackouts) is None)


def free_stretches(
    first: datetime, end: datetime, blackouts: Iterable[Blackout]
) -> Iterator[tuple[datetime, datetime]]:
    """What of the time from `first` up to `end` lies in no window, ascending; ends are exclusive."""
    windows = sorted(window for each in blackouts for window in each.windows(first, end))
    for begin, stop in windows:
        if first < begin:
            yield first, begin
        first = max(first, stop)
    if first < end:
        yield first, end
