"""Old rows go in small steps; totals by day stay, and equal what the rows say."""

from __future__ import annotations

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import func, select, update

from autoai.domain.runs import Status
from autoai.extensions import db
from autoai.models import DailyTotal, Run, RunText
from autoai.queries.run_filter import RunFilter
from autoai.queries.run_log import figures
from autoai.services.ports import Ports
from autoai.services.recovery import note_awake, note_sleep
from autoai.services.retention import clock_is_trusted, remove_old_runs, remove_old_texts
from autoai.services.statistics import rebuild_totals
from autoai.services.steps import STEP
from tests.factories import make_task
from tests.fakes import FakeClock
from tests.ticks import tick

UTC_ZONE = ZoneInfo("UTC")


def count(table: type[Run] | type[RunText]) -> int:
    found = db.session.scalar(select(func.count()).select_from(table))
    db.session.commit()
    return found or 0


def a_week(app: Flask, ports: Ports, clock: FakeClock) -> None:
    """A run every six hours for seven days."""
    make_task(ports, interval_seconds=6 * 3_600)
    for _ in range(28):
        clock.step(hours=6)
        tick(app)


def test_rows_go_and_figures_stay(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    a_week(in_app, ports, clock)
    before = figures(RunFilter(), UTC_ZONE)
    assert before.by_status == {"success": 28}
    assert remove_old_runs(clock.now(), days=3) == 15, "those that are more than three days old"
    assert remove_old_runs(clock.now(), days=3) == 0
    assert count(Run) == 13 and count(RunText) == 13
    db.session.expire_all()
    assert figures(RunFilter(), UTC_ZONE) == before


def test_texts_go_before_their_rows(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    a_week(in_app, ports, clock)
    assert remove_old_texts(clock.now(), days=5) == 7
    assert remove_old_texts(clock.now(), days=5) == 0
    assert count(RunText) == 21 and count(Run) == 28


def test_what_is_under_way_stays(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    a_week(in_app, ports, clock)
    db.session.execute(update(Run).where(Run.id == 1).values(status=Status.RUNNING))
    db.session.commit()
    remove_old_runs(clock.now() + timedelta(days=400), days=365)
    assert db.session.scalars(select(Run.id)).all() == [1]


def test_steps_are_small(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    make_task(ports, interval_seconds=60, catch_up="all")
    for _ in range(3):
        clock.step(minutes=100)
        tick(in_app, slots=0)
    db.session.execute(update(Run).values(status=Status.SUCCESS))
    db.session.commit()
    later = clock.now() + timedelta(days=400)
    assert [remove_old_runs(later, days=365) for _ in range(3)] == [STEP, 300 - STEP, 0]


def test_totals_are_proven_and_mended(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    a_week(in_app, ports, clock)
    assert rebuild_totals(UTC_ZONE) == 0
    db.session.execute(update(DailyTotal).values(occurrences=99))
    db.session.commit()
    assert rebuild_totals(UTC_ZONE) > 0
    assert rebuild_totals(UTC_ZONE) == 0
    today = clock.now().astimezone(UTC).date()
    total = db.session.scalar(
        select(DailyTotal.occurrences).where(DailyTotal.day == today - timedelta(days=1))
    )
    assert total == 4


def test_a_clock_that_jumped_is_not_trusted_for_a_day(
    in_app: Flask, ports: Ports, clock: FakeClock
) -> None:
    """To a clock that is ten years ahead by mistake the whole ledger is old."""
    note_awake(clock.now())
    assert clock_is_trusted(clock.now())
    before = clock.now()
    after = clock.step(days=3_653)
    assert not clock_is_trusted(after), "before the scheduler has seen the jump"
    note_sleep(before, after)
    note_awake(after)
    assert not clock_is_trusted(after)
    note_awake(clock.step(hours=25))
    assert clock_is_trusted(clock.now())
    clock.set(before)
    note_awake(before)
    assert clock_is_trusted(before), "that jump has not been yet"


def test_a_short_downtime_puts_nothing_off(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    note_sleep(clock.now(), clock.step(hours=2))
    note_awake(clock.now())
    assert clock_is_trusted(clock.now())
