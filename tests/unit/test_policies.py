"""What becomes of an occurrence: each rule as a table of what is due and what is written."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from autoai.domain.policies import (
    LISTED,
    CatchUp,
    Gap,
    Hindrance,
    Overlap,
    Policies,
    Settlement,
    UnderWay,
    jitter,
    settle,
)
from autoai.domain.runs import Reason, Status
from autoai.domain.schedules import Interval
from tests.fakes import START

MINUTE = timedelta(minutes=1)
RUNNING, RUNNING_AND_WAITING = UnderWay(7), UnderWay(7, waiting=9)


def at(minute: float) -> datetime:
    """So many minutes after the start; something is due at each whole one but the first."""
    return START + minute * MINUTE


def settled(
    begin: float, now: float, under_way: UnderWay | None = None, **choices: object
) -> Settlement:
    """What is due from one minute to another, of a task that is due every minute."""
    due = Interval(60, START).between(at(begin), at(now), LISTED)
    return settle(due, at(now), Policies(**choices), under_way)  # type: ignore[arg-type]


def told(settlement: Settlement) -> list[str]:
    """The decisions in short, oldest first: status, reason, source, "serial"."""
    return [
        " ".join(
            [
                d.status,
                *([d.reason] if d.reason else []),
                *([d.source] if d.status is Status.QUEUED else []),
                *(["serial"] if d.serial else []),
            ]
        )
        for d in settlement.decisions
    ]


MISSED = "missed downtime"


@pytest.mark.parametrize(
    ("catch_up", "late", "expected"),
    [
        # Three are due, the newest of them so many minutes ago.
        ("latest", 0, [MISSED, MISSED, "queued schedule"]),
        ("latest", 0.16, [MISSED, MISSED, "queued schedule"]),
        ("latest", 0.17, [MISSED, MISSED, "queued catch_up"]),
        ("latest", 0.9, [MISSED, MISSED, "queued catch_up"]),
        ("none", 0, [MISSED, MISSED, "queued schedule"]),
        ("none", 0.16, [MISSED, MISSED, "queued schedule"]),
        ("none", 0.17, [MISSED, MISSED, MISSED]),
        ("all", 0, ["queued catch_up serial"] * 2 + ["queued schedule serial"]),
        ("all", 0.9, ["queued catch_up serial"] * 3),
    ],
)
def test_catch_up(catch_up: str, late: float, expected: list[str]) -> None:
    assert told(settled(1, 3 + late, catch_up=CatchUp(catch_up))) == expected


@pytest.mark.parametrize(
    ("window", "late", "expected"),
    [
        (0, 0.16, "queued schedule"),  # ten seconds are on time, whatever the window
        (0, 0.17, MISSED),
        (30, 0.5, "queued catch_up"),
        (30, 0.51, MISSED),
    ],
)
def test_the_window_of_catch_up(window: int, late: float, expected: str) -> None:
    assert told(settled(1, 1 + late, window=timedelta(seconds=window))) == [expected]


SKIPPED = "skipped overlap"


@pytest.mark.parametrize("catch_up", ["none", "latest", "all"])
@pytest.mark.parametrize(
    ("overlap", "under_way", "expected", "blocked_by"),
    [
        ("skip", None, "queued schedule", None),
        ("skip", RUNNING, SKIPPED, 7),
        ("skip", RUNNING_AND_WAITING, SKIPPED, 9),
        ("queue", None, "queued schedule", None),
        ("queue", RUNNING, "queued schedule serial", 7),
        ("queue", RUNNING_AND_WAITING, SKIPPED, 9),
        ("allow", None, "queued schedule", None),
        ("allow", RUNNING, "queued schedule", None),
        ("allow", RUNNING_AND_WAITING, "queued schedule", None),
    ],
)
def test_overlap_of_what_is_on_time(
    catch_up: str, overlap: str, under_way: UnderWay | None, expected: str, blocked_by: int | None
) -> None:
    found = settled(1, 1, under_way, catch_up=CatchUp(catch_up), overlap=Overlap(overlap))
    assert told(found) == [expected]
    assert found.decisions[0].blocked_by == blocked_by


@pytest.mark.parametrize(
    ("overlap", "under_way", "expected"),
    [
        ("skip", None, [MISSED, "queued catch_up"]),
        ("skip", RUNNING, [MISSED, SKIPPED]),
        ("queue", RUNNING, [MISSED, "queued catch_up serial"]),
        ("queue", RUNNING_AND_WAITING, [MISSED, SKIPPED]),
        ("allow", RUNNING, [MISSED, "queued catch_up"]),
    ],
)
def test_overlap_of_what_is_late(
    overlap: str, under_way: UnderWay | None, expected: list[str]
) -> None:
    assert told(settled(1, 2.5, under_way, overlap=Overlap(overlap))) == expected


@pytest.mark.parametrize("under_way", [None, RUNNING, RUNNING_AND_WAITING])
@pytest.mark.parametrize(("overlap", "serial"), [("skip", True), ("queue", True), ("allow", False)])
def test_catching_all_up_runs_one_after_another(
    overlap: str, serial: bool, under_way: UnderWay | None
) -> None:
    found = settled(1, 4.5, under_way, catch_up=CatchUp.ALL, overlap=Overlap(overlap))
    assert [d.status for d in found.decisions] == [Status.QUEUED] * 4
    assert [d.serial for d in found.decisions] == [serial] * 4


class TestLongGaps:
    @pytest.mark.parametrize(("count", "older"), [(100, 0), (101, 1), (1_000, 900)])
    def test_a_hundred_rows_at_most(self, count: int, older: int) -> None:
        found = settled(1, count, catch_up=CatchUp.ALL)
        assert len(found.decisions) == count - older
        assert [d.scheduled_for for d in found.decisions] == [
            at(minute) for minute in range(older + 1, count + 1)
        ]
        assert sum(gap.occurrences for gap in found.gaps) == older
        assert len(found.gaps) == (1 if older else 0)
        for gap in found.gaps:
            assert (gap.status, gap.reason, gap.first) == (
                Status.MISSED,
                Reason.DOWNTIME,
                at(1),
            )

    def test_a_pause_over_all_of_it_is_one_row(self) -> None:
        due = Interval(60, START).between(at(1), at(500), LISTED)
        found = settle(due, at(500), Policies(), None, hindrance=paused_from(0))
        assert found.decisions == []
        assert [(g.status, g.reason, g.first, g.last, g.occurrences) for g in found.gaps] == [
            (Status.SKIPPED, Reason.PAUSED, at(1), at(500), 500)
        ]


def paused_from(begin: float, end: float = 10**6):
    """A pause, as a task would answer."""

    def hindrance(instant: datetime) -> Hindrance | None:
        return Hindrance(Reason.PAUSED, at(begin)) if at(begin) <= instant < at(end) else None

    return hindrance


class TestHindrances:
    def settled(self, hindrance, now: float = 6, **choices: object) -> Settlement:
        due = Interval(60, START).between(at(1), at(now), LISTED)
        return settle(due, at(now), Policies(**choices), None, hindrance=hindrance)  # type: ignore[arg-type]

    def test_one_row_for_a_period(self) -> None:
        found = self.settled(paused_from(1.5, 4.5))
        assert found.gaps == [
            Gap(Status.SKIPPED, Reason.PAUSED, at(2), at(4), 3, since=at(1.5)),
        ]
        assert [d.scheduled_for for d in found.decisions] == [at(1), at(5), at(6)]
        assert told(found) == [MISSED, MISSED, "queued schedule"]

    def test_two_periods_are_two_rows(self) -> None:
        one, other = paused_from(0, 2), paused_from(3, 5)
        found = self.settled(lambda t: one(t) or other(t))
        assert [(g.first, g.last, g.since) for g in found.gaps] == [
            (at(1), at(1), at(0)),
            (at(3), at(4), at(3)),
        ]

    def test_another_reason_is_another_row(self) -> None:
        def hindrance(instant: datetime) -> Hindrance:
            reason = Reason.PAUSED if instant < at(3) else Reason.BLACKOUT
            return Hindrance(reason, START)

        found = self.settled(hindrance)
        assert [(g.reason, g.occurrences) for g in found.gaps] == [
            (Reason.PAUSED, 2),
            (Reason.BLACKOUT, 4),
        ]

    def test_what_was_due_before_a_pause_is_not_caught_up_in_it(self) -> None:
        """Its window is open, but it would be sent while nothing may run."""
        found = self.settled(paused_from(2.5))
        assert told(found) == [MISSED, "skipped paused"]
        assert [g.occurrences for g in found.gaps] == [4]

    def test_all_but_what_is_hindered(self) -> None:
        found = self.settled(paused_from(1.5, 4.5), catch_up=CatchUp.ALL)
        assert [d.scheduled_for for d in found.decisions] == [at(1), at(5), at(6)]
        assert {d.status for d in found.decisions} == {Status.QUEUED}


@pytest.mark.parametrize(
    ("expires_after", "late", "status"),
    [
        (60, 0, Status.QUEUED),
        (60, 59, Status.QUEUED),
        (60, 60, Status.EXPIRED),
        (30, 45, Status.EXPIRED),
        (None, 3_000, Status.QUEUED),
    ],
)
def test_freshness(expires_after: int | None, late: int, status: Status) -> None:
    due = Interval(86_400, START).between(START, START + timedelta(days=1), 1)
    (instant,) = due.newest
    limit = timedelta(seconds=expires_after) if expires_after else None
    now = instant + timedelta(seconds=late)
    (decision,) = settle(due, now, Policies(expires_after=limit), None).decisions
    assert decision.status is status
    assert decision.reason is None
    assert decision.expires_at == (instant + limit if limit else None)


def test_what_has_expired_waits_for_nobody() -> None:
    choices = {"expires_after": timedelta(seconds=5), "overlap": Overlap.QUEUE}
    found = settled(1, 1.5, RUNNING, **choices)
    assert told(found) == ["expired"]
    assert found.decisions[0].blocked_by is None and not found.decisions[0].serial


def test_nothing_due_is_nothing_to_write() -> None:
    due = Interval(60, START).between(at(0), at(0.5), LISTED)
    assert settle(due, at(0.5), Policies(), None) == Settlement([], [])


class TestJitter:
    def test_lateness_counts_from_the_shifted_instant(self) -> None:
        due = Interval(60, START).between(at(1), at(1), 1)
        shifted = timedelta(seconds=50)
        found = settle(due, at(1.9), Policies(), None, due_at=lambda t: t + shifted)
        assert told(found) == ["queued schedule"]
        assert found.decisions[0].due_at == at(1) + shifted
        assert found.decisions[0].scheduled_for == at(1)

    def test_it_is_the_same_whenever_it_is_asked_for(self) -> None:
        assert jitter("a", START, 600) == jitter("a", START, 600)

    def test_none_is_none(self) -> None:
        assert jitter("a", START, 0) == timedelta(0)

    def test_it_is_spread_over_the_whole_stretch(self) -> None:
        shifts = [jitter(f"task {n}", at(m), 60) for n in range(40) for m in range(50)]
        assert all(timedelta(0) <= shift < MINUTE for shift in shifts)
        tenths = [sum(1 for s in shifts if s // timedelta(seconds=6) == n) for n in range(10)]
        assert all(140 < count < 260 for count in tenths), tenths

    def test_tasks_and_occurrences_differ(self) -> None:
        assert len({jitter(f"task {n}", START, 3_600) for n in range(50)}) == 50
        assert len({jitter("a", at(n), 3_600) for n in range(50)}) == 50
