"""Every so many seconds, counted from now."""

from __future__ import annotations

from datetime import datetime, timedelta

from apscheduler.triggers.base import BaseTrigger


class FromNow(BaseTrigger):
    """`seconds` from now, whenever now is.

    APScheduler's own interval counts on from the last time, one by one: a clock that was set ten
    years forward had its thread list 315 million seconds, and the process ran out of memory.
    """

    def __init__(self, seconds: float) -> None:
        self._pause = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        return now + self._pause
