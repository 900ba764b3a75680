"""The kinds of schedule."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from .base import NOTHING_DUE, Due, Enumerated
from .counting import count_by_days
from .local_time import Stretch, instant_of, quiet_days, stretches

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_SEARCH = timedelta(days=366 * 41)
"""A date that does not come within this does not come: a 29 February on a Sunday may be 28 years
away (40 around 2100)."""

# cronsim takes 5-5/2 for 5/2, which goes on to the end of the field. A step of 0 stays its error.
_RANGE_OF_ONE = re.compile(r"\b(\w+)-\1/0*[1-9]\d*\b", re.ASCII | re.IGNORECASE)

CRON_WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@dataclass(frozen=True)
class Interval:
    """Every `seconds` of elapsed time, counted from `anchor`.

    The anchor itself is due only where it is the start that a person chose (`from_anchor`).
    """

    seconds: int
    anchor: datetime
    from_anchor: bool = False

    def after(self, instant: datetime) -> Iterator[datetime]:
        step = timedelta(seconds=self.seconds)
        due = self.anchor + step * self._next_number(instant)
        while True:
            yield due
            due += step

    def between(self, first: datetime, last: datetime, keep: int) -> Due:
        step = timedelta(seconds=self.seconds)
        begin = self._next_number(first - timedelta(microseconds=1))
        end = self._next_number(last)  # the first one past the stretch
        if end <= begin:
            return NOTHING_DUE
        listed = range(max(begin, end - keep), end)
        return Due(
            total=end - begin,
            oldest=self.anchor + step * begin,
            newest=tuple(self.anchor + step * number for number in listed),
        )

    def count(self, first: datetime, end: datetime) -> int:
        return self.between(first, end - _MICROSECOND, 0).total

    def _next_number(self, instant: datetime) -> int:
        """The number of the first instant after `instant`; the anchor has number 0."""
        first = 0 if self.from_anchor else 1
        return max(first, (instant - self.anchor) // timedelta(seconds=self.seconds) + 1)


@dataclass(frozen=True)
class FixedTime(Enumerated):
    """At each of `times` on the clocks of `zone`, on `weekdays` (0 = Monday; empty = every day)."""

    times: tuple[time, ...]
    zone: ZoneInfo
    weekdays: frozenset[int] = frozenset()

    def after(self, instant: datetime) -> Iterator[datetime]:
        latest = instant
        for day in _days_from(instant, self.zone):
            if not self.matches(day):
                continue
            for due in _fixed_instants(day, self.times, self.zone):
                if due > latest:
                    yield due
                    latest = due

    def count(self, first: datetime, end: datetime) -> int:
        """See `Schedule.count`."""
        return count_by_days(self, first, end)

    @property
    def in_real_time(self) -> bool:
        """See `Daily`."""
        return False

    def matches(self, day: date) -> bool:
        """See `Daily`."""
        return not self.weekdays or day.weekday() in self.weekdays

    def times_before(self, clock: timedelta) -> int:
        """See `Daily`."""
        times = {timedelta(hours=t.hour, minutes=t.minute, seconds=t.second) for t in self.times}
        return sum(at < clock for at in times)


@dataclass(frozen=True)
class Cron(Enumerated):
    """A cron expression on the clocks of `zone`: five fields, six with seconds first, or an @word.

    Debian's meaning, `L` and `#` besides. Raises `ValueError` for what is no expression.
    """

    expression: str
    zone: ZoneInfo
    _sim: CronSim = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text = CRON_WORDS.get(self.expression.strip().lower(), self.expression)
        try:
            sim = CronSim(_RANGE_OF_ONE.sub(r"\1-\1", text), datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise ValueError(str(error)) from error
        object.__setattr__(self, "_sim", sim)

    def after(self, instant: datetime) -> Iterator[datetime]:
        if self.fixed_times is None:
            yield from self._in_real_time(instant)
            return
        latest = instant
        for day in self._days(instant):
            for due in _fixed_instants(day, self.fixed_times, self.zone):
                if due > latest:
                    yield due
                    latest = due

    def between(self, first: datetime, last: datetime, keep: int) -> Due:
        """Days without a change of the clocks are counted, not walked through: a gap of years of
        every second takes no longer than one of weeks."""
        due, cursor = NOTHING_DUE, first
        for begin, end in quiet_days(first, last, self.zone):
            due = due.followed_by(super().between(cursor, begin - _MICROSECOND, keep), keep)
            due = due.followed_by(self._counted(begin, end, keep), keep)
            cursor = end
        return due.followed_by(super().between(cursor, last, keep), keep)

    def _counted(self, begin: datetime, end: datetime, keep: int) -> Due:
        """What is due on the ordinary days from `begin` up to `end`, two midnights."""
        count = (end - begin) // _DAY
        days = [begin + _DAY * number for number in range(count)]
        matching = [day for day in days if self.matches(day.astimezone(self.zone).date())]
        if not matching:
            return NOTHING_DUE
        hours, minutes, seconds = self._clock
        a_day = len(hours) * len(minutes) * len(seconds)
        newest = super().between(matching[-(keep // a_day + 1) :][0], end - _MICROSECOND, keep)
        oldest = next(self.after(matching[0] - _MICROSECOND))
        return Due(len(matching) * a_day, oldest, newest.newest)

    def count(self, first: datetime, end: datetime) -> int:
        """See `Schedule.count`."""
        return count_by_days(self, first, end)

    def times_before(self, clock: timedelta) -> int:
        """See `Daily`."""
        hours, minutes, seconds = self._clock
        rest, second = divmod(-(-clock // timedelta(seconds=1)), 60)  # the next whole second
        hour, minute = divmod(rest, 60)
        found = bisect_left(hours, hour) * len(minutes) * len(seconds)
        if hour in hours:
            found += bisect_left(minutes, minute) * len(seconds)
            if minute in minutes:
                found += bisect_left(seconds, second)
        return found

    @property
    def in_real_time(self) -> bool:
        """See `Daily`. Wildcards do."""
        return any(part.startswith("*") for part in self._sim.parts[:3])

    @property
    def either_day(self) -> bool:
        """Are a day of the month and a day of the week given, of which one is enough?"""
        return not self._sim.day_and

    @cached_property
    def fixed_times(self) -> tuple[time, ...] | None:
        """Its times of day, where they are fixed; None where a wildcard follows real time."""
        if self.in_real_time:
            return None
        hours, minutes, seconds = self._clock
        return tuple(time(h, m, s) for h in hours for m in minutes for s in seconds)

    def _days(self, instant: datetime) -> Iterator[date]:
        """The matching days, until none has come for so long that none will."""
        found_on = instant.astimezone(self.zone).date()
        for day in _days_from(instant, self.zone):
            if day - found_on > _SEARCH:
                return
            if self.matches(day):
                yield day
                found_on = day

    def matches(self, day: date) -> bool:
        """See `Daily`."""
        return day.month in self._sim.months and bool(self._sim.match_day(day))

    def _in_real_time(self, instant: datetime) -> Iterator[datetime]:
        """Clocks that go back over midnight show a day, the next one, and the first one again."""
        held: list[tuple[date, Stretch]] = []
        for day in self._days(instant):
            pieces = held + [(day, stretch) for stretch in stretches(day, self.zone)]
            held = []
            if len(pieces) > 1 and (following := stretches(day + _DAY, self.zone)):
                held = [piece for piece in pieces if piece[1].start >= following[0].start]
            for shown, stretch in sorted(pieces, key=lambda piece: piece[1].start):
                if (shown, stretch) not in held:
                    yield from self._within(shown, stretch, instant)
        for shown, stretch in held:
            yield from self._within(shown, stretch, instant)

    def _within(self, day: date, stretch: Stretch, after: datetime) -> Iterator[datetime]:
        if stretch.end <= after:
            return
        clock = (max(stretch.start, after) + stretch.offset).time()
        hours, minutes, seconds = self._clock
        for hour in hours:
            if hour < clock.hour:
                continue
            for minute in minutes:
                if (hour, minute) < (clock.hour, clock.minute):
                    continue
                for second in seconds:
                    due = datetime.combine(day, time(hour, minute, second), UTC) - stretch.offset
                    if stretch.start <= due < stretch.end and due > after:
                        yield due

    @cached_property
    def _clock(self) -> tuple[list[int], list[int], list[int]]:
        sim = self._sim
        return sorted(sim.hours), sorted(sim.minutes), sorted(sim.seconds)


@dataclass(frozen=True)
class Once(Enumerated):
    """At one instant; `zone` is the one whose clocks it is shown on."""

    at: datetime
    zone: ZoneInfo

    def after(self, instant: datetime) -> Iterator[datetime]:
        if self.at > instant:
            yield self.at


@dataclass(frozen=True)
class Manual(Enumerated):
    """Never by itself."""

    def after(self, instant: datetime) -> Iterator[datetime]:
        return iter(())


def _days_from(instant: datetime, zone: ZoneInfo) -> Iterator[date]:
    """Local days, beginning with the one before `instant`: its times may be put off into the next."""
    day = instant.astimezone(zone).date() - _DAY
    while day < date.max - _DAY:
        yield day
        day += _DAY


def _fixed_instants(day: date, times: tuple[time, ...], zone: ZoneInfo) -> list[datetime]:
    """Ascending, each once: several times inside a gap are all put off to its end."""
    return sorted({instant_of(datetime.combine(day, at), zone) for at in times})
