"""What the dashboard shows: found where it is drawn, and not where what was drawn is good enough."""

from __future__ import annotations

from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from ...queries.active import Active, active_runs
from ...queries.attention import Attention, attention
from ...queries.dashboard import DashboardFigures, Slot, dashboard_figures, hours_chart
from ...queries.run_log import Day, last_days
from ...queries.upcoming import Upcoming, upcoming
from ..formats import local
from ..status_bars import KINDS
from .timeline import Timeline, timeline

_DAYS = 30


class Overview:
    """As of `now`. Today is the day on the clocks of `zone`, the instance's."""

    kinds = KINDS

    def __init__(self, stamp: str, now: datetime, zone: ZoneInfo, *, keys_readable: bool) -> None:
        self.stamp = stamp
        self.now = now
        self.zone = zone
        self._keys_readable = keys_readable

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    @property
    def today_here(self) -> date:
        """On the person's clocks."""
        return local(self.now).date()

    @cached_property
    def figures(self) -> DashboardFigures:
        return dashboard_figures(self.now, self.zone)

    @cached_property
    def needs(self) -> Attention:
        return attention(self.now, self.zone, keys_readable=self._keys_readable)

    @cached_property
    def hours(self) -> list[Slot]:
        return hours_chart(self.now, self.zone)

    @cached_property
    def days(self) -> list[Day]:
        return last_days(None, self.now, self.zone, _DAYS)

    @cached_property
    def active(self) -> Active:
        return active_runs()

    @cached_property
    def coming(self) -> Upcoming:
        return upcoming(self.now)

    @property
    def line(self) -> Timeline:
        return timeline(self.coming.moments, self.now)
