"""A task's last runs: as a strip of marks, and how long they took, what they used and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from statistics import median

from flask_babel import gettext as _

from ...domain.runs import Status
from ...models import Run
from .. import formats
from ..charts import SMALL, Chart, Column, bar_chart
from ..status_bars import by_kind, summed
from ..words import status_word


@dataclass(frozen=True)
class Cell:
    """One run in the strip."""

    run: Run
    shown: str
    """Its status; degraded in the place of a success with an answer that is not good."""
    words: str


@dataclass(frozen=True)
class Trend:
    """One small chart: its name, its figures in words, its bars."""

    key: str
    title: str
    lines: list[str]
    chart: Chart


@dataclass(frozen=True)
class Trends:
    """All that is drawn of the last runs, the oldest first."""

    cells: list[Cell]
    words: str
    """What they come to."""
    charts: list[Trend]


def trends(runs: Sequence[Run], now: datetime) -> Trends:
    """`runs` newest first → what is drawn of them. Charts are left out where nothing was measured."""
    rows = list(reversed(runs))
    cells = [Cell(run, shown(run), _words(run, now)) for run in rows]
    counts: dict[str, int] = {}
    for run in rows:
        counts[run.status] = counts.get(run.status, 0) + 1
    degraded = sum(cell.shown == "degraded" for cell in cells)
    charts = [_durations(cells, now), _tokens(cells, now), _costs(cells, now)]
    return Trends(
        cells, summed(by_kind(counts, degraded)), [trend for trend in charts if trend.chart.kinds]
    )


def shown(run: Run) -> str:
    """What a mark of this run is drawn as."""
    is_degraded = run.status == Status.SUCCESS and run.verdict == "degraded"
    return "degraded" if is_degraded else run.status


def _words(run: Run, now: datetime) -> str:
    word, when = str(status_word(shown(run))), formats.moment(run.started_at or run.due_at, now)
    if run.duration_ms is None:
        return _("%(first)s, %(next)s", first=word, next=when)
    took = formats.duration(run.duration_ms)
    # Translators: how a run ended, when it was, and how long it took
    return _("%(status)s, %(when)s, took %(time)s", status=word, when=when, time=took)


def _durations(cells: Sequence[Cell], now: datetime) -> Trend:
    known = [cell.run.duration_ms for cell in cells if cell.run.duration_ms is not None]
    lines = [_("Median %(time)s", time=formats.duration(round(median(known))))] if known else []
    columns = [
        _column(
            cell,
            now,
            (("took", cell.run.duration_ms or 0),),
            formats.duration(cell.run.duration_ms) if cell.run.duration_ms is not None else "",
        )
        for cell in cells
    ]
    return Trend("duration", _("Duration"), lines, bar_chart(columns, SMALL))


def _tokens(cells: Sequence[Cell], now: datetime) -> Trend:
    def told(sent: float, received: float) -> str:
        return _(
            "%(sent)s sent, %(received)s received",
            sent=formats.about(sent),
            received=formats.about(received),
        )

    columns, sums = [], []
    for cell in cells:
        sent, received = cell.run.input_tokens or 0, cell.run.output_tokens or 0
        if sent or received:
            sums.append((sent, received))
        parts = (("sent", sent), ("received", received))
        columns.append(_column(cell, now, parts, told(sent, received) if sent or received else ""))
    lines = []
    if sums:
        sent_each, received_each = (sum(each) / len(sums) for each in zip(*sums, strict=True))
        lines = [_("On average:"), told(sent_each, received_each)]
    return Trend("tokens", _("Tokens"), lines, bar_chart(columns, SMALL))


def _costs(cells: Sequence[Cell], now: datetime) -> Trend:
    known = [cell.run.cost for cell in cells if cell.run.cost is not None]
    lines = []
    if known:
        whole = sum(known, Decimal(0))
        each = formats.money(whole / len(known))
        lines = [
            _("On average %(cost)s", cost=each),
            _("%(cost)s in all", cost=formats.money(whole)),
        ]
    columns = [
        _column(
            cell,
            now,
            (("cost", float(cell.run.cost or 0)),),
            formats.money(cell.run.cost) if cell.run.cost is not None else "",
        )
        for cell in cells
    ]
    return Trend("cost", _("Cost"), lines, bar_chart(columns, SMALL))


def _column(cell: Cell, now: datetime, parts: tuple[tuple[str, float], ...], told: str) -> Column:
    run = cell.run
    here, today = formats.local(run.due_at), formats.local(now).date()
    label = f"{here:%H:%M}" if here.date() == today else formats.day(here.date())
    words = (formats.moment(run.started_at or run.due_at, now), told)
    return Column(label, words, parts, f"/logs/{run.id}" if told else "")
