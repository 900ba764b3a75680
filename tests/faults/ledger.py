"""The ledger, held against the schedule and against what the upstream saw.

Everything is computed here anew, from what was promised when the tasks were made, from the columns
of the database and from the upstream's own notes: none of the app's functions is asked, for they
are what is on trial.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.server import Instance
from tests.upstream import Seen

_CLOCK = timedelta(milliseconds=5)
"""Two processes read the same clock, but not in the same instruction."""
RECORDED_WITHIN = 2.0
"""Seconds between an answer and the end of a process that may not have had the time to record it."""


@dataclass(frozen=True)
class Grid:
    """A task's due instants: `first`, and one every `step`."""

    first: datetime
    step: timedelta

    def number(self, when: datetime) -> int | None:
        """The instant's number, or None where it is not an instant of the grid."""
        number, rest = divmod(when - self.first, self.step)
        return None if rest else number

    def last_until(self, when: datetime) -> int:
        """The number of the last instant that is not after `when`."""
        return (when - self.first) // self.step


@dataclass
class Tally:
    """What was found. All but the first three, and the two `Counter`s, must be nought."""

    due: int = 0
    rows: int = 0
    launches: int = 0
    uncovered: int = 0
    double_rows: int = 0
    not_due: int = 0
    double_launches: int = 0
    unclaimed: int = 0
    success_without_answer: int = 0
    answer_without_success: int = 0
    unfinished: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> dict[str, int]:
        """What must be nought and is not."""
        right = {"due", "rows", "launches", "by_status", "examples"}
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in right}
        return {name: count for name, count in found.items() if count}

    def blame(self, column: str, example: str, count: int = 1) -> None:
        """Count something that must not be."""
        setattr(self, column, getattr(self, column) + count)
        if len(self.examples) < 20:
            self.examples.append(f"{column}: {example}")

    def assert_right(self) -> None:
        """Say what is wrong, with examples."""
        assert not self.wrong, "\n".join([str(self.wrong), *self.examples])

    def table(self, title: str) -> str:
        """A line for people."""
        statuses = ", ".join(
            f"{count} {status}" for status, count in sorted(self.by_status.items())
        )
        return f"\n{title}: {self.due} due, {self.rows} rows ({statuses}), {self.launches} requests"


@dataclass(frozen=True)
class Evidence:
    """What a trial knows besides ledger and upstream."""

    grids: Mapping[str, Grid]
    until: datetime
    """By the process's clock: what was due up to here has its row."""
    horizon: datetime
    """By the process's clock: it was never later than this."""
    ended: Sequence[float] = ()
    """When processes were killed or told to end; an interrupted run is true only near one."""
    as_seen: Callable[[float], datetime] = lambda at: datetime.fromtimestamp(at, UTC)
    """A moment of the upstream's → the same moment on the process's clock."""
    slack: timedelta = _CLOCK
    """How far beyond its end a run's request may seem to lie, where clocks were moved."""


def instant(text: str) -> datetime:
    """A column → an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def check_ledger(instance: Instance, requests: Iterable[Seen]) -> Tally:
    """`audit`, with all wrong columns nought, for interval tasks that nobody edited and whose
    processes have ended: what is due is taken from the tasks' own rows."""
    grids, until = {}, []
    for task in instance.rows("SELECT * FROM tasks ORDER BY id"):
        step = timedelta(seconds=task["interval_seconds"])
        grids[task["name"]] = Grid(instant(task["anchor_at"]) + step, step)
        until.append(instant(task["next_run_at"]) - timedelta(microseconds=1))
    now = datetime.now(UTC)
    ended = [instant(row["finished_at"]).timestamp() for row in _given_up(instance)]
    tally = audit(instance, requests, Evidence(grids, min(until), now, ended))
    tally.assert_right()
    return tally


def _given_up(instance: Instance) -> list[dict[str, Any]]:
    return instance.rows("SELECT finished_at FROM runs WHERE status = 'interrupted'")


