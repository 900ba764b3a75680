"""What every kind of schedule can say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import islice, takewhile
from typing import Protocol
from zoneinfo import available_timezones

MAX_INTERVAL_SECONDS = 366 * 24 * 3600


class ScheduleType(StrEnum):
    """The kinds of schedule, as the API spells them."""

    INTERVAL = "interval"
    FIXED_TIME = "fixed_time"
    CRON = "cron"
    ONCE = "once"
    MANUAL = "manual"


class Words(Protocol):
    """The reader's language, handed in by the outer ring: gettext's two functions, and its name."""

    @property
    def locale(self) -> str:
        """en, zh_Hans or zh_Hant."""
        ...

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

    def followed_by(self, later: Due, keep: int) -> Due:
        """Both stretches as one; `later` comes after this one."""
        return Due(
            self.total + later.total,
            self.oldest or later.oldest,
            (*self.newest, *later.newest)[-keep:],
        )


NOTHING_DUE = Due(0, None, ())


class Schedule(Protocol):
    """What every kind of schedule can say."""

    def after(self, instant: datetime) -> Iterator[datetime]:
        """The due instants strictly after `instant`, ascending; endless for most kinds."""
        ...

    def between(self, first: datetime, last: datetime, keep: int) -> Due:
        """What is due from `first` to `last`, both inclusive; the newest `keep` are listed."""
        ...

    def count(self, first: datetime, end: datetime) -> int:
        """How often it is due from `first` up to `end`, which is exclusive: by arithmetic, as fast
        for every second of a month as for once a day."""
        ...


class Enumerated(ABC):
    """A schedule whose `between` has nothing better than to count."""

    @abstractmethod
    def after(self, instant: datetime) -> Iterator[datetime]:
        """See `Schedule.after`."""

    def between(self, first: datetime, last: datetime, keep: int) -> Due:
        """See `Schedule.between`."""
        total, oldest = 0, None
        newest: deque[datetime] = deque(maxlen=keep)
        for due in takewhile(lambda t: t <= last, self.after(first - timedelta(microseconds=1))):
            total, oldest = total + 1, oldest or due
            newest.append(due)
        return Due(total, oldest, tuple(newest))

    def count(self, first: datetime, end: datetime) -> int:
        """See `Schedule.count`; this one walks."""
        return self.between(first, end - timedelta(microseconds=1), 0).total


@cache
def time_zones() -> frozenset[str]:
    """The names of all time zones. Read once: it is a walk through a directory tree."""
    return frozenset(available_timezones())


def upcoming(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    """The next `count` due instants strictly after `after`; fewer where the schedule ends."""
    return list(islice(schedule.after(after), count))
