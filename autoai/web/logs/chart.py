"""The small chart of the last seven days, as numbers for an SVG, and the same in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

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
    most = max((sum(count for _kind, count in _counts(day)) for day in days), default=0)
    step = WIDTH / max(len(days), 1)
    bars = [_bar(day, (step - BAR_WIDTH) / 2 + step * n, most) for n, day in enumerate(days)]
    return Chart(words=_in_words(days), bars=bars)


def _bar(day: Day, x: float, most: int) -> Bar:
    pieces, top = [], float(FLOOR)
    for kind, count in _counts(day):
        if count:
            height = max(2.0, count / most * (FLOOR - 6))  # one failure in a thousand is still seen
            top -= height
            pieces.append(Piece(kind, round(top, 1), round(height, 1)))
    title = gettext(
        "%(day)s: %(counts)s",
        day=formats.day(day.date),
        counts=_listed({kind: count for kind, count in _counts(day) if count or kind == "ok"}),
    )
    return Bar(
        x=round(x, 1),
        middle=round(x + BAR_WIDTH / 2, 1),
        label=formats.weekday(day.date),
        title=title,
        pieces=pieces,
    )


def _counts(day: Day) -> list[tuple[str, int]]:
    """From the floor upwards; the kinds are the style sheet's."""
    return [
        ("ok", day.success),
        ("degraded", day.degraded),
        ("failed", day.failed),
        ("other", day.other),
    ]


def _listed(counts: Mapping[str, int]) -> str:
    """ "12 successful, 1 degraded, 2 without success" """
    shown = {kind: formats.number(count) for kind, count in counts.items()}
    parts = {
        "ok": gettext("%(num)s successful", num=shown.get("ok", "")),
        "degraded": gettext("%(num)s degraded", num=shown.get("degraded", "")),
        "failed": gettext("%(num)s without success", num=shown.get("failed", "")),
        "other": gettext("%(num)s other", num=shown.get("other", "")),
    }
    found = [text for kind, text in parts.items() if kind in counts]
    if "failed" in counts and not counts["failed"]:
        found[list(counts).index("failed")] = gettext("none failed")
    return reduce(lambda first, next: gettext("%(first)s, %(next)s", first=first, next=next), found)


def _in_words(days: Sequence[Day]) -> str:
    sums: dict[str, int] = defaultdict(int)
    for day in days:
        for kind, count in _counts(day):
            sums[kind] += count
    if not any(sums.values()):
        return gettext("Nothing ran in the last seven days.")
    told = {kind: count for kind, count in sums.items() if count or kind in ("ok", "failed")}
    return gettext("Last seven days: %(counts)s.", counts=_listed(told))
