"""One filter for the log, shared by page and API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement

from ..models import Run


@dataclass(frozen=True)
class RunFilter:
    """Which rows of the ledger. Empty and None mean no restriction; `until` is exclusive."""

    task_id: int | None = None
    statuses: frozenset[str] = frozenset()
    account_id: int | None = None
    """Sent, or meant to be sent, through it."""
    since: datetime | None = None
    until: datetime | None = None
    whole_days: bool = True
    """Are `since` and `until` the bounds of whole days on the instance's clocks?"""

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL, to be put into a query's where."""
        found: list[ColumnElement[bool]] = []
        if self.task_id is not None:
            found.append(Run.task_id == self.task_id)
        if self.account_id is not None:
            found.append(Run.account_id == self.account_id)
        if self.statuses:
            found.append(Run.status.in_(sorted(self.statuses)))
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
