"""When the tick looks: at what is due, when it is woken, and never again after a stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from apscheduler.jobstores.base import JobLookupError
from flask import Flask
from sqlalchemy import func, select

from autoai.extensions import db
from autoai.models import InstanceState, Run
from autoai.runtime import runtime
from autoai.scheduling.tick import LONGEST_PAUSE, Tick
from autoai.scheduling.trigger import FromNow
from autoai.services.ports import Ports
from tests.factories import make_task, run_now
from tests.fakes import START, FakeClock, RecordingExecutor

PAUSE = timedelta(seconds=LONGEST_PAUSE)


class Planner:
    """In the place of the extension: notes when the next look shall be."""

    def __init__(self) -> None:
        self.when: list[datetime] = []
        self.removed = False

    def add_job(self, id: str, call: Any, *, next_run_time: datetime, **options: Any) -> None:
        self.when.append(next_run_time)

    def modify_job(self, id: str, *, next_run_time: datetime) -> None:
        if self.removed:
            raise JobLookupError(id)
        self.when.append(next_run_time)

    def remove_job(self, id: str) -> None:
        self.removed = True


class MeddlingClock(FakeClock):
    """Calls `meddle` once, the next time that somebody asks for the time."""

    meddle: Callable[[], None] | None = None

    def now(self) -> datetime:
        meddle, self.meddle = self.meddle, None
        if meddle:
            meddle()
        return super().now()


@pytest.fixture
def clock() -> MeddlingClock:
    return MeddlingClock()


@pytest.fixture
def planner() -> Planner:
    return Planner()


@pytest.fixture
def executor() -> RecordingExecutor:
    return RecordingExecutor()


@pytest.fixture
def looker(app: Flask, planner: Planner, clock: FakeClock, executor: RecordingExecutor) -> Tick:
    made = Tick(app, planner, runtime(app).ports, executor, "test")  # type: ignore[arg-type]
    made.start()
    return made


def rows(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count(Run.id))) or 0


def test_it_looks_at_once_and_then_after_a_pause(looker: Tick, planner: Planner) -> None:
    assert planner.when == [START]
    looker()
    assert planner.when[-1] == START + PAUSE


def test_it_looks_at_the_very_instant(
    app: Flask, ports: Ports, looker: Tick, planner: Planner, clock: FakeClock
) -> None:
    with app.app_context():
        make_task(ports, interval_seconds=1)
    clock.step(0.75)
    looker()
    assert planner.when[-1] == START + timedelta(seconds=1)


def test_what_is_due_is_submitted(
    app: Flask, ports: Ports, looker: Tick, clock: FakeClock, executor: RecordingExecutor
) -> None:
    with app.app_context():
        make_task(ports, interval_seconds=1)
    clock.step(1)
    looker()
    assert len(executor.orders) == 1
    looker()
    assert len(executor.orders) == 1


def test_a_wake_while_it_looks_makes_it_look_again(
    app: Flask, ports: Ports, looker: Tick, clock: MeddlingClock, executor: RecordingExecutor
) -> None:
    with app.app_context():
        task = make_task(ports, enabled=False)
        task_id = task.id
    db_was_read = threading.Event()
    free_slots = executor.free_slots

    def somebody_asks() -> int:
        """While the look is under way, a run by hand comes in on another thread."""
        if not db_was_read.is_set():
            db_was_read.set()

            def ask() -> None:
                with app.app_context():
                    run_now(ports, task_id)
                looker.wake()

            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()
        return free_slots()

    executor.free_slots = somebody_asks  # type: ignore[method-assign]
    looker()
    assert len(executor.orders) == 1, "in the same call, not a pause later"


def test_a_wake_in_the_last_moment_is_not_overruled(
    looker: Tick, planner: Planner, clock: MeddlingClock
) -> None:
    """The look is over, the next one is being planned, and something changes."""
    looks = 0
    look = looker._look

    def counted() -> datetime | None:
        nonlocal looks
        looks += 1
        found = look()
        if looks == 1:
            clock.meddle = looker.wake
        return found

    looker._look = counted  # type: ignore[method-assign]
    looker()
    assert looks == 2 or planner.when[-1] <= clock.now()


def test_a_second_look_at_the_same_time_leaves_it_to_the_first(
    looker: Tick, clock: MeddlingClock
) -> None:
    looks = 0
    look = looker._look

    def counted() -> datetime | None:
        nonlocal looks
        looks += 1
        if looks == 1:
            thread = threading.Thread(target=looker)
            thread.start()
            thread.join(10)
            assert not thread.is_alive(), "it does not wait"
        return look()

    looker._look = counted  # type: ignore[method-assign]
    looker()
    assert looks == 2


def test_a_look_that_fails_is_followed_by_another(
    looker: Tick, planner: Planner, executor: RecordingExecutor, clock: FakeClock
) -> None:
    free_slots = executor.free_slots
    executor.free_slots = lambda: 1 // 0  # type: ignore[method-assign]
    before = looker.beat
    clock.step(5)
    looker()
    assert looker.beat == before + 5, "it is not dead"
    assert planner.when[-1] == clock.now() + PAUSE
    executor.free_slots = free_slots  # type: ignore[method-assign]
    looker.wake()
    assert planner.when[-1] == clock.now()
    looker()
    assert planner.when[-1] == clock.now() + PAUSE


def test_after_a_stop_nothing_begins(
    app: Flask,
    ports: Ports,
    looker: Tick,
    planner: Planner,
    clock: FakeClock,
    executor: RecordingExecutor,
) -> None:
    with app.app_context():
        make_task(ports, interval_seconds=1)
    looker.stop()
    clock.step(60)
    planned = len(planner.when)
    looker()
    looker.wake()
    assert executor.orders == [] and rows(app) == 0
    assert len(planner.when) == planned


def test_a_clock_that_goes_back_a_day_is_noticed(
    app: Flask, ports: Ports, looker: Tick, clock: FakeClock, executor: RecordingExecutor
) -> None:
    with app.app_context():
        make_task(ports, interval_seconds=600)
    clock.step(600)
    looker()
    clock.step(-86_400)
    looker()
    assert len(executor.orders) == 1
    clock.step(600)
    looker()
    assert rows(app) == 2, "it goes on in the clock's new time"


def test_it_notes_that_it_is_awake_now_and_then(app: Flask, looker: Tick, clock: FakeClock) -> None:
    def noted() -> datetime | None:
        with app.app_context():
            return db.session.scalar(select(InstanceState.last_tick_at))

    looker()
    first = noted()
    assert first == START
    clock.step(3)
    looker()
    assert noted() == first, "not with each look"
    clock.step(10)
    looker()
    assert noted() == clock.now()


def test_a_clock_that_jumps_gives_apscheduler_nothing_to_catch_up() -> None:
    """Its own interval would list every second of ten years."""
    trigger = FromNow(1.0)
    after = START + timedelta(days=3_653)
    assert trigger.get_next_fire_time(START, after) == after + timedelta(seconds=1)
