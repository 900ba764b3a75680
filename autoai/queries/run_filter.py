"""One filter for the log, shared by page and API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, literal_column

from ..models import Run

_IS_CHANGED: ColumnElement[bool] = literal_column("runs.changed")


@dataclass(frozen=True)
class RunFilter:
    """Which rows of the ledger. Empty and None mean no restriction; `until` is exclusive."""

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

    @property
    def known_by_totals(self) -> bool:
        """Can the totals by day say how many there are? They know of tasks, days and statuses."""
        others = (self.account_id, self.verdict, self.changed)
        return self.whole_days and all(value is None for value in others)

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL, to be put into a query's where."""
        found: list[ColumnElement[bool]] = []
        if self.task_id is not None:
            found.append(Run.task_id == self.task_id)
        if self.account_id is not None:
            found.append(Run.account_id == self.account_id)
        if self.statuses:
            found.append(Run.status.in_(sorted(self.statuses)))
        if self.verdict is not None:
            found.append(Run.verdict == self.verdict)
        if self.changed is not None:
            # Told in the words of its index, or SQLite does not see that it fits.
            found.append(_IS_CHANGED if self.changed else Run.changed.is_(False))
        if self.since is not None:
            found.append(Run.due_at >= self.since)
        if self.until is not None:
            found.append(Run.due_at < self.until)
        return found

    def on_days(self, first: date | None, last: date | None, zone: ZoneInfo) -> RunFilter:
        """Restricted to days on the clocks of `zone`, both inclusive."""
        return replace(
            self,
            since=day_start(first, zone) if first else self.since,
            until=day_start(last + timedelta(days=1), zone)
            if last and last < date.max
            else self.until,
        )


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of `day` in `zone`."""
    try:
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except OverflowError:  # the first day of the year 1, east of Greenwich
        return datetime.min.replace(tzinfo=UTC)
