"""How often a schedule comes due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from .base import Schedule
from .blackouts import Blackout, free_of

_SAMPLE = 2_000
_HORIZON = timedelta(days=366)
_DAY = timedelta(days=1)
_MONTH_DAYS = 30.44


@dataclass(frozen=True)
class Frequency:
    """Runs on average, blackouts taken off."""

    per_day: float
    per_month: float


def frequency(schedule: Schedule, blackouts: Sequence[Blackout], after: datetime) -> Frequency:
    """From the next 2,000 instants, or those of a year where there are fewer.

    A schedule that ends is measured until its end, at least over a day.
    """
    horizon = after + _HORIZON
    sample = [due for due in islice(schedule.after(after), _SAMPLE) if due <= horizon]
    if not sample:
        return Frequency(0.0, 0.0)
    if len(sample) == _SAMPLE:
        span = sample[-1] - after
    else:  # the year was too short for the sample, or the schedule ends within it
        following = next(schedule.after(sample[-1]), None)
        span = _HORIZON if following is not None else max(sample[-1] - after, _DAY)
    runs = len(list(free_of(sample, blackouts)))
    per_day = runs / (max(span, timedelta(seconds=1)) / _DAY)
    return Frequency(round(per_day, 2), round(per_day * _MONTH_DAYS, 1))
