"""Runs whose messages are made from templates: claimed in a second transaction, sent, recorded."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from autoai.domain.errors import Conflict, Fault, ProviderError, TemplateError
from autoai.domain.runs import Kind, Reason, Status
from autoai.extensions import db
from autoai.models import Run, RunText, Task, TaskSecret, write_transaction
from autoai.services.conversations import reset_conversation
from autoai.services.occurrences import claim_prepared, settle_and_claim
from autoai.services.ports import Ports
from autoai.services.prompts import render_and_claim, render_runs
from autoai.services.run_orders import Prepared, RunOrder
from autoai.services.runs import retry_run
from autoai.services.tasks import update_task
from tests.factories import make_account, make_task, run_now
from tests.fakes import FakeClock, ScriptedProvider, completion
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


def said(order: RunOrder) -> list[str]:
    return [message["content"] for message in order.messages]


def answered(app: Flask, ports: Ports, task: Task, text: str) -> Run:
    """A run by hand, answered with `text`."""
    run = run_now(ports, task.id)
    tick(app, ScriptedProvider(completion(text)))
    return db.session.get_one(Run, run.id, populate_existing=True)


def test_what_a_run_says_follows_from_its_occurrence_and_the_last_answer(
    app: Flask, ports: Ports, clock: FakeClock
) -> None:
    task = make_task(
        ports,
        timezone="Asia/Shanghai",
        language="zh_Hans",
        variables={"city": "上海"},
        system_message="{{ date }}",
        message_content=(
            '{{ city }} {{ scheduled_for | date: "%H:%M" }} {{ now | date: "%S" }}'
            " {{ last.status }}:{{ last.response }}"
        ),
    )
    assert task.dynamic
    clock.step(65)
    (order,) = settle(app).orders
    assert said(order) == ["2026年3月2日", "上海 20:01 05 :"]
    record(app, send(app, [order], ScriptedProvider(completion("晴。"))))
    clock.step(60)
    (order,) = settle(app).orders
    assert said(order) == ["2026年3月2日", "上海 20:02 05 success:晴。"]
    assert order.stored_messages == order.messages
    kept = db.session.get_one(RunText, order.run_id - 1)
    assert kept.request_messages[-1]["content"] == "上海 20:01 05 :"


def test_the_last_answer_is_of_the_last_success(app: Flask, ports: Ports, clock: FakeClock) -> None:
    task = make_task(ports, message_content="{{ last.status }} {{ last.response }}.")
    answered(app, ports, task, "Fine")
    clock.step(1)
    run_now(ports, task.id)
    tick(app, ScriptedProvider(ProviderError(Kind.REJECTED, Reason.REJECTED, "no")))
    clock.step(1)
    run_now(ports, task.id)
    (order,) = settle(app).orders
    assert said(order) == ["failed Fine."]


def test_secrets_are_sent_and_nowhere_kept(app: Flask, ports: Ports) -> None:
    secret = "0815-very-secret"
    task = make_task(
        ports,
        message_content="Door {{ secrets.PIN }}",
        secrets={"PIN": secret, "X": "unused-12345"},
    )
    run = run_now(ports, task.id)
    provider = ScriptedProvider(completion(f"The code is {secret}, and unused-12345."))
    (outcome,) = tick(app, provider)
    assert provider.requests[0].messages[-1]["content"] == f"Door {secret}"
    texts = db.session.get_one(RunText, run.id)
    assert texts.request_messages == [{"role": "user", "content": "Door [secret: PIN]"}]
    assert texts.secrets == ["PIN"]
    assert texts.response_text == "The code is [redacted], and unused-12345."
    assert secret not in repr(outcome)
    (row,) = [row for row in task.secret_rows if row.name == "PIN"]
    assert secret not in row.value_encrypted and secret not in row.mask


def test_a_run_with_secrets_that_was_put_off_is_made_anew(
    app: Flask, ports: Ports, clock: FakeClock
) -> None:
    task = make_task(
        ports,
        message_content="{{ secrets.PIN }} {{ now | date: '%M' }}",
        secrets={"PIN": "0815-very-secret"},
        retry_statuses=[429],
    )
    run_now(ports, task.id)
    slow = ProviderError(Kind.THROTTLED, Reason.RATE_LIMITED, "wait", http_status=429)
    provider = ScriptedProvider(slow, completion("Fine"))
    tick(app, provider)
    clock.step(60)
    tick(app, provider)
    assert [r.messages[-1]["content"] for r in provider.requests] == [
        "0815-very-secret 00",
        "0815-very-secret 01",
    ]


def test_a_run_without_secrets_that_was_put_off_says_the_same_again(
    app: Flask, ports: Ports, clock: FakeClock
) -> None:
    task = make_task(ports, message_content="{{ now | date: '%M' }}", retry_statuses=[429])
    run = run_now(ports, task.id)
    slow = ProviderError(Kind.THROTTLED, Reason.RATE_LIMITED, "wait", http_status=429)
    provider = ScriptedProvider(slow, completion("Fine"))
    tick(app, provider)
    clock.step(60)
    tick(app, provider)
    assert [r.messages[-1]["content"] for r in provider.requests] == ["00", "00"]
    assert db.session.get_one(Run, run.id, populate_existing=True).prompt_version == 1


def test_what_had_secrets_in_it_cannot_be_sent_again(app: Flask, ports: Ports) -> None:
    task = make_task(ports, message_content="{{ secrets.PIN }}", secrets={"PIN": "0815-secret"})
    run = answered(app, ports, task, "Fine")
    with pytest.raises(Conflict):
        retry_run(ports, run.id, same_input=True)
    retry_run(ports, run.id)
    (order,) = settle(app).orders
    assert said(order) == ["0815-secret"]


def test_a_secret_of_another_key_sends_nothing(app: Flask, ports: Ports) -> None:
    task = make_task(ports, message_content="{{ secrets.PIN }}", secrets={"PIN": "0815-secret"})
    with write_transaction() as session:
        session.get_one(TaskSecret, (task.id, "PIN")).value_encrypted = "broken"
    db.session.expire_all()
    run = run_now(ports, task.id)
    provider = ScriptedProvider()
    tick(app, provider)
    row = db.session.get_one(Run, run.id, populate_existing=True)
    assert (row.status, row.reason, row.attempts) == (Status.FAILED, Reason.KEY_UNREADABLE, 0)
    assert provider.requests == []


def test_a_message_that_comes_out_empty_fails_and_says_why(app: Flask, ports: Ports) -> None:
    task = make_task(ports, message_content="{{ last.response }}")
    run = answered(app, ports, task, "never sent")
    assert (run.status, run.reason) == (Status.FAILED, Reason.BAD_TEMPLATE)
    assert "message_content" in (run.error_summary or "")


class TestConversation:
    def test_earlier_turns_go_along(self, app: Flask, ports: Ports, clock: FakeClock) -> None:
        task = make_task(
            ports,
            system_message="Be brief.",
            messages=[
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
            ],
            message_content="Say {{ now | date: '%S' }}",
            conversation_turns=2,
        )
        for text in ("one", "two", "three"):
            answered(app, ports, task, text)
            clock.step(1)
        run = run_now(ports, task.id)
        (order,) = settle(app).orders
        assert said(order) == [
            "Be brief.", "Hi", "Hello", "Say 01", "two", "Say 02", "three", "Say 03",
        ]  # fmt: skip
        assert (order.turns_sent, order.turns_cut) == (2, 0)
        record(app, send(app, [order]))
        row = db.session.get_one(Run, run.id, populate_existing=True)
        assert (row.turns_sent, row.turns_cut) == (2, 0)

    def test_a_plain_text_has_a_conversation_too(self, app: Flask, ports: Ports) -> None:
        task = make_task(ports, message_content="Go on", conversation_turns=5)
        answered(app, ports, task, "one")
        run_now(ports, task.id)
        (order,) = settle(app).orders
        assert said(order) == ["Go on", "one", "Go on"]

    def test_the_oldest_are_cut_first(self, app: Flask, ports: Ports) -> None:
        task = make_task(
            ports, message_content="Go on", conversation_turns=5, conversation_tokens=100
        )
        for letter in "abc":
            answered(app, ports, task, letter * 180)
        run_now(ports, task.id)
        (order,) = settle(app).orders
        assert (order.turns_sent, order.turns_cut) == (2, 1)
        assert [text[0] for text in said(order)] == ["G", "b", "G", "c", "G"]

    def test_failures_are_no_turns(self, app: Flask, ports: Ports) -> None:
        task = make_task(ports, message_content="Go on", conversation_turns=5)
        run_now(ports, task.id)
        tick(app, ScriptedProvider(ProviderError(Kind.REJECTED, Reason.REJECTED, "no")))
        run_now(ports, task.id)
        (order,) = settle(app).orders
        assert said(order) == ["Go on"] and order.turns_sent == 0

    def test_it_begins_anew(self, app: Flask, ports: Ports) -> None:
        task = make_task(ports, message_content="Go on", conversation_turns=5)
        answered(app, ports, task, "one")
        reset_conversation(ports, task.id)
        answered(app, ports, task, "two")
        run_now(ports, task.id)
        (order,) = settle(app).orders
        assert said(order) == ["Go on", "two", "Go on"]

    def test_the_values_of_secrets_are_not_in_earlier_turns(self, app: Flask, ports: Ports) -> None:
        task = make_task(
            ports,
            message_content="{{ secrets.PIN }}",
            secrets={"PIN": "0815-secret"},
            conversation_turns=1,
        )
        answered(app, ports, task, "ok")
        run_now(ports, task.id)
        (order,) = settle(app).orders
        assert said(order) == ["[secret: PIN]", "ok", "0815-secret"]


def test_time_for_rendering_is_bounded(app: Flask, ports: Ports, monkeypatch: Any) -> None:
    for number in range(3):
        run_now(ports, make_task(ports, name=str(number), message_content="{{ now }}").id)
    seconds = iter(range(100))
    monkeypatch.setattr(ports.clock, "monotonic", lambda: float(next(seconds)))
    settled = settle_and_claim(ports, OWNER, 10)
    rendered = render_and_claim(ports, OWNER, settled.unprepared, 10)
    assert len(rendered.orders) == 1 and rendered.more
