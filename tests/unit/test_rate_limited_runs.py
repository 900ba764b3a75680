"""Runs under limits: they wait in the queue, not on threads, and say what for. AUTOAI_LONG=1 asks
for a thousand of them."""

from __future__ import annotations

import os
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from autoai.domain.errors import ProviderError
from autoai.domain.limits import MINUTE
from autoai.domain.runs import Kind, Reason, Status
from autoai.execution.local_pool import LocalPool
from autoai.extensions import db
from autoai.models import Run, Throttle, write_transaction
from autoai.runtime import runtime
from autoai.services import runs
from autoai.services.accounts import create_account, set_enabled
from autoai.services.ports import Ports
from autoai.services.recovery import recover
from autoai.services.run_orders import Outcome
from tests.factories import make_task
from tests.fakes import START, FakeClock, ScriptedProvider, completion
from tests.ticks import record, send, settle, tick
from tests.wire import answer, http, wire

RUNS, AT_ONCE, PER_MINUTE = (1_000 if os.environ.get("AUTOAI_LONG") == "1" else 250), 5, 60


def make_account(ports: Ports, **changes: Any) -> int:
    values = {"name": "One", "api_endpoint": "http://127.0.0.1:9/v1", "default_model": "m-1"}
    return create_account(ports, {**values, **changes}).id


def with_account(ports: Ports, account_id: int, **changes: Any) -> int:
    return make_task(
        ports, api_endpoint=..., model=..., account_id=account_id, schedule_type="manual", **changes
    ).id


def counts() -> dict[str, int]:
    found = dict(db.session.execute(select(Run.status, func.count()).group_by(Run.status)).all())
    db.session.rollback()
    return found


