"""The small chart of the last seven days, as numbers for an SVG, and the same in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext

from ...queries.run_log import Day
from .. import formats

WIDTH, HEIGHT, FLOOR = 272, 76, 60
BAR_WIDTH = 24


@dataclass(frozen=True)
class Piece:
    """A stretch of a bar."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """A day's bar."""

    x: float
    middle: float
    label: str
    title: str
    pieces: list[Piece]


@dataclass(frozen=True)
class Chart:
    """All that the template draws. Lengths are in the SVG's own units."""

    words: str
    bars: list[Bar]
    width: int = WIDTH
    height: int = HEIGHT
    floor: int = FLOOR
    bar_width: int = BAR_WIDTH


def week_chart(days: Sequence[Day]) -> Chart:
    """`days` ascending → the chart. Bars share one scale, the busiest day fills the height."""
    most = max((day.success + day.failed + day.other for day in days), default=0)
    step = WIDTH / max(len(days), 1)
    bars = [_bar(day, (step - BAR_WIDTH) / 2 + step * n, most) for n, day in enumerate(days)]
    return Chart(words=_in_words(days), bars=bars)


def _bar(day: Day, x: float, most: int) -> Bar:
    pieces, top = [], float(FLOOR)
    for kind, count in (("ok", day.success), ("failed", day.failed), ("other", day.other)):
        if count:
            height = max(2.0, count / most * (FLOOR - 6))  # one failure in a thousand is still seen
            top -= height
            pieces.append(Piece(kind, round(top, 1), round(height, 1)))
    title = gettext(
        "%(day)s: %(ok)s successful, %(failed)s without success, %(other)s other",
        day=formats.day(day.date),
        ok=formats.number(day.success),
        failed=formats.number(day.failed),
        other=formats.number(day.other),
    )
    return Bar(
        x=round(x, 1),
        middle=round(x + BAR_WIDTH / 2, 1),
        label=formats.weekday(day.date),
        title=title,
        pieces=pieces,
    )


def _in_words(days: Sequence[Day]) -> str:
    success = sum(day.success for day in days)
    failed = sum(day.failed for day in days)
    other = sum(day.other for day in days)
    counts = {
        "ok": formats.number(success),
        "failed": formats.number(failed),
        "other": formats.number(other),
    }
    if not (success or failed or other):
        return gettext("Nothing ran in the last seven days.")
    if failed and other:
        return gettext(
            "Last seven days: %(ok)s successful, %(failed)s without success, %(other)s other.",
            **counts,
        )
    if failed:
        return gettext("Last seven days: %(ok)s successful, %(failed)s without success.", **counts)
    if other:
        return gettext(
            "Last seven days: %(ok)s successful, none failed, %(other)s other.", **counts
        )
    return gettext("Last seven days: %(ok)s successful, none failed.", **counts)
