"""Totals by the hour equal what the ledger's rows say, also after a task is gone."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, event, func, insert, select, text, update

from autoai.domain.percentiles import bucket_of, middle_of, percentile
from autoai.extensions import db
from autoai.models import HourlyTiming, HourlyTotal, InstanceState, Run, write_transaction
from autoai.queries.dashboard import dashboard_figures, hours_chart, performance
from autoai.runtime import runtime
from autoai.services.hours import (
    Ended,
    count_hours,
    count_hours_once,
    find_wrong_hours,
    hour_of,
)
from autoai.services.ports import Ports
from autoai.services.statistics import rebuild_totals
from autoai.services.tasks import delete_task
from tests.factories import make_run, make_task
from tests.fakes import START, FakeClock
from tests.ticks import tick

ZONE = ZoneInfo("UTC")


@given(st.integers(min_value=0, max_value=10**9))
def test_a_bucket_stands_for_its_measurements(milliseconds: int) -> None:
    assert abs(middle_of(bucket_of(milliseconds)) - milliseconds) <= 0.5 + 0.0201 * milliseconds


@given(
    st.lists(st.integers(min_value=0, max_value=10**7), min_size=1), st.sampled_from([0.5, 0.95])
)
def test_percentiles_are_those_of_the_sorted_list(values: list[int], share: float) -> None:
    counts: dict[int, int] = {}
    for value in values:
        counts[bucket_of(value)] = counts.get(bucket_of(value), 0) + 1
    rank = next(n for n in range(1, len(values) + 1) if n >= share * len(values))
    assert percentile(counts, share) == middle_of(bucket_of(sorted(values)[rank - 1]))
    assert percentile({}, share) is None


@pytest.mark.parametrize(
    ("instant", "zone", "hour"),
    [
        ("2026-03-02T09:59:59.999999+00:00", "UTC", "2026-03-02T09:00:00+00:00"),
        ("2026-03-02T09:59:59+00:00", "Asia/Kolkata", "2026-03-02T09:30:00+00:00"),
        ("2026-03-02T09:10:00+00:00", "Asia/Kathmandu", "2026-03-02T08:15:00+00:00"),
        ("2026-10-25T01:30:00+00:00", "Europe/Berlin", "2026-10-25T01:00:00+00:00"),
    ],
)
def test_hours_are_those_of_the_zone(instant: str, zone: str, hour: str) -> None:
    assert (
        hour_of(datetime.fromisoformat(instant), ZoneInfo(zone)).astimezone(UTC).isoformat() == hour
    )


def test_a_day_of_runs_equals_its_totals(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    make_task(ports, interval_seconds=600)
    gone = make_task(ports, name="Gone", interval_seconds=1_800)
    for _ in range(12):
        clock.step(hours=4)  # far more than a look misses
        tick(in_app)
        clock.step(minutes=1)
    assert rebuild_totals(ports.zone) == 0
    delete_task(ports, gone.id)
    assert rebuild_totals(ports.zone) == 0
    with write_transaction() as session:
        session.execute(update(HourlyTotal).values(due=HourlyTotal.due + 1))
    assert rebuild_totals(ports.zone) > 0
    assert rebuild_totals(ports.zone) == 0


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_sqlite_counts_as_python_does(in_app: Flask, ports: Ports, zone: str) -> None:
    """What is added up row by row as runs end equals what is added up from the ledger."""
    task = make_task(ports, enabled=False)
    rows = []
    for number in range(300):
        due = START + timedelta(minutes=7 * number, microseconds=number * 37_501 % 1_000_000)
        started = due + timedelta(microseconds=(number - 20) * 500)  # some before they were due
        row = {"due_at": due, "started_at": started, "status": "success", "occurrences": 1}
        row["finished_at"] = started + timedelta(microseconds=number * number * 1_500 + number % 3)
        if number % 7 == 0:
            row |= {"started_at": None, "status": "missed", "occurrences": number}
        rows.append(row | ({"status": "interrupted"} if number % 11 == 0 else {}))
    with write_transaction() as session:
        session.execute(
            insert(Run), [{"task_id": task.id, "source": "schedule", **r} for r in rows]
        )
        count_hours(session, ZoneInfo(zone), [Ended(**row) for row in rows])
    wrong = find_wrong_hours(db.session(), ZoneInfo(zone))
    assert (wrong.totals, wrong.timings) == ({}, {})


def test_others_write_while_totals_are_proven(
    in_app: Flask, ports: Ports, clock: FakeClock
) -> None:
    """What they count meanwhile is counted, and what was wrong is mended."""
    make_task(ports, interval_seconds=600)
    for _ in range(12):
        clock.step(hours=4)
        tick(in_app)
    with write_transaction() as session:
        session.execute(update(HourlyTotal).values(due=HourlyTotal.due + 1))
    other = sqlite3.connect(runtime().settings.database_path, timeout=0, isolation_level=None)
    written = 0

    def write(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal written
        if "unixepoch" in statement:  # the hours are being counted
            other.execute("UPDATE hourly_totals SET started = started + 1")  # at once, or it fails
            written += 1

    event.listen(db.engine, "after_cursor_execute", write)
    try:
        assert rebuild_totals(ports.zone) > 0
    finally:
        event.remove(db.engine, "after_cursor_execute", write)
        other.close()
    assert written > 3
    with write_transaction() as session:
        session.execute(update(HourlyTotal).values(started=HourlyTotal.started - written))
    assert rebuild_totals(ports.zone) == 0


def test_runs_from_before_are_counted_once(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports, enabled=False)
    make_run(task, START - timedelta(hours=2), finished_at=START)
    with write_transaction() as session:
        session.execute(delete(HourlyTotal))
        session.execute(delete(HourlyTiming))
        session.execute(update(InstanceState).values(hours_counted=False))
    for _ in range(2):
        count_hours_once(ports.zone)
        assert db.session.scalar(select(func.sum(HourlyTotal.due))) == 1
        assert db.session.scalar(select(func.sum(HourlyTiming.runs))) == 2


def test_the_dashboard_tells_of_today(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    task = make_task(ports, enabled=False)
    for minute, took in enumerate((100, 200, 300, 5_000)):
        due = START - timedelta(minutes=minute + 1)
        make_run(
            task,
            due,
            started_at=due + timedelta(milliseconds=20),
            finished_at=due + timedelta(milliseconds=20 + took),
            status="failed" if took == 300 else "success",
        )
    make_run(task, START - timedelta(days=1), finished_at=START)
    queued = {"started_at": None, "finished_at": None, "verdict": None}
    make_run(task, START, status="queued", **queued)
    make_run(task, START - timedelta(days=2), status="running", source="manual", finished_at=None)
    figures = dashboard_figures(START, ZONE)
    assert (figures.runs_today, figures.failed_today, figures.running_now) == (4, 1, 1)
    assert figures.by_status_today == {"success": 3, "failed": 1, "queued": 1}
    timings = figures.timings_today
    assert (timings.lateness_p50_ms, timings.lateness_p95_ms) == (20, 20)
    assert timings.duration_p50_ms == pytest.approx(200, rel=0.02)
    assert timings.duration_p95_ms == pytest.approx(5_000, rel=0.02)
    slots = hours_chart(START, ZONE)
    assert len(slots) == 24 and slots[-1].start <= START < slots[-1].start + timedelta(hours=1)
    assert sum(sum(slot.by_status.values()) for slot in slots) == 5
    days = performance(START, ZONE, 3)
    assert [sum(day.day.by_status.values()) for day in days] == [0, 1, 5]
    assert days[-1].timings == timings and days[-1].success_rate == 0.75


def test_all_time_is_the_sum_of_the_hours_and_is_proved_with_them(app: Flask, ports: Ports) -> None:
    with app.app_context():
        task = make_task(ports)
        for hours in range(5):
            make_run(
                task, START - timedelta(hours=hours), status="failed" if hours % 2 else "success"
            )
        assert _all_time() == _sum_of_hours() == {"success": (3, 0), "failed": (2, 0)}
        with write_transaction() as session:
            session.execute(text("UPDATE hourly_totals SET due = due + 2 WHERE status = 'failed'"))
        assert _all_time() == _sum_of_hours() == {"success": (3, 0), "failed": (6, 0)}
        with write_transaction() as session:
            session.execute(text("DELETE FROM hourly_totals WHERE status = 'failed'"))
            session.execute(text("UPDATE status_totals SET due = 70 WHERE status = 'success'"))
            wrong = find_wrong_hours(session, ZONE)
            assert len(wrong) == 3
            wrong.mend(session, ZONE)
        assert _all_time() == _sum_of_hours() == {"success": (3, 0), "failed": (2, 0)}
        assert len(find_wrong_hours(db.session(), ZONE)) == 0


def _all_time() -> dict[str, tuple[int, int]]:
    rows = db.session.execute(text("SELECT status, due, due_degraded FROM status_totals"))
    return {status: (due, degraded) for status, due, degraded in rows}


def _sum_of_hours() -> dict[str, tuple[int, int]]:
    query = "SELECT status, sum(due), sum(due_degraded) FROM hourly_totals GROUP BY status"
    return {status: (due, bad) for status, due, bad in db.session.execute(text(query))}
