"""Anything in any order: what is due, what the ledger says and what the other side saw agree.

Hypothesis plays a person, a clock, a process that dies and an API that fails, over the real
services and a real SQLite file. AUTOAI_LONG=1 plays for longer.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, func, select, update

from autoai.domain.errors import CallEnded, Conflict, ProviderError
from autoai.domain.runs import Kind, Reason
from autoai.extensions import Model, db
from autoai.models import InstanceState, Outage, Run, RunText, Task, write_transaction
from autoai.providers.base import Completion, Connection, OnText, Request
from autoai.providers.transport import Call
from autoai.services import tasks as task_service
from autoai.services.execute_run import RunControl, execute_run
from autoai.services.hours import find_wrong_hours
from autoai.services.leftovers import remove_leftovers
from autoai.services.ports import Ports
from autoai.services.recovery import give_up_running, note_awake, recover
from autoai.services.run_orders import Outcome, RunOrder
from autoai.services.runs import cancel_run, retry_run, run_now
from autoai.services.task_switches import pause_task, resume_task, set_enabled
from autoai.services.tasks import delete_task, update_task
from tests import ticks
from tests.factories import make_task
from tests.fakes import FakeClock, completion, only
from tests.known import (
    ACTIVE,
    MEND,
    Known,
    Told,
    check_ending,
    check_ledger,
    check_new_row,
    rows_of_ledger,
)

LONG = os.environ.get("AUTOAI_LONG") == "1"
START = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
"""The day before clocks change in Europe."""

RULES = st.one_of(
    st.builds(
        lambda seconds: {"schedule_type": "interval", "interval_seconds": seconds},
        st.sampled_from([1, 7, 20, 60, 60, 90, 600, 3_600]),
    ),
    st.sampled_from(
        [
            {"schedule_type": "cron", "cron": "*/5 * * * *"},
            {"schedule_type": "cron", "cron": "30 2 * * *", "timezone": "Europe/Berlin"},
            {"schedule_type": "cron", "cron": "30 * * * *", "timezone": "Europe/Berlin"},
            {"schedule_type": "fixed_time", "fixed_time": ["12:05", "18:00"]},
            {"schedule_type": "manual"},
        ]
    ),
)
CHOICES = st.fixed_dictionaries(
    {
        "catch_up": st.sampled_from(["latest", "none", "all"]),
        "catch_up_window_seconds": st.sampled_from([0, 60, 3_600]),
        "overlap": st.sampled_from(["skip", "queue", "allow"]),
        "expires_after_seconds": st.sampled_from([None, None, 30, 3_600]),
        "priority": st.sampled_from(["high", "normal", "low"]),
        "pause_after_failures": st.sampled_from([None, 1, 3]),
        "rerun_interrupted": st.booleans(),
        "jitter_seconds": st.sampled_from([0, 0, 20]),
        "retry_statuses": st.sampled_from([[], [429]]),
        "max_attempts": st.sampled_from([1, 3]),
    }
)
FAILURES = {
    "auth": (Kind.REJECTED, Reason.AUTH, 401),
    "rejected": (Kind.REJECTED, Reason.REJECTED, 400),
    "connection_lost": (Kind.MAYBE_BILLED, Reason.CONNECTION_LOST, None),
    "never_sent": (Kind.NEVER_SENT, Reason.NEVER_SENT, None),
    "rate_limited": (Kind.THROTTLED, Reason.RATE_LIMITED, 429),
    "server_error": (Kind.SERVER_ERROR, Reason.SERVER_ERROR, 500),
}
TURNS = st.lists(
    st.sampled_from(["answer", "answer", "slow", "empty", *FAILURES]), min_size=1, max_size=3
)


class OtherSide:
    """An API that does as it is told, and remembers it."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.turns: list[str] = []
        self.told = Told()
        self.answers = 0

    def models(self, connection: Connection, call: Call) -> list[str]:
        return ["m-1"]

    def complete(self, request: Request, call: Call, on_text: OnText) -> Completion:
        if call.ended_by is not None:
            self.told.cancelled = True
            raise CallEnded(call.ended_by)
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        if turn in FAILURES:
            self.told.results.append(turn)
            kind, reason, status = FAILURES[turn]
            raise ProviderError(kind, reason, f"no: {turn}", http_status=status)
        if turn == "slow":
            self.clock.step(95)
        self.answers += 1
        self.told.results.append("empty" if turn == "empty" else f"answer {self.answers}")
        return completion("" if turn == "empty" else self.told.results[-1])


