"""A schedule between a start and an end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from .base import NOTHING_DUE, Due, Schedule

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Limited:
    """`schedule`, but nothing before `start` and nothing after `end`; both are inclusive."""

    schedule: Schedule
    start: datetime | None = None
    end: datetime | None = None

    def after(self, instant: datetime) -> Iterator[datetime]:
        """See `Schedule.after`."""
        if self.start is not None:
            instant = max(instant, self.start - _MICROSECOND)
        for due in self.schedule.after(instant):
            if self.end is not None and due > self.end:
                return
            yield due

    def between(self, first: datetime, last: datetime, keep: int) -> Due:
        """See `Schedule.between`."""
        first = max(first, self.start) if self.start is not None else first
        last = min(last, self.end) if self.end is not None else last
        return self.schedule.between(first, last, keep) if first <= last else NOTHING_DUE

    def count(self, first: datetime, end: datetime) -> int:
        """See `Schedule.count`."""
        first = max(first, self.start) if self.start is not None else first
        end = min(end, self.end + _MICROSECOND) if self.end is not None else end
        return self.schedule.count(first, end) if first < end else 0
