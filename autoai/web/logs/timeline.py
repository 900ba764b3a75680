"""A run from the moment it was due to its end: what happened when, and how long it took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_babel.speaklater import LazyString

from ...domain.runs import ACTIVE, Kind, Source, Status
from ...models import Attempt, Run
from .. import formats
from ..words import KINDS, status_icon, status_word

_WIDTH = 1000.0
_THINNEST = 0.006
"""Of the whole bar, so that what took next to nothing is there."""
_PARTS: dict[str, LazyString] = {
    "wait": lazy_gettext("Waited"),
    "failed": lazy_gettext("Failed attempts"),
    "ok": lazy_gettext("Answering"),
    "pause": lazy_gettext("Between attempts"),
}


@dataclass(frozen=True)
class Step:
    """One thing that happened. `gap` says what passed since the one before."""

    kind: str
    """due, queued, started, attempt, first, ended, under_way or later."""
    icon: str
    label: str
    at: datetime | None = None
    time: str = ""
    gap: str = ""
    note: str = ""
    attempt: Attempt | None = None


@dataclass(frozen=True)
class Piece:
    """A piece of the bar, in thousandths of its width. `kind`: wait, ok, failed or pause."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True)
class Timeline:
    """In words, and in proportion."""

    steps: tuple[Step, ...]
    bar: tuple[Piece, ...]
    sums: tuple[tuple[str, LazyString, int], ...]
    """Kind, its word, milliseconds: of what the bar is made of."""


def timeline_of(run: Run, now: datetime) -> Timeline:
    """`run` is loaded with its attempts; `now` is where one under way has got to."""
    pieces = list(_pieces(run, now))
    totals: dict[str, int] = {}
    for kind, took in pieces:
        totals[kind] = totals.get(kind, 0) + took
    sums = tuple((name, word, totals[name]) for name, word in _PARTS.items() if name in totals)
    return Timeline(tuple(_timed(_steps(run, now))), _in_proportion(pieces), sums)


def _steps(run: Run, now: datetime) -> Iterator[Step]:
    if run.missed_from and run.missed_to:
        yield Step("due", "calendar-x", _("First due time"), run.missed_from)
        yield Step("due", "calendar-x", _("Last due time"), run.missed_to)
    else:
        yield from sorted(_before(run), key=lambda step: (step.at, step.kind != "due"))
    if run.started_at:
        yield _start(run)
        yield from _attempts(run)
    yield _end(run, now)


def _before(run: Run) -> Iterator[Step]:
    if run.scheduled_for and run.scheduled_for != run.due_at:
        moved = _by(run.scheduled_for, run.due_at)
        yield Step("due", "calendar-clock", _("Due by the schedule"), run.scheduled_for)
        note = _("shifted by %(duration)s, as the task wants it", duration=moved)
        yield Step("due", "calendar-clock", _("Due"), run.due_at, note=note)
    else:
        by_hand = run.source in (Source.MANUAL, Source.RETRY)
        label = _("Asked for") if by_hand else _("Due")
        yield Step("due", "calendar-clock", label, run.due_at)
    if run.queued_at:
        yield Step("queued", "clock", _("Queued at"), run.queued_at)


def _start(run: Run) -> Step:
    waited, late = run.waited_ms or 0, run.lateness_ms or 0
    gap = _("waited %(duration)s", duration=formats.duration(waited)) if waited > 0 else ""
    note = _("%(duration)s late", duration=formats.duration(late)) if late > 0 else ""
    return Step("started", "play", _("Started"), run.started_at, gap=gap, note=note)


def _attempts(run: Run) -> Iterator[Step]:
    before: datetime | None = None
    first = run.first_token_at
    for attempt in run.attempt_list:
        end = _end_of(attempt)
        good = attempt.kind == Kind.OK
        gap = ""
        if before and attempt.started_at > before:
            gap = _("paused for %(duration)s", duration=_by(before, attempt.started_at))
        yield Step(
            "attempt",
            "circle-check" if good else "circle-x",
            _("Attempt %(number)s", number=attempt.number),
            attempt.started_at,
            gap=gap,
            note=str(KINDS.get(attempt.kind, attempt.kind)),
            attempt=attempt,
        )
        if first and attempt.started_at <= first <= end:
            yield _first_piece(run, first)
            first = None
        before = end
    if first:
        yield _first_piece(run, first)


def _first_piece(run: Run, at: datetime) -> Step:
    took = formats.duration(max(run.first_token_ms or 0, 0))
    note = _("%(duration)s after the start", duration=took)
    return Step("first", "activity", _("First piece of the answer"), at, note=note)


def _end(run: Run, now: datetime) -> Step:
    if run.status not in ACTIVE:
        took = run.duration_ms
        gap = _("took %(duration)s", duration=formats.duration(took)) if took else ""
        return Step(
            "ended", status_icon(run.status), str(status_word(run.status)), run.finished_at, gap=gap
        )
    if run.status == Status.RUNNING and run.started_at:
        so_far = _by(run.started_at, max(now, run.started_at))
        return Step("under_way", "loader-circle", _("Running"), note=_so_far(so_far))
    if run.not_before:
        return Step("later", "clock", _("Next attempt no sooner than this"), run.not_before)
    waiting = _by(max(run.due_at, run.queued_at or run.due_at), now) if now > run.due_at else ""
    return Step("under_way", "clock", _("Waiting"), note=_so_far(waiting) if waiting else "")


def _so_far(words: str) -> str:
    return _("%(duration)s so far", duration=words)


def _timed(steps: Iterator[Step]) -> Iterator[Step]:
    """With the time of day, and the day where it is another one than before."""
    day = None
    for step in steps:
        if step.at is None:
            yield step
            continue
        here = formats.local(step.at)
        clock = f"{here:%H:%M:%S}.{here.microsecond // 1000:03}"
        shown = clock if here.date() == day else formats.moment_full(step.at)
        day = here.date()
        yield Step(**{**step.__dict__, "time": shown})


def _pieces(run: Run, now: datetime) -> Iterator[tuple[str, int]]:
    """Kind and milliseconds, in their order; nothing of what has not begun."""
    if not run.started_at:
        return
    yield "wait", max(run.waited_ms or 0, 0)
    end = run.started_at
    for attempt in run.attempt_list:
        if attempt.started_at > end and attempt.number > 1:
            yield "pause", _ms(end, attempt.started_at)
        yield "ok" if attempt.kind == Kind.OK else "failed", attempt.duration_ms
        end = _end_of(attempt)
    if run.status == Status.RUNNING and now > end:
        yield "ok", _ms(end, now)
    elif run.finished_at and not run.attempt_list:  # none is known, as with an example
        yield "ok" if run.status == Status.SUCCESS else "failed", run.duration_ms or 0


def _in_proportion(pieces: list[tuple[str, int]]) -> tuple[Piece, ...]:
    total = sum(took for _kind, took in pieces)
    if not total:
        return ()
    widths = [max(took / total, _THINNEST) for _kind, took in pieces]
    scale, x = _WIDTH / sum(widths), 0.0
    found = []
    for (kind, took), width in zip(pieces, widths, strict=True):
        if took:
            found.append(Piece(kind, round(x, 1), round(width * scale, 1)))
        x += width * scale
    return tuple(found)


def _end_of(attempt: Attempt) -> datetime:
    return attempt.started_at + timedelta(milliseconds=attempt.duration_ms)


def _ms(start: datetime, end: datetime) -> int:
    return round((end - start).total_seconds() * 1000)


def _by(start: datetime, end: datetime) -> str:
    return formats.duration(_ms(start, end))
