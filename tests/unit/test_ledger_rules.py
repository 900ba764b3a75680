"""Rules of the ledger where several of them meet: each was broken once."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from autoai.extensions import db
from autoai.models import InstanceState, Outage
from autoai.services.outages import decide
from autoai.services.ports import Ports
from autoai.services.recovery import note_awake, recover
from autoai.services.rewind import rewind_cursors
from autoai.services.runs import cancel_run, retry_run
from autoai.services.task_switches import pause_task
from autoai.services.tasks import delete_task
from tests.factories import make_task, run_now
from tests.fakes import FakeClock
from tests.known import rows_of_ledger
from tests.ticks import record, send, settle


def revision() -> int:
    found = db.session.scalar(select(InstanceState.revision))
    db.session.commit()
    return found or 0


def test_all_of_a_long_gap_can_be_run(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    task = make_task(ports, interval_seconds=60)
    note_awake(clock.now())
    clock.step(60 * 150)
    recover(ports, "the next process")
    settle(in_app)
    outage = db.session.scalar(select(Outage))
    db.session.commit()
    assert outage is not None
    assert decide(ports, outage.id, task.id, "all") == 149, "the latest was caught up by itself"


def test_a_run_that_waits_is_no_news(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    make_task(ports, interval_seconds=600, overlap="queue")
    for _ in range(2):
        clock.step(600)
        settle(in_app)
    before = revision()
    for _ in range(5):
        clock.step(1)
        settle(in_app)
    assert revision() == before


def test_nothing_is_caught_up_in_a_blackout(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    make_task(ports, interval_seconds=3_600, blackouts=[{"from": "13:30", "to": "20:00"}])
    clock.step(hours=1, minutes=50)
    assert not settle(in_app).orders
    assert [run.reason for run in rows_of_ledger().values()] == ["blackout"]


def test_no_jitter_leads_into_a_blackout(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    make_task(
        ports,
        interval_seconds=3_600,
        jitter_seconds=3_600,
        blackouts=[{"from": "13:01", "to": "20:00"}],
    )
    for _ in range(2):
        clock.step(hours=1)
        assert not settle(in_app).orders


def test_what_was_cancelled_is_not_run_again(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    make_task(ports, interval_seconds=60, rerun_interrupted=True)
    clock.step(60)
    settle(in_app)
    (run_id,) = rows_of_ledger()
    cancel_run(ports, run_id)
    recover(ports, "the next process")
    assert list(rows_of_ledger()) == [run_id]


def test_a_pause_holds_back_what_waits(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    task = make_task(ports, interval_seconds=60, overlap="queue")
    clock.step(60)
    first = settle(in_app)
    clock.step(60)
    settle(in_app)
    pause_task(ports, task.id)
    record(in_app, send(in_app, first.orders))
    clock.step(1)
    assert not settle(in_app).orders
    assert [run.status for run in rows_of_ledger().values()] == ["success", "skipped"]


def test_a_clock_that_was_ahead_is_not_counted(
    in_app: Flask, ports: Ports, clock: FakeClock
) -> None:
    task = make_task(ports, interval_seconds=60)
    pause_task(ports, task.id)
    clock.step(hours=3)
    settle(in_app)
    rewind_cursors(clock.step(hours=-2), ports.zone)
    clock.step(hours=2)
    settle(in_app)
    assert sum(run.occurrences for run in rows_of_ledger().values()) == 180


def test_what_is_too_old_expires_without_a_slot(
    in_app: Flask, ports: Ports, clock: FakeClock
) -> None:
    make_task(ports, interval_seconds=600, expires_after_seconds=30)
    for seconds in (600, 60):
        clock.step(seconds)
        settle(in_app, slots=0)
    assert [run.status for run in rows_of_ledger().values()] == ["expired"]


def test_a_long_gap_that_was_partly_a_pause(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    task = make_task(ports, interval_seconds=1)
    pause_task(ports, task.id, clock.now() + timedelta(minutes=10))
    clock.step(minutes=20)
    settle(in_app)
    found = {run.reason: run.occurrences for run in rows_of_ledger().values() if run.missed_from}
    assert found == {"paused": 599, "downtime": 501}


def test_a_single_moment_in_the_gap_of_the_clocks(in_app: Flask, ports: Ports) -> None:
    task = make_task(
        ports,
        schedule_type="once",
        interval_seconds=...,
        once_at="2026-03-29T02:30",
        timezone="Europe/Berlin",
    )
    assert task.next_run_at is not None
    assert task.next_run_at.isoformat() == "2026-03-29T01:00:00+00:00"


def test_a_blackout_begins_while_a_run_waits_for_a_slot(
    in_app: Flask, ports: Ports, clock: FakeClock
) -> None:
    task = make_task(ports, interval_seconds=3_600, blackouts=[{"from": "13:30", "to": "20:00"}])
    clock.step(hours=1)
    assert not settle(in_app, slots=0).orders
    asked = run_now(ports, task.id).id
    clock.step(minutes=40)
    (order,) = settle(in_app).orders
    assert order.run_id == asked, "what a person asks for runs all the same"
    (waited,) = [run for run in rows_of_ledger().values() if run.id != asked]
    assert (waited.status, waited.reason) == ("skipped", "blackout")


def test_a_retry_that_is_interrupted_is_run_again_once(
    in_app: Flask, ports: Ports, clock: FakeClock
) -> None:
    task = make_task(ports, schedule_type="manual", rerun_interrupted=True)
    first = run_now(ports, task.id).id
    record(in_app, send(in_app, settle(in_app).orders))
    retry = retry_run(ports, first)
    for deaths in (1, 2):
        settle(in_app)
        recover(ports, f"process {deaths}")
    assert [(run.for_run, run.status) for run in rows_of_ledger().values()] == [
        (None, "success"),
        (first, "interrupted"),
        (retry, "interrupted"),
    ]


def test_deleting_a_task_ends_its_calls(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports, schedule_type="manual")
    run_id = run_now(ports, task.id).id
    settle(in_app)
    ended: list[int] = []
    ports.cancel = ended.append
    delete_task(ports, task.id)
    assert ended == [run_id]
