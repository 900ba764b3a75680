"""The ledger, held against the schedule and against what the upstream saw.

Everything is computed here anew, from the columns of the database: none of the app's own functions
is asked, for they are what is on trial.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.server import Instance
from tests.upstream import Seen

_CLOCK = timedelta(milliseconds=5)
"""Two processes read the same clock, but not in the same instruction."""


@dataclass
class Tally:
    """What was found, to be printed."""

    occurrences: int = 0
    covered_by_gaps: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    answered: int = 0
    sent_by_interrupted: int = 0

    def table(self, title: str) -> str:
        """A few lines for people."""
        lines = [
            ("due occurrences", self.occurrences),
            ("… within gap rows", self.covered_by_gaps),
            *((f"rows: {status}", count) for status, count in sorted(self.rows.items())),
            ("requests that arrived", self.requests),
            ("… and were answered", self.answered),
            ("… of interrupted runs", self.sent_by_interrupted),
        ]
        return "\n".join([f"\n{title}", *(f"  {name:<28}{count:>7}" for name, count in lines)])


def instant(text: str) -> datetime:
    """A column → an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def check_ledger(instance: Instance, requests: Iterable[Seen]) -> Tally:
    """Assert the ledger's rules for all interval tasks, each of which sends `launch=NAME`.

    Every due occurrence has exactly one row or lies in exactly one gap row; every request belongs
    to exactly one run and every run has at most one; a success was answered. For tasks with one
    attempt and without overlap, whose processes have all ended.
    """
    tally = Tally()
    arrived: dict[str, list[Seen]] = {}
    for request in requests:
        arrived.setdefault(request.launch, []).append(request)
    for task in instance.rows("SELECT * FROM tasks ORDER BY id"):
        rows = instance.rows("SELECT * FROM runs WHERE task_id = ? ORDER BY id", task["id"])
        tally.rows.update(row["status"] for row in rows)
        _check_occurrences(task, rows, tally)
        _check_requests(task["name"], rows, arrived.pop(task["name"], []), tally)
    assert not arrived, f"requests of no task: {sorted(arrived)}"
    return tally


def _check_occurrences(task: dict[str, Any], rows: list[dict[str, Any]], tally: Tally) -> None:
    step = timedelta(seconds=task["interval_seconds"])
    cursor = instant(task["next_run_at"])
    expected = []
    due = instant(task["anchor_at"]) + step
    while due < cursor:
        expected.append(due)
        due += step
    assert due == cursor, f"{task['name']}: the cursor {cursor} is not an occurrence"
    gaps = [
        (instant(row["missed_from"]), instant(row["missed_to"]), row["occurrences"])
        for row in rows
        if row["missed_from"]
    ]
    single = Counter(instant(row["scheduled_for"]) for row in rows if row["scheduled_for"])
    counted = [0] * len(gaps)
    for due in expected:
        within = [index for index, (first, last, _) in enumerate(gaps) if first <= due <= last]
        for index in within:
            counted[index] += 1
        found = single.pop(due, 0) + len(within)
        assert found == 1, f"{task['name']}: {due} is covered {found} times"
    assert not single, f"{task['name']}: rows for instants that were not due: {sorted(single)}"
    assert counted == [occurrences for _, _, occurrences in gaps]
    tally.occurrences += len(expected)
    tally.covered_by_gaps += sum(counted)


def _check_requests(
    name: str, rows: list[dict[str, Any]], arrived: list[Seen], tally: Tally
) -> None:
    left = list(arrived)
    for row in rows:
        if row["started_at"] is None:
            assert row["status"] not in ("success", "failed", "interrupted"), row
            continue
        assert row["finished_at"] is not None, f"{name}: left under way: {row}"
        first = instant(row["started_at"]) - _CLOCK
        last = instant(row["finished_at"]) + _CLOCK
        own = [seen for seen in left if first <= datetime.fromtimestamp(seen.arrived, UTC) <= last]
        left = [seen for seen in left if seen not in own]
        assert len(own) <= 1, f"{name}: {len(own)} requests for run {row['id']}"
        if row["status"] == "success":
            assert own, f"{name}: run {row['id']} succeeded without a request"
            assert own[0].answered, f"{name}: run {row['id']} succeeded without an answer"
        tally.sent_by_interrupted += len(own) if row["status"] == "interrupted" else 0
    assert not left, f"{name}: requests outside of any run: {left}"
    tally.requests += len(arrived)
    tally.answered += sum(seen.answered is not None for seen in arrived)
