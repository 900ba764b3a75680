"""What a test knows about tasks by itself: which instants their rules made due, and what was said
to their runs. `check_ledger` holds the rows against it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from autoai.extensions import db
from autoai.models import DailyTotal, Run

from . import oracle

ACTIVE = {"queued", "running"}
MEND = {"auth", "rejected"}
"""Reasons, among those that the tests play, that a person must mend."""
STEPS = {
    "queued": {"queued", "running", "cancelled", "expired", "skipped"},  # a pause began
    "running": {"running", "success", "failed", "cancelled", "interrupted", "expired"},
}
ON_TIME = timedelta(seconds=10)


@dataclass
class Known:
    """One task. `due` are the instants that its rules made due up to `settled`."""

    id: int
    fields: dict[str, Any]
    anchor: datetime
    settled: datetime
    due: set[datetime] = field(default_factory=set)
    pauses: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    failures: int = 0
    """In a row, of those that a person must mend."""
    keys: dict[str, int] = field(default_factory=dict)
    settled_by: dict[str, Any] = field(default_factory=dict)
    """The choices by which the last rows were written: an edit writes them by the old ones."""

    def settle(self, now: datetime) -> None:
        """Everything up to `now` must have its row from here on."""
        if self.fields["enabled"]:
            begin, end = (int(t.timestamp()) + 1 for t in (self.settled, now))
            found = oracle.due(self.fields, self.anchor, begin, end)
            self.due |= {datetime.fromtimestamp(instant, UTC) for instant in found}
        self.settled, self.settled_by = now, self.fields

    def change(self, changes: dict[str, Any], now: datetime) -> None:
        """The rule, or whether it counts, is another one from `now` on."""
        self.settle(now)
        if any(self.fields[name] != value for name, value in changes.items() if name in RULE):
            self.anchor = now.replace(microsecond=0)
        self.fields = {**self.fields, **changes}

    def paused(self, instant: datetime) -> bool:
        """Was it paused then?"""
        return any(a <= instant and (b is None or instant < b) for a, b in self.pauses)

    def within_pause(self, instant: datetime, *, ends: bool) -> bool:
        """`ends`: also where a pause began or ended, for a person may have been in time or not."""
        for begin, end in self.pauses:
            if ends and instant in (begin, end):
                return True
            if begin < instant and (end is None or instant < end):
                return True
        return False

    def pause(self, now: datetime, until: datetime | None) -> None:
        """From now on, in place of a pause under way."""
        since = self.pauses.pop()[0] if self.paused(now) else now
        self.pauses.append((since, until))

    def resume(self, now: datetime) -> None:
        """A pause under way ends now."""
        if self.paused(now):
            self.pauses.append((self.pauses.pop()[0], now))
        self.failures = 0

    def blacked_out(self, instant: datetime) -> bool:
        """Tasks with a blackout are on UTC here, and their window is 12:30 to 13:30."""
        at = instant.strftime("%H:%M")
        return bool(self.fields.get("blackouts")) and "12:30" <= at < "13:30"


RULE = {"schedule_type", "interval_seconds", "cron", "fixed_time", "once_at", "enabled"}


@dataclass
class Told:
    """What the other side did for one run: the result of each call, in order."""

    results: list[str] = field(default_factory=list)
    cancelled: bool = False


def rows_of_ledger() -> dict[int, Run]:
    """Every row, by id, as the database has it now."""
    found = db.session.scalars(select(Run).execution_options(populate_existing=True)).all()
    db.session.commit()
    return {row.id: row for row in found}


def check_ledger(
    tasks: dict[int, Known], rows: dict[int, Run], before: dict[int, tuple[str, int]]
) -> None:
    """Each due instant in exactly one row, no step back from an ending, totals that add up.

    `before` has status and occurrences of each row as they were a step ago.
    """
    assert {row.task_id for row in rows.values()} <= set(tasks), "a row without a task"
    by_task: dict[int, list[Run]] = defaultdict(list)
    for row in rows.values():
        by_task[row.task_id].append(row)
        if row.id in before:
            old, count = before[row.id]
            assert row.status in STEPS.get(old, {old}), f"run {row.id}: {old} → {row.status}"
            assert row.occurrences >= count
    for task in tasks.values():
        _check_task(task, by_task[task.id])
    _check_totals(set(tasks), rows)


def _check_task(task: Known, rows: list[Run]) -> None:
    single = [row.scheduled_for for row in rows if row.scheduled_for is not None]
    assert len(single) == len(set(single)), "an instant has two rows"
    assert set(single) <= task.due, "a row for what was never due"
    gaps = [row for row in rows if row.missed_from is not None]
    covered = len(single) + sum(row.occurrences for row in gaps)
    assert covered == len(task.due), f"{covered} covered, {len(task.due)} due: {task.fields}"
    for row in gaps:
        assert row.scheduled_for is None
        assert {row.missed_from, row.missed_to} <= task.due
        assert row.status in ("skipped", "missed")
        within = [t for t in task.due if row.missed_from <= t <= row.missed_to]
        assert row.occurrences <= len(within)
        if row.reason == "paused":
            assert task.within_pause(row.missed_from, ends=True)
            assert task.within_pause(row.missed_to, ends=True)
        elif row.reason == "blackout":
            assert task.blacked_out(row.missed_from) and task.blacked_out(row.missed_to)
    for instant in single:
        paused = task.within_pause(instant, ends=False)
        assert not paused, f"{instant} is within a pause and has a row of its own"
        assert not task.blacked_out(instant), f"{instant} is blacked out and has a row of its own"


def _check_totals(tasks: set[int], rows: dict[int, Run]) -> None:
    ended: Counter[tuple[int, str]] = Counter()
    for row in rows.values():
        if row.status not in ACTIVE:
            ended[row.task_id, row.status] += row.occurrences
    totals = db.session.execute(
        select(DailyTotal.task_id, DailyTotal.status, func.sum(DailyTotal.occurrences))
        .where(DailyTotal.task_id.in_(tasks))
        .group_by(DailyTotal.task_id, DailyTotal.status)
    )
    counted = {(task_id, status): count for task_id, status, count in totals}
    db.session.commit()
    assert counted == dict(ended), "the day's totals are not what the rows say"


def check_new_row(task: Known, row: Run, others: dict[int, str], now: datetime) -> None:
    """A row that the last step made, by the task's rules. `others`: statuses a step ago."""
    choices = task.settled_by or task.fields
    if row.reason == "overlap":
        assert row.blocked_by is not None
        assert others[row.blocked_by] in ACTIVE, "it was blocked by nothing"
    if row.source == "catch_up":
        assert choices["catch_up"] != "none"
        window = max(ON_TIME, timedelta(seconds=choices["catch_up_window_seconds"]))
        assert choices["catch_up"] == "all" or now - row.due_at <= window
    own = row.source in ("schedule", "catch_up") and row.status in ACTIVE
    strict = choices["overlap"] == "skip" and choices["catch_up"] != "all"
    assert not (own and strict and ACTIVE & set(others.values())), "two at once"


def check_ending(row: Run, told: Told, text: str | None) -> None:
    """A run that was sent, recorded, and ended: true to what the other side did."""
    assert row.attempts >= len(told.results)
    if told.cancelled:
        assert (row.status, row.reason) == ("cancelled", "cancelled")
        return
    assert row.attempts == len(told.results), "calls that nobody noted, or that nobody made"
    last = told.results[-1]
    if last.startswith("answer"):
        assert (row.status, row.reason, text) == ("success", None, last)
    elif row.status == "expired":
        assert row.expires_at is not None and row.reason == last
    else:
        assert (row.status, row.reason) == ("failed", last)