def one_of(data: st.DataObject, ids: list[int]) -> int:
    """One of them. How many there are hangs on the tasks' own shifts, which are no part of what is
    drawn: a draw that named their number would seem to be another one the next time."""
    return ids[data.draw(st.integers(0, 9_999)) % len(ids)]


class Instance(RuleBasedStateMachine):
    """One instance of AutoAI, whose process may die, and the people before it."""

    app: Flask
    ports: Ports
    clock: FakeClock

    def __init__(self) -> None:
        super().__init__()
        db.session.remove()
        with write_transaction() as session:
            for table in reversed(Model.metadata.sorted_tables):
                if table.name != InstanceState.__tablename__:
                    session.execute(delete(table))
            session.execute(update(InstanceState).values(last_tick_at=None))
        self.clock.set(START)
        self.process = 1
        self.created = 0
        self.tasks: dict[int, Known] = {}
        self.claimed: list[RunOrder] = []
        self.outcomes: list[Outcome] = []
        self.ever_claimed: set[int] = set()
        self.told: dict[int, Told] = {}
        self.recorded: set[int] = set()
        self.before: dict[int, tuple[str, int]] = {}
        self.seen_awake: datetime | None = None
        self.outages = 0
        self.other_side = OtherSide(self.clock)

    @property
    def owner(self) -> str:
        return f"process {self.process}"

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def pick(self, data: st.DataObject) -> Known:
        return self.tasks[one_of(data, sorted(self.tasks))]

    def pick_run(self, data: st.DataObject) -> Run:
        """Rather one that is under way."""
        active = [run_id for run_id, (status, _) in self.before.items() if status in ACTIVE]
        under_way = data.draw(st.booleans())
        ids = active if active and under_way else sorted(self.before)
        return rows_of_ledger()[one_of(data, ids)]

    @precondition(lambda self: len(self.tasks) < 4)
    @rule(when=RULES, choices=CHOICES, blackout=st.booleans(), after=st.integers(5, 9_000))
    def create(self, when: dict, choices: dict, blackout: bool, after: int) -> None:
        fields: dict[str, Any] = {"timezone": "UTC", "enabled": True, **when, **choices}
        if fields["schedule_type"] == "manual":  # a `once` needs to know what time it is
            at = self.now.replace(microsecond=0) + timedelta(seconds=after)
            fields |= {"schedule_type": "once", "once_at": at}
        if blackout and fields["timezone"] == "UTC":
            fields["blackouts"] = [{"from": "12:30", "to": "13:30"}]
        self.created += 1
        # Its shifts follow from its secret name: chance must be hypothesis' own, or no play repeats.
        name = SimpleNamespace(token_hex=lambda size: f"{self.created:0{2 * size}x}")
        with patch.object(task_service, "secrets", name):
            task = make_task(self.ports, **{"interval_seconds": ..., **fields})
        self.tasks[task.id] = Known(task.id, fields, self.now.replace(microsecond=0), self.now)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), seconds=st.sampled_from([1, 30, 60, 300]), choices=CHOICES)
    def edit(self, data: st.DataObject, seconds: int, choices: dict) -> None:
        task = self.pick(data)
        changes = data.draw(
            st.sampled_from([choices, {"schedule_type": "interval", "interval_seconds": seconds}])
        )
        task.change(changes, self.now)
        update_task(self.ports, task.id, changes, partial=True)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), until=st.sampled_from([None, 30, 600, 7_200]))
    def pause(self, data: st.DataObject, until: int | None) -> None:
        task = self.pick(data)
        end = self.now + timedelta(seconds=until) if until else None
        pause_task(self.ports, task.id, end)
        task.settle(self.now)
        task.pause(self.now, end)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        task = self.pick(data)
        resume_task(self.ports, task.id)
        task.settle(self.now)
        task.resume(self.now)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), enabled=st.booleans())
    def switch(self, data: st.DataObject, enabled: bool) -> None:
        task = self.pick(data)
        set_enabled(self.ports, task.id, enabled)
        task.change({"enabled": enabled}, self.now)

    @precondition(lambda self: len(self.tasks) > 1)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        task = self.pick(data)
        delete_task(self.ports, task.id)
        while remove_leftovers(self.ports.zone):
            pass
        del self.tasks[task.id]
        rows = rows_of_ledger()
        self.before = {run_id: old for run_id, old in self.before.items() if run_id in rows}

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), key=st.sampled_from([None, None, "k"]))
    def by_hand(self, data: st.DataObject, key: str | None) -> None:
        task = self.pick(data)
        run_id = run_now(self.ports, task.id, key)
        known = task.keys.get(key) if key else None
        young = known in self.before and self.now - START < timedelta(hours=20)
        assert run_id == known if young else run_id not in self.before or known == run_id
        if key:
            task.keys[key] = run_id

    @precondition(lambda self: self.before)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        run = self.pick_run(data)
        status = run.status
        if status not in ACTIVE:
            with pytest.raises(Conflict):
                cancel_run(self.ports, run.id)
            return
        cancel_run(self.ports, run.id)
        after = rows_of_ledger()[run.id]
        assert after.status == ("cancelled" if status == "queued" else "running")
        assert after.cancel_requested is (status == "running")

    @precondition(lambda self: self.before)
    @rule(data=st.data(), same=st.booleans())
    def retry(self, data: st.DataObject, same: bool) -> None:
        run = self.pick_run(data)
        known = db.session.get(RunText, run.id) is not None
        db.session.commit()
        if run.status in ACTIVE or (same and not known):
            with pytest.raises(Conflict):
                retry_run(self.ports, run.id, same_input=same)
            return
        new_id = retry_run(self.ports, run.id, same_input=same)
        again = rows_of_ledger()[new_id]
        assert (again.for_run, again.scheduled_for, again.source) == (run.id, None, "retry")

    @precondition(lambda self: self.tasks)
    @rule(seconds=st.sampled_from([0.25, 1, 5, 19.75, 30, 60, 300, 3_600, 6 * 3_600]))
    def time_passes(self, seconds: float) -> None:
        self.clock.step(seconds)

    @precondition(lambda self: self.tasks)
    @rule(
        seconds=st.sampled_from([0.25, 5, 30, 60]), slots=st.sampled_from([0, 1, 2, 100, 100, 100])
    )
    def tick(self, seconds: float, slots: int) -> None:
        self.clock.step(seconds)
        orders = ticks.settle(self.app, slots, self.owner).orders
        note_awake(self.now)
        self.seen_awake = self.now
        for task in self.tasks.values():
            task.settle(self.now)
        rows = rows_of_ledger()
        self.check_claims(orders, rows, slots)
        self.claimed += orders

    def check_claims(self, orders: list[RunOrder], rows: dict[int, Run], slots: int) -> None:
        ids = [order.run_id for order in orders]
        assert len(ids) <= slots
        assert not self.ever_claimed & set(ids), "one run was claimed twice"
        self.ever_claimed |= set(ids)
        running = [rows[i].task_id for i in rows if rows[i].status == "running" and i not in ids]
        for run_id in sorted(ids, key=lambda i: (rows[i].priority, rows[i].due_at, i)):
            row = rows[run_id]
            assert (row.status, row.owner) == ("running", self.owner)
            assert row.expires_at is None or row.expires_at > self.now
            assert not row.serial or row.task_id not in running, "it was to wait"
            running.append(row.task_id)
        left = [
            (row.priority, row.due_at, row.id)
            for row in rows.values()
            if row.status == "queued" and row.due_at <= self.now and not row.serial
        ]
        taken = [(rows[i].priority, rows[i].due_at, i) for i in ids]
        assert not left or len(ids) == slots, "a free slot, and somebody waits for it"
        assert not left or not taken or max(taken) < min(left), "another one was more urgent"

    @precondition(lambda self: self.claimed)
    @rule(data=st.data(), turns=TURNS)
    def send(self, data: st.DataObject, turns: list[str]) -> None:
        """One or all of the claimed runs are sent; what became of them is not written yet."""
        count = data.draw(st.sampled_from([1, len(self.claimed)]))
        asked = {row.id for row in rows_of_ledger().values() if row.cancel_requested}
        for order in self.claimed[:count]:
            self.other_side.turns, self.other_side.told = list(turns), Told()
            control = RunControl()
            if order.run_id in asked:
                control.end(Reason.CANCELLED)
            self.outcomes.append(execute_run(self.ports, only(self.other_side), order, control))
            self.told[order.run_id] = self.other_side.told
        self.claimed = self.claimed[count:]

    @precondition(lambda self: self.outcomes)
    @rule()
    def record(self) -> None:
        outcomes, self.outcomes = self.outcomes, []
        ticks.record(self.app, outcomes, self.owner)
        self.recorded |= {outcome.order.run_id for outcome in outcomes}
        self.check_recorded(outcomes)
        for outcome in sorted(outcomes, key=lambda o: o.started_at):
            self.learn(outcome)
        for task in self.tasks.values():
            self.check_own_pause(task)

    def check_recorded(self, outcomes: list[Outcome]) -> None:
        rows = rows_of_ledger()
        for run_id in {outcome.order.run_id for outcome in outcomes} & set(rows):
            texts = db.session.get_one(RunText, run_id, populate_existing=True)
            check_ending(rows[run_id], self.told[run_id], texts.response_text)
        db.session.commit()

    def learn(self, outcome: Outcome) -> None:
        """A task pauses itself after failures in a row that a person must mend."""
        task = self.tasks.get(outcome.order.task_id)
        if task is None:
            return
        last = self.told[outcome.order.run_id].results[-1:]
        if last and last[0].startswith("answer"):
            task.failures = 0
        elif last and last[0] in MEND:
            task.failures += 1
            limit = task.fields["pause_after_failures"]
            if limit and task.failures >= limit and not task.paused(self.now):
                task.pause(self.now, None)

    def check_own_pause(self, task: Known) -> None:
        row = db.session.get_one(Task, task.id, populate_existing=True)
        db.session.commit()
        assert row.is_paused(self.now) == task.paused(self.now)
        assert row.failures_in_a_row == task.failures

    @precondition(lambda self: self.tasks)
    @rule(down=st.sampled_from([1, 59, 61, 600, 7_200, 86_400, 2 * 86_400]))
    def die(self, down: int) -> None:
        """The process is gone with what it had under way; another one starts later."""
        self.process += 1
        self.clock.step(down)
        self.interrupted(lambda: recover(self.ports, self.owner), "process_died")
        if self.seen_awake is not None and self.now - self.seen_awake > timedelta(minutes=1):
            self.outages += 1
        self.seen_awake = self.now
        assert db.session.scalar(select(func.count()).select_from(Outage)) == self.outages
        db.session.commit()

    @precondition(lambda self: self.claimed or self.outcomes)
    @rule()
    def stop(self) -> None:
        """The process stops in good order, and gives up what it could not finish."""
        self.interrupted(lambda: give_up_running(self.ports, self.owner), "shutdown")
        self.seen_awake = self.now
        self.process += 1

    def interrupted(self, act: Any, reason: str) -> None:
        old = rows_of_ledger()
        lost = {row.id for row in old.values() if row.status == "running"}
        assert act() == len(lost)
        self.claimed, self.outcomes = [], []
        rows = rows_of_ledger()
        again = {row.for_run for row_id, row in rows.items() if row_id not in old}
        for run_id in lost:
            row = rows[run_id]
            assert (row.status, row.reason) == ("interrupted", reason)
            chosen = self.tasks[row.task_id].fields["rerun_interrupted"]
            is_rerun = row.source == "retry" and row.serial
            wanted = chosen and not is_rerun and not row.cancel_requested
            assert (run_id in again) == wanted
        assert again <= lost

    def teardown(self) -> None:
        with write_transaction() as session:
            assert not find_wrong_hours(session, self.ports.zone), "totals equal the rows"
        super().teardown()

    @invariant()
    def agrees(self) -> None:
        rows = rows_of_ledger()
        check_ledger(self.tasks, rows, self.before)
        running = {row.id for row in rows.values() if row.status == "running"}
        ours = {order.run_id for order in self.claimed}
        ours |= {outcome.order.run_id for outcome in self.outcomes}
        assert running == ours & set(rows), "running is what the process has under way"
        for row in rows.values():
            if row.id not in self.before:
                others = {
                    run_id: status
                    for run_id, (status, _) in self.before.items()
                    if rows[run_id].task_id == row.task_id
                }
                check_new_row(self.tasks[row.task_id], row, others, self.now)
            if row.status == "success":
                assert row.id in self.recorded, "a success that nobody answered"
        self.before = {row.id: (row.status, row.occurrences) for row in rows.values()}


@pytest.mark.slow
@pytest.mark.timeout(3_600 if LONG else 300)
def test_anything_in_any_order(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    class Here(Instance):
        pass

    Here.app, Here.ports, Here.clock = in_app, ports, clock
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=1_000 if LONG else 30,
            stateful_step_count=60 if LONG else 30,
            deadline=None,
            # Minutes of shrinking say less than the thirty steps that led there.
            phases=[Phase.generate] if not LONG else [Phase.reuse, Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
