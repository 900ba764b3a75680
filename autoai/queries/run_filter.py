"""One filter for the log, shared by page, API and export."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, literal_column, select

from ..domain.runs import Source
from ..domain.verdicts import Verdict
from ..models import DEAR, DURATION_MS, IS_CHANGED, IS_DEGRADED, IS_UNSCHEDULED, SLOW, Run, TaskTag

Conditions = list[ColumnElement[bool]]

_took: ColumnElement[float] = literal_column(DURATION_MS)
_HALF = 0.5
"""Durations are told in whole milliseconds."""
# The highest threshold first.
_SLOW: dict[Decimal, str] = {Decimal(60_000): SLOW["60s"], Decimal(10_000): SLOW["10s"]}
_DEAR: dict[Decimal, str] = {Decimal(1): DEAR["1d"], Decimal("0.01"): DEAR["1c"]}


@dataclass(frozen=True)
class Lead:
    """A way to the rows by an index: alternatives that have no row in common, each with its rows in
    the order of their due times."""

    alternatives: list[Conditions] = field(compare=False)
    says: str | None = None
    """The field of the filter that needs not be looked at any more."""
    value: Hashable = None
    """Of that field; or what else tells it from other leads."""


@dataclass(frozen=True)
class RunFilter:
    """Which rows of the ledger. Empty and None mean no restriction; `until` is exclusive, all other
    bounds are inclusive."""

    task_id: int | None = None
    statuses: frozenset[str] = frozenset()
    account_id: int | None = None
    """Sent, or meant to be sent, through it."""
    verdict: str | None = None
    changed: bool | None = None
    """Was its answer another one than the baseline's? What was not compared is neither."""
    since: datetime | None = None
    until: datetime | None = None
    whole_days: bool = True
    """Are `since` and `until` the bounds of whole days on the instance's clocks?"""
    reasons: frozenset[str] = frozenset()
    source: str | None = None
    model: str | None = None
    """The one asked for."""
    tag: str | None = None
    """Of its task."""
    min_duration_ms: int | None = None
    max_duration_ms: int | None = None
    min_cost: Decimal | None = None
    """Dollars. A run whose cost is not known is neither above nor below."""
    max_cost: Decimal | None = None
    text: str = ""
    """What its messages, answer or error say, see `domain.search`."""

    @property
    def known_by_totals(self) -> bool:
        """Can the totals say how many there are? They know of tasks, days and statuses, and how many
        were degraded."""
        rest = replace(self, task_id=None, statuses=frozenset(), since=None, until=None)
        return rest in (RunFilter(), RunFilter(verdict=Verdict.DEGRADED))

    @property
    def timeless(self) -> RunFilter:
        """What it wants whatever the due times and the words: what statements differ by."""
        return replace(self, since=None, until=None, whole_days=True, text="")

    def conditions(self) -> Conditions:
        """All but the text, as SQL, to be put into a query's where."""
        return [*self.rest(), *self.due()]

    def due(self) -> Conditions:
        """When it was due, as SQL."""
        found: Conditions = []
        if self.since is not None:
            found.append(Run.due_at >= self.since)
        if self.until is not None:
            found.append(Run.due_at < self.until)
        return found

    def rest(self, said: str | None = None) -> Conditions:
        """All but text, due time, and the field that is `said` already, as SQL."""
        fields: dict[str, tuple[object, Callable[[], ColumnElement[bool]]]] = {
            "task_id": (self.task_id, lambda: Run.task_id == self.task_id),
            "account_id": (self.account_id, lambda: Run.account_id == self.account_id),
            "statuses": (self.statuses or None, lambda: Run.status.in_(sorted(self.statuses))),
            "verdict": (self.verdict, lambda: Run.verdict == self.verdict),
            "changed": (self.changed, lambda: Run.changed.is_(self.changed)),
            "reasons": (self.reasons or None, lambda: Run.reason.in_(sorted(self.reasons))),
            "source": (self.source, lambda: Run.source == self.source),
            "model": (self.model, lambda: Run.model == self.model),
            "tag": (
                self.tag,
                lambda: Run.task_id.in_(select(TaskTag.task_id).where(TaskTag.tag == self.tag)),
            ),
            "min_duration_ms": (
                self.min_duration_ms,
                lambda: _took >= (self.min_duration_ms or 0) - _HALF,
            ),
            "max_duration_ms": (
                self.max_duration_ms,
                lambda: _took < (self.max_duration_ms or 0) + _HALF,
            ),
            "min_cost": (self.min_cost, lambda: Run.cost >= self.min_cost),
            "max_cost": (self.max_cost, lambda: Run.cost <= self.max_cost),
        }
        return [
            condition()
            for name, (value, condition) in fields.items()
            if value is not None and name != said
        ]

    def leads(self) -> list[Lead]:
        """Every way to the rows by an index but that of a tag's tasks.

        Conditions of partial indexes are told in the words of the index, or SQLite does not see
        that they fit.
        """
        found: list[Lead] = []
        if self.changed:
            found.append(Lead([[_in_words(IS_CHANGED)]], "changed", True))
        if self.verdict == Verdict.DEGRADED:
            found.append(Lead([[_in_words(IS_DEGRADED)]], "verdict", self.verdict))
        if self.reasons:
            each = [[Run.reason == name] for name in sorted(self.reasons)]
            found.append(Lead(each, "reasons", self.reasons))
        if self.source is not None and self.source != Source.SCHEDULE:
            by_source = [Run.source == self.source, _in_words(IS_UNSCHEDULED)]
            found.append(Lead([by_source], "source", self.source))
        for least, steps in ((self.min_duration_ms, _SLOW), (self.min_cost, _DEAR)):
            words = [words for step, words in steps.items() if least is not None and least >= step]
            if words:
                found.append(Lead([[_in_words(words[0])]], None, words[0]))
        if self.task_id is not None:
            found.append(Lead([[Run.task_id == self.task_id]], "task_id", self.task_id))
        if self.account_id is not None:
            by_account: Conditions = [Run.account_id == self.account_id]
            found.append(Lead([by_account], "account_id", self.account_id))
        if self.model is not None:
            found.append(Lead([[Run.model == self.model]], "model", self.model))
        if self.statuses:
            each = [[Run.status == name] for name in sorted(self.statuses)]
            found.append(Lead(each, "statuses", self.statuses))
        return found


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of `day` in `zone`."""
    try:
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except OverflowError:  # the first day of the year 1, east of Greenwich
        return datetime.min.replace(tzinfo=UTC)


def _in_words(condition: str) -> ColumnElement[bool]:
    return literal_column(condition)
