"""The next changes of a zone's clocks, and what they do to a schedule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from .base import Schedule, Words
from .kinds import Cron, FixedTime, Interval
from .limits import Limited
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
    def shown_before(self) -> datetime:
        """What the old clocks show at the change; naive."""
        return (self.at + self.before).replace(tzinfo=None)

    @property
    def shown_after(self) -> datetime:
        """What the new clocks show at the change; naive."""
        return (self.at + self.after).replace(tzinfo=None)


class Effect(StrEnum):
    """What a change does to a schedule."""

    NONE = "none"
    ELAPSED = "elapsed"
    REAL_TIME = "real_time"
    PUT_OFF = "put_off"
    ONCE = "once"


def clock_changes(zone: ZoneInfo, after: datetime, count: int) -> list[ClockChange]:
    """The next `count` changes within two years after `after`; none in a zone without."""
    found: list[ClockChange] = []
    for at in changes_between(after, after + _AHEAD, zone, _STEP):
        earlier = offset_at(at - timedelta(seconds=1), zone)
        found.append(ClockChange(at, earlier, offset_at(at, zone)))
        if len(found) == count:
            break
    return found


def effect_on(schedule: Schedule, change: ClockChange) -> Effect:
    """What `change` does to `schedule`."""
    if isinstance(schedule, Limited):
        return effect_on(schedule.schedule, change)
    if isinstance(schedule, Interval):
        return Effect.ELAPSED
    if isinstance(schedule, FixedTime):
        return _on_fixed(schedule.times, change)
    if isinstance(schedule, Cron):
        times = schedule.fixed_times
        return Effect.REAL_TIME if times is None else _on_fixed(times, change)
    return Effect.NONE


def explain(change: ClockChange, effect: Effect, words: Words) -> str:
    """The change and its effect, in a sentence or two."""
    clocks = {
        "before": change.shown_before.strftime("%H:%M"),
        "after": change.shown_after.strftime("%H:%M"),
    }
    if change.forward:
        text = words.gettext("Clocks go forward from %(before)s to %(after)s.", **clocks)
    else:
        text = words.gettext("Clocks go back from %(before)s to %(after)s.", **clocks)
    effects = {
        Effect.ELAPSED: words.gettext("The interval goes on by elapsed time."),
        Effect.REAL_TIME: words.gettext("This schedule follows real time."),
        Effect.PUT_OFF: words.gettext("A time that is left out runs right after the change."),
        Effect.ONCE: words.gettext("A time that comes twice runs once, the first time."),
        Effect.NONE: words.gettext("This schedule is not touched."),
    }
    return f"{text} {effects[effect]}"


def _on_fixed(times: Iterable[time], change: ClockChange) -> Effect:
    begin, end = sorted((change.shown_before, change.shown_after))
    touched = any(
        begin <= datetime.combine(day, at) < end
        for at in times
        for day in {begin.date(), end.date()}
    )
    if not touched:
        return Effect.NONE
    return Effect.PUT_OFF if change.forward else Effect.ONCE
