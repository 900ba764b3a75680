"""The ledger: every due instant has exactly one row, whatever happens to the process and the clock."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import takewhile

import pytest
from flask import Flask
from sqlalchemy import select

from autoai.domain.errors import NotFound
from autoai.extensions import db
from autoai.models import Run, Task
from autoai.services import occurrences
from autoai.services.ports import Ports
from autoai.services.recovery import note_awake, recover
from autoai.services.rewind import rewind_cursors
from autoai.services.task_switches import set_enabled
from autoai.services.tasks import delete_task, update_task
from tests.factories import make_run, make_task, run_now
from tests.fakes import FakeClock
from tests.ticks import OWNER, record, send, settle, tick


def rows(task_id: int | None = None) -> list[Run]:
    query = select(Run).order_by(Run.id)
    if task_id is not None:
        query = query.where(Run.task_id == task_id)
    found = list(db.session.scalars(query.execution_options(populate_existing=True)))
    db.session.commit()
    return found


def enumerated(task: Task, start: datetime, end: datetime) -> list[datetime]:
    return list(takewhile(lambda t: t <= end, task.schedule.after(start)))


def test_nothing_is_due_before_the_first_interval_is_over(
    in_app: Flask, ports: Ports, clock: FakeClock
) -> None:
    task = make_task(ports, interval_seconds=60)
    created = clock.now()
    clock.step(59)
    settled = settle(in_app)
    assert settled.orders == [] and rows() == []
    assert settled.next_due == task.next_run_at == created + timedelta(seconds=60)


def test_a_due_occurrence_is_claimed_in_the_same_look(
    in_app: Flask, ports: Ports, clock: FakeClock
) -> None:
    task = make_task(ports, interval_seconds=60, system_message="Be brief.")
    due = clock.step(60)
    clock.step(0.25)
    settled = settle(in_app)
    (order,) = settled.orders
    (row,) = rows()
    assert (order.run_id, order.task_id) == (row.id, task.id)
    assert [m["role"] for m in order.messages] == ["system", "user"]
    assert (row.status, row.source, row.owner) == ("running", "schedule", OWNER)
    assert row.scheduled_for == row.due_at == due
    assert row.lateness_ms == 250
    assert settled.next_due == due + timedelta(seconds=60)
    assert not settled.waiting


def test_looking_twice_changes_nothing(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    make_task(ports, interval_seconds=60)
    clock.step(60)
    assert len(settle(in_app).orders) == 1
    assert settle(in_app).orders == []
    assert len(rows()) == 1


@pytest.mark.parametrize("seed", range(6))
def test_rows_are_the_schedule_whatever_the_rhythm_of_looks(
    in_app: Flask, ports: Ports, clock: FakeClock, seed: int
) -> None:
    """Looks at random moments, slow answers, pauses: the ledger is the schedule's enumeration."""
    dice = random.Random(seed)
    start = clock.now()
    tasks = [
        make_task(ports, name="quick", interval_seconds=dice.randint(1, 20)),
        make_task(ports, name="slow", interval_seconds=dice.randint(30, 900)),
        make_task(
            ports,
            name="daily",
            schedule_type="fixed_time",
            interval_seconds=...,
            fixed_time="14:05",
            timezone="Europe/Berlin",
        ),
    ]
    under_way = []
    for _ in range(60):
        clock.step(dice.choice([0.01, 0.3, 1, 5, 17, 60, 300, 2_000]))
        under_way += settle(in_app, slots=dice.choice([0, 1, 2, 50])).orders
        if dice.random() < 0.6:
            record(in_app, send(in_app, under_way))
            under_way = []
    settle(in_app)
    for task in tasks:
        single = [row.scheduled_for for row in rows(task.id) if row.scheduled_for]
        assert len(single) == len(set(single))
        covered = list(single)
        for gap in (row for row in rows(task.id) if row.scheduled_for is None):
            inside = [
                t for t in enumerated(task, start, clock.now())
                if gap.missed_from <= t <= gap.missed_to
            ]  # fmt: skip
            assert gap.occurrences == len(inside) > 0
            covered += inside
        assert sorted(covered) == enumerated(task, start, clock.now())


