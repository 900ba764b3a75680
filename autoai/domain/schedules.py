"""A schedule → its due times, and the words that describe it.

The one place that knows when something is due: the tick, the form's preview and the API ask here.
All instants that go in or come out are aware and in UTC. Clock changes follow Debian's cron: a
fixed local time that does not exist runs at the first instant after the gap; one that exists twice
runs once, the first time. Intervals keep to elapsed time.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import islice, takewhile
from typing import Protocol
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim

FIXED_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
MAX_INTERVAL_SECONDS = 366 * 24 * 3600


class ScheduleType(StrEnum):
    """The kinds of schedule, as the API spells them."""

    INTERVAL = "interval"
    FIXED_TIME = "fixed_time"


class Words(Protocol):
    """The reader's language: gettext's two functions, handed in by the outer ring."""

    def gettext(self, message: str, **variables: object) -> str: ...

    def ngettext(self, singular: str, plural: str, num: int, **variables: object) -> str: ...


@dataclass(frozen=True)
class Due:
    """What came due in a stretch of time.

    `total` instants in all, from `oldest` on; `newest` holds the last of them, ascending.
    """

    total: int
    oldest: datetime | None
    newest: tuple[datetime, ...]


class Schedule(Protocol):
    """What every kind of schedule can say."""

    def after(self, instant: datetime) -> Iterator[datetime]:
        """The due instants strictly after `instant`, ascending, without end."""
        ...

    def between(self, first: datetime, last: datetime, keep: int) -> Due:
        """What is due from `first` to `last`, both inclusive; the newest `keep` are listed."""
        ...

    def describe(self, words: Words) -> str:
        """The schedule in the reader's words, such as "every 2 hours"."""
        ...


@dataclass(frozen=True)
class Interval:
    """Every `seconds` of elapsed time, counted from `anchor`, which itself is not due."""

    seconds: int
    anchor: datetime

    def after(self, instant: datetime) -> Iterator[datetime]:
        step = timedelta(seconds=self.seconds)
        due = self.anchor + step * self._count_until(instant) + step
        while True:
            yield due
            due += step

    def between(self, first: datetime, last: datetime, keep: int) -> Due:
        step = timedelta(seconds=self.seconds)
        before = self._count_until(first - timedelta(microseconds=1))
        until = self._count_until(last)
        if until <= before:
            return Due(0, None, ())
        start = max(before, until - keep)
        return Due(
            total=until - before,
            oldest=self.anchor + step * (before + 1),
            newest=tuple(self.anchor + step * k for k in range(start + 1, until + 1)),
        )

    def describe(self, words: Words) -> str:
        seconds = self.seconds
        if seconds % 86_400 == 0:
            days = seconds // 86_400
            if days == 1:
                return words.gettext("every day")
            return words.ngettext("every %(num)s day", "every %(num)s days", days)
        if seconds % 3_600 == 0:
            hours = seconds // 3_600
            if hours == 1:
                return words.gettext("every hour")
            return words.ngettext("every %(num)s hour", "every %(num)s hours", hours)
        if seconds % 60 == 0:
            minutes = seconds // 60
            if minutes == 1:
                return words.gettext("every minute")
            return words.ngettext("every %(num)s minute", "every %(num)s minutes", minutes)
        if seconds == 1:
            return words.gettext("every second")
        return words.ngettext("every %(num)s second", "every %(num)s seconds", seconds)

    def _count_until(self, instant: datetime) -> int:
        """How many instants are due at or before `instant`."""
        return max(0, (instant - self.anchor) // timedelta(seconds=self.seconds))


@dataclass(frozen=True)
class FixedTime:
    """Every day at `at` ("HH:MM") on the clocks of `zone`."""

    at: str
    zone: ZoneInfo

    def after(self, instant: datetime) -> Iterator[datetime]:
        hour, minute = self.at.split(":")
        local = instant.astimezone(self.zone)
        for due in CronSim(f"{int(minute)} {int(hour)} * * *", local):
            # In the hour that the clocks show twice, CronSim begins in its first pass.
            if (found := due.astimezone(UTC)) > instant:
                yield found

    def between(self, first: datetime, last: datetime, keep: int) -> Due:
        total, oldest = 0, None
        newest: deque[datetime] = deque(maxlen=keep)
        for due in takewhile(lambda t: t <= last, self.after(first - timedelta(microseconds=1))):
            total, oldest = total + 1, oldest or due
            newest.append(due)
        return Due(total, oldest, tuple(newest))

    def describe(self, words: Words) -> str:
        return words.gettext("every day at %(time)s", time=self.at)


@cache
def time_zones() -> frozenset[str]:
    """The names of all time zones. Read once: it is a walk through a directory tree."""
    return frozenset(available_timezones())


def upcoming(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    """The next `count` due instants strictly after `after`."""
    return list(islice(schedule.after(after), count))
