"""The next changes of a zone's clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from .local_time import changes_between, offset_at

_AHEAD = timedelta(days=366 * 2)
_STEP = timedelta(days=5)


@dataclass(frozen=True)
class ClockChange:
    """At `at` (UTC), clocks go from `before` to `after` ahead of UTC."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def forward(self) -> bool:
        """Do the clocks go forward, so that local times are left out?"""
        return self.after > self.before

    @property
    def local_before(self) -> datetime:
        """What the old clocks show at the change; naive."""
        return (self.at + self.before).replace(tzinfo=None)

    @property
    def local_after(self) -> datetime:
        """What the new clocks show at the change; naive."""
        return (self.at + self.after).replace(tzinfo=None)


def clock_changes(zone: ZoneInfo, after: datetime, count: int) -> list[ClockChange]:
    """The next `count` changes within two years after `after`; none in a zone without."""
    found: list[ClockChange] = []
    for at in changes_between(after, after + _AHEAD, zone, _STEP):
        earlier = offset_at(at - timedelta(seconds=1), zone)
        found.append(ClockChange(at, earlier, offset_at(at, zone)))
        if len(found) == count:
            break
    return found