class TestDowntime:
    def test_the_latest_runs_within_the_window(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        make_task(ports, interval_seconds=600)
        clock.step(hours=3, minutes=5)
        (order,) = settle(in_app).orders
        *missed, latest = rows()
        assert order.run_id == latest.id
        assert (latest.source, latest.status) == ("catch_up", "running")
        assert len(missed) == 17
        assert {(row.status, row.reason) for row in missed} == {("missed", "downtime")}

    @pytest.mark.parametrize(("late", "runs"), [(3_600, 1), (3_600.001, 0)])
    def test_after_the_window_it_is_missed(
        self, in_app: Flask, ports: Ports, clock: FakeClock, late: float, runs: int
    ) -> None:
        make_task(ports, interval_seconds=86_400)
        clock.step(86_400 + late)
        assert len(settle(in_app).orders) == runs
        assert [row.status for row in rows()] == ["running" if runs else "missed"]

    def test_a_long_gap_is_one_row_and_a_hundred(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        task = make_task(ports, interval_seconds=60)
        start = clock.now()
        clock.step(days=10)
        settle(in_app)
        gap, *single = rows()
        due = enumerated(task, start, clock.now())
        assert len(single) == 100
        assert [row.scheduled_for for row in single] == due[-100:]
        assert gap.scheduled_for is None
        assert (gap.status, gap.reason, gap.occurrences) == ("missed", "downtime", len(due) - 100)
        assert (gap.missed_from, gap.missed_to) == (due[0], due[-101])

    def test_a_hundred_and_one(self, in_app: Flask, ports: Ports, clock: FakeClock) -> None:
        make_task(ports, interval_seconds=60)
        clock.step(60 * 100)
        settle(in_app)
        assert [row.occurrences for row in rows()] == [1] * 100
        clock.step(60 * 101)
        settle(in_app)
        assert sum(row.occurrences for row in rows()) == 201
        assert len(rows()) == 201


class TestOverlap:
    def test_while_a_run_is_under_way_the_next_is_skipped(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        make_task(ports, interval_seconds=60)
        clock.step(60)
        first = settle(in_app).orders
        clock.step(60)
        assert settle(in_app).orders == []
        running, skipped = rows()
        assert (skipped.status, skipped.reason) == ("skipped", "overlap")
        assert skipped.blocked_by == running.id
        record(in_app, send(in_app, first))
        clock.step(60)
        assert len(settle(in_app).orders) == 1

    def test_a_run_by_hand_is_in_the_way_too(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        task = make_task(ports, interval_seconds=60)
        manual = run_now(ports, task.id)
        clock.step(60)
        settled = settle(in_app)
        assert [order.run_id for order in settled.orders] == [manual.id]
        assert rows()[-1].blocked_by == manual.id

    def test_other_tasks_are_not_in_the_way(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        for name in ("a", "b", "c"):
            make_task(ports, name=name)
        clock.step(60)
        assert len(settle(in_app).orders) == 3


class TestSlots:
    def test_the_oldest_first_and_no_more_than_there_are_slots(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        for number in range(5):
            make_task(ports, name=str(number))
        clock.step(60)
        first = settle(in_app, slots=2)
        assert first.waiting
        second = settle(in_app, slots=2)
        third = settle(in_app, slots=2)
        assert not third.waiting
        found = [sorted(o.run_id for o in s.orders) for s in (first, second, third)]
        assert found == [[1, 2], [3, 4], [5]]

    def test_no_slot_no_claim_but_the_rows_are_there(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        make_task(ports)
        clock.step(60)
        settled = settle(in_app, slots=0)
        assert settled.orders == [] and settled.waiting
        assert [row.status for row in rows()] == ["queued"]


class TestClock:
    def test_back_by_a_day_neither_repeats_nor_stops(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        task = make_task(ports, interval_seconds=3_600)
        for _ in range(3):
            clock.step(3_600)
            tick(in_app)
        before = [(row.id, row.scheduled_for, row.status) for row in rows()]
        now = clock.step(-86_400)
        rewind_cursors(now, ports.zone)
        cursor = db.session.get_one(Task, task.id, populate_existing=True).next_run_at
        assert cursor is not None and now < cursor <= now + timedelta(hours=1)
        for _ in range(30):
            clock.step(3_600)
            tick(in_app)
        assert [(r.id, r.scheduled_for, r.status) for r in rows()[:3]] == before
        instants = [row.scheduled_for for row in rows()]
        assert len(instants) == len(set(instants)) == 30
        assert {row.status for row in rows()} == {"success"}

    def test_back_by_a_day_and_right_again(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        """The gap that is then jumped over holds instants that have a row, and some from before
        the task was made."""
        task = make_task(ports, interval_seconds=1)
        for seconds in (1, 150, 1, 150):
            clock.step(seconds)
            tick(in_app)
        right = clock.now()
        rewind_cursors(clock.step(-86_400), ports.zone)
        clock.step(2)
        tick(in_app)
        clock.set(right + timedelta(seconds=150))
        tick(in_app)
        covered: list[datetime] = []
        for row in rows():
            if row.scheduled_for:
                covered.append(row.scheduled_for)
            else:
                assert row.missed_from and row.missed_to
                count = round((row.missed_to - row.missed_from).total_seconds()) + 1
                assert row.occurrences == count
                covered += [row.missed_from + timedelta(seconds=n) for n in range(count)]
        since = sorted(instant for instant in covered if instant > task.created_at)
        assert since == [task.created_at + timedelta(seconds=n) for n in range(1, 453)]
        assert len(covered) - len(since) == 2, "what ran while the clock was wrong"

    def test_a_small_step_back_is_waited_out(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        make_task(ports, interval_seconds=60)
        clock.step(60)
        tick(in_app)
        clock.step(-30)
        assert tick(in_app) == []
        clock.step(90)
        assert len(tick(in_app)) == 1
        assert len(rows()) == 2

    def test_forward_by_ten_years_is_downtime(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        make_task(ports, interval_seconds=1)
        clock.step(days=3_652)
        assert len(settle(in_app).orders) == 1
        assert len(rows()) == 101
        assert sum(row.occurrences for row in rows()) == 3_652 * 86_400

    def test_a_restart_sees_that_the_clock_went_back(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        task = make_task(ports, interval_seconds=60)
        clock.step(60)
        tick(in_app)
        note_awake(clock.now())
        now = clock.step(-7_200)
        recover(ports, "another")
        cursor = db.session.get_one(Task, task.id, populate_existing=True).next_run_at
        assert cursor == now + timedelta(seconds=60)


class TestRaces:
    """What a task's rows become when somebody changes it between the look and the transaction."""

    def test_an_edit_meanwhile_accounts_for_it(
        self, in_app: Flask, ports: Ports, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = make_task(ports, interval_seconds=60)
        due = clock.step(60)
        seen = occurrences._due_tasks(due)
        db.session.expunge_all()
        db.session.commit()
        update_task(ports, task.id, {"interval_seconds": 30}, partial=True)
        with occurrences.write_transaction() as session:
            occurrences._write_occurrences(session, seen, clock.now(), ports.zone)
        assert [row.scheduled_for for row in rows()] == [due]
        fresh = db.session.get_one(Task, task.id, populate_existing=True)
        assert fresh.next_run_at == due + timedelta(seconds=30)

    def test_a_deletion_meanwhile(self, in_app: Flask, ports: Ports, clock: FakeClock) -> None:
        task = make_task(ports)
        due = clock.step(60)
        seen = occurrences._due_tasks(due)
        db.session.expunge_all()
        db.session.commit()
        delete_task(ports, task.id)
        with occurrences.write_transaction() as session:
            occurrences._write_occurrences(session, seen, due, ports.zone)
        assert rows() == []

    def test_two_looks_claim_each_run_once(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        for name in "abcd":
            run_now(ports, make_task(ports, name=name).id)
        first = settle(in_app, slots=3, owner="one").orders
        second = settle(in_app, slots=3, owner="two").orders
        assert sorted(o.run_id for o in first + second) == [1, 2, 3, 4]


class TestSwitches:
    def test_disabled_time_has_no_rows(self, in_app: Flask, ports: Ports, clock: FakeClock) -> None:
        task = make_task(ports, interval_seconds=60)
        clock.step(90)
        set_enabled(ports, task.id, False)
        assert [row.status for row in rows()] == ["queued"], "due before it was switched off"
        tick(in_app)
        clock.step(hours=5)
        assert tick(in_app) == []
        set_enabled(ports, task.id, True)
        clock.step(59)
        assert tick(in_app) == []
        clock.step(1)
        assert len(tick(in_app)) == 1
        assert len(rows()) == 2

    def test_a_deleted_task_takes_its_rows_along(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        task = make_task(ports)
        clock.step(60)
        under_way = settle(in_app).orders
        delete_task(ports, task.id)
        record(in_app, send(in_app, under_way))
        assert rows() == []
        with pytest.raises(NotFound):
            run_now(ports, task.id)

    def test_an_id_is_never_used_again(self, in_app: Flask, ports: Ports, clock: FakeClock) -> None:
        """An answer of a deleted task's run must not land in another task's row."""
        task = make_task(ports)
        run_id = make_run(task, clock.now())
        delete_task(ports, task.id)
        other = make_task(ports)
        assert other.id > task.id
        assert make_run(other, clock.now()) > run_id
