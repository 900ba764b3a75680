"""Runs whose messages are made from templates: claimed in a second transaction, sent, recorded."""

from __future__ import annotations

import pytest
from flask import Flask

from autoai.domain.errors import Fault, TemplateError
from autoai.domain.runs import Reason, Status
from autoai.extensions import db
from autoai.models import Run, RunText, Task, write_transaction
from autoai.services.occurrences import claim_prepared, settle_and_claim
from autoai.services.ports import Ports
from autoai.services.prompts import render_runs
from autoai.services.run_orders import Prepared
from autoai.services.tasks import update_task
from tests.factories import make_account, make_task, run_now
from tests.fakes import FakeClock, ScriptedProvider
from tests.ticks import OWNER, record, send, settle, tick


@pytest.fixture(autouse=True)
def _app(in_app: Flask) -> None:
    """All of these are about services."""


def make_dynamic(task: Task) -> None:
    with write_transaction() as session:
        session.get_one(Task, task.id).dynamic = True


def test_a_run_with_templates_is_claimed_once_its_messages_are_made(
    app: Flask, ports: Ports
) -> None:
    task = make_task(ports)
    make_dynamic(task)
    run = run_now(ports, task.id)
    settled = settle_and_claim(ports, OWNER, 10)
    assert settled.orders == [] and settled.unprepared == [run.id]
    (order,) = claim_prepared(ports, OWNER, 10, render_runs(ports, settled.unprepared))
    assert order.run_id == run.id and order.messages[-1]["content"] == "What is new?"
    assert db.session.get_one(Run, run.id, populate_existing=True).status == Status.RUNNING


def test_a_task_that_changed_meanwhile_is_looked_at_again(
    app: Flask, ports: Ports, clock: FakeClock
) -> None:
    task = make_task(ports)
    make_dynamic(task)
    run_now(ports, task.id)
    prepared = render_runs(ports, settle_and_claim(ports, OWNER, 10).unprepared)
    clock.step(1)
    update_task(ports, task.id, {"message_content": "And now?"}, partial=True)
    make_dynamic(task)
    assert claim_prepared(ports, OWNER, 10, prepared) == []
    (order,) = settle(app).orders
    assert order.messages[-1]["content"] == "And now?"


def test_a_slot_and_a_permit_are_kept_for_it_meanwhile(app: Flask, ports: Ports) -> None:
    account = make_account(ports, max_concurrent_calls=1)
    where = {"account_id": account.id, "api_endpoint": ...}
    first, second = make_task(ports, **where), make_task(ports, name="b", **where)
    make_dynamic(first)
    run, plain = run_now(ports, first.id), run_now(ports, second.id)
    settled = settle_and_claim(ports, OWNER, 10)
    assert settled.orders == [] and settled.unprepared == [run.id]
    ports.limits.finish(run.id)
    assert [order.run_id for order in settle(app).orders] == [run.id]
    ports.limits.finish(run.id)
    assert [order.run_id for order in settle(app).orders] == [plain.id]


def test_a_template_that_fails_sends_nothing(app: Flask, ports: Ports) -> None:
    task = make_task(ports)
    make_dynamic(task)
    run = run_now(ports, task.id)
    (run_id,) = settle_and_claim(ports, OWNER, 10).unprepared
    problem = TemplateError(Fault.UNKNOWN_NAME, 3, "citty", "message_content")
    orders = claim_prepared(ports, OWNER, 10, {run_id: Prepared(task.updated_at, problem=problem)})
    provider = ScriptedProvider()
    record(app, send(app, orders, provider))
    row = db.session.get_one(Run, run.id, populate_existing=True)
    assert (row.status, row.reason, row.attempts) == (Status.FAILED, Reason.BAD_TEMPLATE, 0)
    assert "line 3" in (row.error_summary or "") and "citty" in (row.error_summary or "")
    assert db.session.get_one(RunText, run.id).request_messages is None
    assert provider.requests == []


def test_a_plain_task_goes_in_the_first_transaction(app: Flask, ports: Ports) -> None:
    task = make_task(ports)
    run_now(ports, task.id)
    settled = settle_and_claim(ports, OWNER, 10)
    assert len(settled.orders) == 1 and settled.unprepared == []


def test_which_version_was_said_is_recorded(app: Flask, ports: Ports) -> None:
    task = make_task(ports)
    run = run_now(ports, task.id)
    tick(app)
    assert db.session.get_one(Run, run.id, populate_existing=True).prompt_version == 1