def audit(instance: Instance, requests: Iterable[Seen], evidence: Evidence) -> Tally:
    """Hold all tasks, each of which sends `launch=NAME` with one attempt and never overlaps, against
    their schedules and against what arrived."""
    tally = Tally()
    arrived: dict[str, list[Seen]] = {}
    for request in requests:
        if request.method == "POST":  # a preflight's GET sends no prompt
            arrived.setdefault(request.launch, []).append(request)
    for task in instance.rows("SELECT id, name FROM tasks ORDER BY id"):
        rows = instance.rows("SELECT * FROM runs WHERE task_id = ? ORDER BY id", task["id"])
        tally.rows += len(rows)
        tally.by_status.update(row["status"] for row in rows)
        _hold_against_schedule(task["name"], rows, evidence, tally)
        own = arrived.pop(task["name"], [])
        tally.launches += len(own)
        _hold_against_requests(task["name"], rows, own, evidence, tally)
    for name, left in arrived.items():
        tally.blame("unclaimed", f"requests of no task: {name}", len(left))
    return tally


def _hold_against_schedule(
    name: str, rows: list[dict[str, Any]], evidence: Evidence, tally: Tally
) -> None:
    """Numbers on the grid instead of instants: ten years of seconds are too many to list."""
    grid = evidence.grids[name]
    stretches: list[tuple[int, int]] = []
    for row in rows:
        if row["missed_from"]:
            first, last = instant(row["missed_from"]), instant(row["missed_to"])
            counted = row["occurrences"]
        elif row["scheduled_for"]:
            first = last = instant(row["scheduled_for"])
            counted = 1
        else:
            continue  # by hand: it covers no occurrence
        begin, end = grid.number(first), grid.number(last)
        if begin is None or end is None or end - begin + 1 != counted or last > evidence.horizon:
            tally.blame("not_due", f"{name}: row {row['id']} from {first} to {last}, {counted}")
        else:
            stretches.append((begin, end))
    newest = max(-1, grid.last_until(evidence.until))
    tally.due += newest + 1
    # Below nought lies what a clock that was set back to before the task's creation showed again.
    reached = min([0, *(begin for begin, _ in stretches)]) - 1
    for begin, end in [*sorted(stretches), (newest + 1, newest)]:
        if (twice := min(reached, end) - begin + 1) > 0:
            tally.blame("double_rows", f"{name}: instants {begin} to {end}", twice)
        if (hole := min(begin - 1, newest) - max(reached, -1)) > 0:
            tally.blame("uncovered", f"{name}: instants {reached + 1} to {begin - 1}", hole)
        reached = max(reached, end)


def _hold_against_requests(
    name: str, rows: list[dict[str, Any]], arrived: list[Seen], evidence: Evidence, tally: Tally
) -> None:
    """A request belongs to the run during which it arrived: runs of one task do not overlap."""
    started = [row for row in rows if row["started_at"]]
    left = sorted(arrived, key=lambda seen: seen.arrived)
    windows = [_window(row, evidence) for row in started]
    for number, row in enumerate(started):
        if row["finished_at"] is None:
            tally.blame("unfinished", f"{name}: run {row['id']} was left under way")
            continue
        first, last = windows[number]
        own = [seen for seen in left if first <= evidence.as_seen(seen.arrived) <= last]
        # Where clocks were moved, a later run's window may begin before this one's ends.
        later = windows[number + 1 :]
        own[1:] = [
            seen
            for seen in own[1:]
            if not any(a <= evidence.as_seen(seen.arrived) <= b for a, b in later)
        ]
        left = [seen for seen in left if seen not in own]
        if (surplus := len(own) - max(1, row["attempts"])) > 0:
            tally.blame("double_launches", f"{name}: {len(own)} requests for {row}", surplus)
        _hold_against_answers(name, row, own, evidence, tally)
    if left:
        tally.blame("unclaimed", f"{name}: outside of any run: {left[:3]}", len(left))


def _window(row: dict[str, Any], evidence: Evidence) -> tuple[datetime, datetime]:
    first = instant(row["started_at"])
    last = instant(row["finished_at"]) if row["finished_at"] else first
    return first - evidence.slack, max(first, last) + evidence.slack


def _hold_against_answers(
    name: str, row: dict[str, Any], own: list[Seen], evidence: Evidence, tally: Tally
) -> None:
    answers = [seen for seen in own if seen.answered is not None and seen.status == 200]
    if row["status"] == "success" and not answers:
        tally.blame("success_without_answer", f"{name}: {row}")
    if row["status"] == "success" or not answers:
        return
    answered = answers[-1].answered
    assert answered is not None
    # A process that ends may have had no time to record what it got: then `interrupted` is true.
    excused = row["status"] == "interrupted" and any(
        abs(answered - end) <= RECORDED_WITHIN for end in evidence.ended
    )
    if not excused and row["status"] != "cancelled":
        tally.blame("answer_without_success", f"{name}: {row}")