class CountingUpstream:
    """Answers three seconds of the injected clock after a request came; knows how many were there."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.arrivals: list[float] = []
        self.under_way = self.most_under_way = 0

    def answer(self, body: bytes, headers: dict[str, str]) -> bytes:
        with self._lock:
            arrived = self._clock.monotonic()
            self.arrivals.append(arrived)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        patience = time.monotonic() + 30
        while self._clock.monotonic() < arrived + 3 and time.monotonic() < patience:
            time.sleep(0.001)
        with self._lock:
            self.under_way -= 1
        return http(answer("Good."))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_hundreds_of_runs_of_one_account(app: Flask, ports: Ports, clock: FakeClock) -> None:
    upstream = CountingUpstream(clock)
    with wire(upstream.answer) as server:
        with app.app_context():
            account = make_account(
                ports,
                api_endpoint=server.base_url,
                max_concurrent_calls=AT_ONCE,
                requests_per_minute=PER_MINUTE,
            )
            task_id = with_account(ports, account, overlap="allow", stream=False)
            with write_transaction() as session:
                session.execute(
                    insert(Run),
                    [
                        {
                            "task_id": task_id,
                            "source": "manual",
                            "due_at": START,
                            "queued_at": START,
                            "status": "queued",
                            "account_id": account,
                            "priority": 1,
                            "serial": False,
                            "cancel_requested": False,
                            "attempts": 0,
                            "maybe_double_billed": False,
                            "occurrences": 1,
                        }
                        for _ in range(RUNS)
                    ],
                )
            db.session.remove()
        ended: list[Outcome] = []
        pool = LocalPool(ports, runtime(app).providers, 200, ended.append)
        done = steps = 0
        while done < RUNS and steps < 2_000:
            steps += 1
            sent = len(upstream.arrivals)
            orders = settle(app, pool.free_slots()).orders
            for order in orders:
                pool.submit(order)
            until = time.monotonic() + 20
            while len(upstream.arrivals) < sent + len(orders) and time.monotonic() < until:
                time.sleep(0.001)
            assert 200 - pool.free_slots() <= AT_ONCE, "no thread sits waiting"
            over = [at for at in upstream.arrivals if at + 3 <= clock.monotonic() + 1]
            clock.step(1)
            while done + len(ended) < len(over) and time.monotonic() < until:
                time.sleep(0.001)
            if ended:
                batch, ended[:] = list(ended), []
                record(app, batch)
                done += len(batch)
        pool.drain(5)
    with app.app_context():
        assert counts() == {Status.SUCCESS: RUNS}
    assert upstream.most_under_way == AT_ONCE
    assert len(upstream.arrivals) == RUNS
    in_a_minute = [
        sum(first <= at < first + 60 for at in upstream.arrivals[i : i + PER_MINUTE + 5])
        for i, first in enumerate(upstream.arrivals)
    ]
    assert max(in_a_minute) == PER_MINUTE, "never passed, and used in full"
    assert clock.monotonic() - upstream.arrivals[0] < 1.1 * RUNS / PER_MINUTE * MINUTE


THROTTLED = ProviderError(
    Kind.THROTTLED, Reason.RATE_LIMITED, "slow down", http_status=429, retry_after=30.0
)


def test_one_429_slows_the_whole_account(app: Flask, ports: Ports, clock: FakeClock) -> None:
    with app.app_context():
        account, other = make_account(ports), make_account(ports, name="Two")
        first, second = (with_account(ports, account) for _ in range(2))
        third = with_account(ports, other)
        failed = runs.run_now(ports, first)
    provider = ScriptedProvider(THROTTLED, completion())
    tick(app, provider)
    with app.app_context():
        waiting, free = runs.run_now(ports, second), runs.run_now(ports, third)
    tick(app, provider)
    with app.app_context():
        assert db.session.get_one(Run, failed).status == Status.FAILED
        assert db.session.get_one(Run, free).status == Status.SUCCESS
        assert db.session.get_one(Run, waiting).status == Status.QUEUED
        throttle = db.session.scalars(select(Throttle)).one()
        assert throttle.key == f"account:{account}"
        assert throttle.until == START + timedelta(seconds=30)
    # A restart forgets nothing of it.
    ports.limits.hurry(f"account:{account}")
    with app.app_context():
        recover(ports, "the next process")
    tick(app, provider)
    clock.step(29)
    assert tick(app, provider) == []
    clock.step(1)
    assert [outcome.status for outcome in tick(app, provider)] == [Status.SUCCESS]


def test_switching_on_ends_the_patience(app: Flask, ports: Ports) -> None:
    with app.app_context():
        account = make_account(ports)
        task_id = with_account(ports, account)
        runs.run_now(ports, task_id)
    tick(app, ScriptedProvider(THROTTLED))
    with app.app_context():
        waiting = runs.run_now(ports, task_id)
        assert not settle(app).orders
        set_enabled(ports, account, True)
    assert [outcome.order.run_id for outcome in tick(app)] == [waiting]


class TestPutOff:
    """A run that has to wait for its next attempt goes back into the queue."""

    @pytest.fixture
    def put_off(self, app: Flask, ports: Ports) -> int:
        with app.app_context():
            task = make_task(ports, schedule_type="manual", retry_statuses=[429])
            run_id = runs.run_now(ports, task.id)
        (outcome,) = tick(app, ScriptedProvider(THROTTLED))
        assert outcome.status is Status.QUEUED
        return run_id

    def row(self, app: Flask, run_id: int) -> Run:
        with app.app_context():
            found = db.session.get_one(Run, run_id)
            db.session.expunge(found)
            return found

    def test_it_waits_without_a_thread(
        self, app: Flask, put_off: int, clock: FakeClock, ports: Ports
    ) -> None:
        row = self.row(app, put_off)
        assert (row.status, row.attempts, row.owner) == (Status.QUEUED, 1, None)
        assert row.not_before == START + timedelta(seconds=30)
        clock.step(29)
        looked = settle(app)
        assert looked.orders == []
        assert looked.next_due == row.not_before, "the tick knows when to look again"
        clock.step(1)
        (outcome,) = tick(app, ScriptedProvider(completion("At last.")))
        assert [attempt.number for attempt in outcome.attempts] == [2]
        row = self.row(app, put_off)
        assert (row.status, row.attempts) == (Status.SUCCESS, 2)
        assert row.started_at == START, "the first attempt was its start"
        assert row.finished_at == START + timedelta(seconds=30)

    def test_attempts_are_counted_over_all_waits(
        self, app: Flask, put_off: int, clock: FakeClock
    ) -> None:
        for status in (Status.QUEUED, Status.FAILED):
            clock.step(31)
            (outcome,) = tick(app, ScriptedProvider(THROTTLED))
            assert outcome.status is status
        row = self.row(app, put_off)
        assert (row.status, row.reason, row.attempts) == (Status.FAILED, Reason.RATE_LIMITED, 3)

    def test_it_survives_a_restart(self, app: Flask, put_off: int, clock: FakeClock) -> None:
        with app.app_context():
            assert recover(runtime(app).ports, "the next process") == 0
        clock.step(31)
        (outcome,) = tick(app)
        assert outcome.order.run_id == put_off
        assert self.row(app, put_off).attempts == 2

    def test_it_can_be_cancelled(self, app: Flask, put_off: int) -> None:
        with app.app_context():
            runs.cancel_run(runtime(app).ports, put_off)
        assert self.row(app, put_off).status == Status.CANCELLED

    def test_cancelled_while_it_goes_back(self, app: Flask, ports: Ports) -> None:
        with app.app_context():
            task = make_task(ports, schedule_type="manual", retry_statuses=[429])
            run_id = runs.run_now(ports, task.id)
        outcomes = send(app, settle(app).orders, ScriptedProvider(THROTTLED))
        with app.app_context():
            runs.cancel_run(ports, run_id)
        record(app, outcomes)
        row = self.row(app, run_id)
        assert (row.status, row.reason) == (Status.CANCELLED, Reason.CANCELLED)

    def test_a_billed_attempt_before_the_wait_is_not_forgotten(
        self, app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        cut = ProviderError(Kind.MAYBE_BILLED, Reason.CONNECTION_LOST, "cut")
        with app.app_context():
            task = make_task(ports, schedule_type="manual", retry_statuses=[429])
            run_id = runs.run_now(ports, task.id)
        tick(app, ScriptedProvider(cut, THROTTLED))
        assert self.row(app, run_id).maybe_double_billed
        clock.step(40)
        tick(app)
        assert self.row(app, run_id).maybe_double_billed

    def test_too_late_is_expired(self, app: Flask, ports: Ports, clock: FakeClock) -> None:
        with app.app_context():
            make_task(ports, interval_seconds=3600, retry_statuses=[429], expires_after_seconds=600)
        clock.step(3600)
        (outcome,) = tick(app, ScriptedProvider(THROTTLED))
        assert outcome.status is Status.QUEUED
        clock.step(600)
        assert settle(app).orders == []
        row = self.row(app, outcome.order.run_id)
        assert (row.status, row.attempts) == (Status.EXPIRED, 1)


def test_a_retry_needs_leave_of_the_limits(app: Flask, ports: Ports, clock: FakeClock) -> None:
    never_sent = ProviderError(Kind.NEVER_SENT, Reason.NEVER_SENT, "refused")
    lost = ProviderError(Kind.MAYBE_BILLED, Reason.CONNECTION_LOST, "cut")
    with app.app_context():
        account = make_account(ports, requests_per_minute=1)
        run_id = runs.run_now(ports, with_account(ports, account))
    (outcome,) = tick(app, ScriptedProvider(never_sent, lost, completion()))
    assert outcome.status is Status.QUEUED
    assert [attempt.kind for attempt in outcome.attempts] == [Kind.NEVER_SENT, Kind.MAYBE_BILLED]
    clock.step(30)
    assert tick(app) == []
    clock.step(MINUTE)
    (outcome,) = tick(app)
    assert (outcome.order.run_id, outcome.status) == (run_id, Status.SUCCESS)
    assert outcome.maybe_double_billed


def test_a_claim_that_comes_to_nothing_gives_its_leave_back(app: Flask, ports: Ports) -> None:
    with app.app_context():
        account = make_account(ports, max_concurrent_calls=1)
        runs.run_now(ports, with_account(ports, account))
        refusal = "BEFORE UPDATE ON instance_state BEGIN SELECT RAISE(ABORT, 'no'); END"
        with db.engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE TRIGGER refuse {refusal}")
            connection.commit()
        with pytest.raises(IntegrityError):
            settle(app)
        with db.engine.connect() as connection:
            connection.exec_driver_sql("DROP TRIGGER refuse")
            connection.commit()
    assert len(settle(app).orders) == 1
