"""A schedule → its due times, and the words that describe it.

The one place that knows when something is due: the tick, the form's receipt and the API ask here.
All instants that go in or come out are aware and in UTC.

    base        what every kind of schedule can say
    local_time  clocks that change: a local time → its instant, a day → its stretches
    kinds       interval, fixed time, cron, once, manual
    blackouts   windows in which nothing may run
    changes     the next changes of a zone's clocks, and what they do
    frequency   how often
    counting    how often in a stretch of time
    limits      between a start and an end
    words       descriptions
"""

from .base import (
    MAX_INTERVAL_SECONDS,
    NOTHING_DUE,
    Due,
    Schedule,
    ScheduleType,
    Words,
    time_zones,
    upcoming,
)
from .blackouts import Blackout, blackout_period, free_of
from .changes import ClockChange, clock_changes, effect_on, explain
from .counting import count_due
from .frequency import Frequency, frequency
from .kinds import WEEKDAYS, Cron, FixedTime, Interval, Manual, Once
from .limits import Limited
from .local_time import instant_of
from .words import describe

__all__ = [
    "MAX_INTERVAL_SECONDS",
    "NOTHING_DUE",
    "WEEKDAYS",
    "Blackout",
    "ClockChange",
    "Cron",
    "Due",
    "FixedTime",
    "Frequency",
    "Interval",
    "Limited",
    "Manual",
    "Once",
    "Schedule",
    "ScheduleType",
    "Words",
    "blackout_period",
    "clock_changes",
    "count_due",
    "describe",
    "effect_on",
    "explain",
    "free_of",
    "frequency",
    "instant_of",
    "time_zones",
    "upcoming",
]
