"""The coming 24 hours as marks on a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ...queries.upcoming import AHEAD, Moment
from .. import formats

_STEP = timedelta(hours=6)


@dataclass(frozen=True)
class Timeline:
    """`marks` and the places of `labels` are percentages from now (0) to this time tomorrow."""

    marks: list[float]
    labels: list[tuple[float, str]]


def timeline(moments: Sequence[Moment], now: datetime) -> Timeline:
    """Where each of `moments` lies, and the full hours that divide the day on the reader's clocks."""
    hour = formats.local(now).replace(minute=0, second=0, microsecond=0)
    first = hour + timedelta(hours=-hour.hour % 6 or 6)
    steps = (first + n * _STEP for n in range(4))
    labels = [(_place(step, now), f"{step:%H:%M}") for step in steps]
    marks = sorted({_place(moment.at, now) for moment in moments})
    return Timeline(marks, [(place, text) for place, text in labels if 3 < place < 97])


def _place(at: datetime, now: datetime) -> float:
    return round(100 * ((at - now) / AHEAD), 1)
