"""The last runs of a task as a few small bars: the lower one is, the worse the run went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import ngettext

from ...queries.last_runs import Mark
from ..status_bars import by_kind, summed

SHOWN = 12
HEIGHT, STEP = 12, 6
"""Pixels: of a good run, and from one bar to the next."""
_HEIGHTS = {"success": HEIGHT, "degraded": 8}
_LOW = 4


@dataclass(frozen=True)
class Health:
    """`bars` are (kind, x, height) in pixels, the oldest first."""

    bars: list[tuple[str, int, int]]
    words: str

    @property
    def width(self) -> int:
        return STEP * len(self.bars)


def health_of(marks: Sequence[Mark]) -> Health:
    """`marks` newest first → the bars."""
    shown = [mark.shown for mark in reversed(marks)]
    bars = [(kind, STEP * n, _HEIGHTS.get(kind, _LOW)) for n, kind in enumerate(shown)]
    counts = Counter(mark.status for mark in marks)
    told = summed(by_kind(counts, shown.count("degraded")))
    words = ngettext(
        "The last %(num)s run: %(counts)s",
        "The last %(num)s runs: %(counts)s",
        len(bars),
        counts=told,
    )
    return Health(bars, words)
