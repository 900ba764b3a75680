"""What a process that takes over does with the runs of a dead one, and what is recorded of a run."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from autoai.domain.errors import ProviderError
from autoai.domain.runs import Kind, Reason
from autoai.extensions import db
from autoai.models import Attempt, Run, RunText, Task
from autoai.queries.task_filter import TaskFilter
from autoai.queries.task_list import page_of_tasks
from autoai.services.ports import Ports
from autoai.services.record_runs import record_runs
from autoai.services.recovery import give_up_running, recover
from tests.factories import make_run, make_task, run_now
from tests.fakes import FakeClock, ScriptedProvider, completion
from tests.ticks import OWNER, record, send, settle, tick


def run_of(run_id: int) -> Run:
    found = db.session.get_one(Run, run_id, populate_existing=True)
    db.session.commit()
    return found


def test_runs_of_a_dead_process_are_interrupted(
    in_app: Flask, ports: Ports, clock: FakeClock
) -> None:
    task = make_task(ports, interval_seconds=60)
    clock.step(60)
    (order,) = settle(in_app, owner="dead").orders
    waiting = run_now(ports, task.id)
    clock.step(5)
    assert recover(ports, "living") == 1
    run = run_of(order.run_id)
    assert (run.status, run.reason) == ("interrupted", "process_died")
    assert run.finished_at == clock.now() and run.started_at is not None
    found = db.session.get_one(Task, task.id, populate_existing=True)
    assert (found.last_status, found.last_run_at) == ("interrupted", run.started_at)
    db.session.commit()
    (again,) = settle(in_app, owner="living").orders
    assert again.run_id == waiting.id, "what was queued is sent, what was interrupted is not"


def test_one_s_own_runs_are_left_alone(in_app: Flask, ports: Ports) -> None:
    run_now(ports, make_task(ports).id)
    (order,) = settle(in_app).orders
    assert recover(ports, OWNER) == 0
    assert run_of(order.run_id).status == "running"


def test_giving_up_at_the_end_of_a_drain(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    for name in "ab":
        run_now(ports, make_task(ports, name=name).id)
    mine, other = settle(in_app, slots=1).orders, settle(in_app, owner="other").orders
    assert give_up_running(ports, OWNER) == 1
    assert run_of(mine[0].run_id).reason == "shutdown"
    assert run_of(other[0].run_id).status == "running"


def test_an_answer_that_comes_after_the_end_changes_nothing(
    in_app: Flask, ports: Ports, clock: FakeClock
) -> None:
    run_now(ports, make_task(ports).id)
    outcomes = send(in_app, settle(in_app).orders)
    give_up_running(ports, OWNER)
    record(in_app, outcomes)
    run = run_of(outcomes[0].order.run_id)
    assert (run.status, run.reason) == ("interrupted", "shutdown")
    assert db.session.scalar(select(RunText)) is None


def test_another_process_cannot_record_a_run(in_app: Flask, ports: Ports) -> None:
    run_now(ports, make_task(ports).id)
    outcomes = send(in_app, settle(in_app).orders)
    record(in_app, outcomes, owner="impostor")
    assert run_of(outcomes[0].order.run_id).status == "running"
    record(in_app, outcomes)
    assert run_of(outcomes[0].order.run_id).status == "success"
    record(in_app, outcomes)
    assert len(db.session.scalars(select(Attempt)).all()) == 1


def test_many_are_recorded_in_one_commit(in_app: Flask, ports: Ports, clock: FakeClock) -> None:
    for number in range(120):
        run_now(ports, make_task(ports, name=str(number)).id)
    outcomes = send(in_app, settle(in_app, slots=200).orders)
    record_runs(ports, OWNER, outcomes)
    statuses = db.session.scalars(select(Run.status)).all()
    assert statuses == ["success"] * 120


def test_a_task_remembers_the_run_that_started_last(
    in_app: Flask, ports: Ports, clock: FakeClock
) -> None:
    task = make_task(ports, enabled=False)
    run_now(ports, task.id)
    early = settle(in_app).orders
    slow = send(in_app, early)
    clock.step(60)
    run_now(ports, task.id)
    tick(in_app)
    record(in_app, slow)
    found = db.session.get_one(Task, task.id, populate_existing=True)
    assert found.last_run_at == clock.now()


def test_what_no_database_stores(in_app: Flask, ports: Ports) -> None:
    """The adapter scrubs; what slips through must not stop the ledger."""
    run_now(ports, make_task(ports, message_content="\u2028 😀 ' \" \\ %s {}").id)
    tick(in_app, ScriptedProvider(completion("a\ufffdb 😀 \u2028", model="m" * 500)))
    (run,) = db.session.scalars(select(Run))
    assert run.status == "success" and run.model_answered == "m" * 200


def test_an_error_that_no_database_stores(in_app: Flask, ports: Ports) -> None:
    """One outcome that cannot be written would hold up all that come after it."""
    run_now(ports, make_task(ports).id)
    tick(in_app, ScriptedProvider(ProviderError(Kind.REJECTED, Reason.AUTH, "a\x00b\ud800c")))
    (text,) = db.session.scalars(select(RunText.error_message))
    assert text == "a\ufffdb\ufffdc"


def test_a_failed_run_needs_attention_until_the_next_one(
    in_app: Flask, ports: Ports, clock: FakeClock
) -> None:
    task = make_task(ports, enabled=False)
    for provider, attention in (
        (ScriptedProvider(completion("")), True),
        (ScriptedProvider(), False),
    ):
        clock.step(1)
        run_now(ports, task.id)
        tick(in_app, provider)
        db.session.expunge_all()
        (row,), _more = page_of_tasks(TaskFilter(), clock.now(), 1, 50)
        assert row.needs_attention is attention
        db.session.commit()


def test_skipped_and_missed_are_no_results_of_a_task(
    in_app: Flask, ports: Ports, clock: FakeClock
) -> None:
    task = make_task(ports, interval_seconds=60)
    clock.step(timedelta(days=1).total_seconds() + 4_000)
    make_run(task, clock.now(), status="skipped", started_at=None)
    found = db.session.get_one(Task, task.id, populate_existing=True)
    assert found.last_status is None and found.last_run_at is None
