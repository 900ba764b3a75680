"""Budgets against what changes under them: edited tasks, other accounts, other days, odd answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, select

from autoai.domain.budgets import Amount, Period, Scope
from autoai.domain.errors import Conflict, ProviderError
from autoai.domain.runs import Kind, Reason, Status
from autoai.extensions import db
from autoai.models import Run, UsageTotal, write_transaction
from autoai.providers.base import Usage
from autoai.services.accounts import update_account
from autoai.services.budgets import INSTANCE, spending
from autoai.services.instance import update_instance
from autoai.services.occurrences import settle_and_claim
from autoai.services.ports import Ports
from autoai.services.prompts import render_and_claim
from autoai.services.runs import run_anyway, run_now
from autoai.services.statistics import rebuild_totals
from autoai.services.tasks import delete_task, update_task
from tests.fakes import FakeClock, ScriptedProvider, completion
from tests.ticks import OWNER, record, send, settle, tick
from tests.unit.test_budgets import MICRO, WORST, WORST_COST, a_task, an_account, one, spent, used

LOST = ProviderError(Kind.MAYBE_BILLED, Reason.TIMEOUT, "no answer")
SLOW = ProviderError(Kind.THROTTLED, Reason.RATE_LIMITED, "slow", http_status=429, retry_after=30)


def put_off(
    app: Flask, ports: Ports, account_id: int, *turns: Any, **changes: Any
) -> tuple[int, int]:
    """A task and its run, which waits for another attempt after `turns`."""
    with app.app_context():
        values = {"max_attempts": 3, "retry_statuses": [429], **changes}
        task_id = a_task(ports, account_id, **values)
        run_id = run_now(ports, task_id)
    tick(app, ScriptedProvider(*turns, SLOW))
    with app.app_context():
        assert one(run_id).status == Status.QUEUED
    return task_id, run_id


def right(ports: Ports) -> None:
    """The totals are what the runs say, and none is below nothing."""
    assert rebuild_totals(ports.zone) == 0
    figures = ("runs", "input_tokens", "output_tokens", "cost", "reserved_tokens", "reserved_cost")
    for total in db.session.scalars(select(UsageTotal)):
        assert all(getattr(total, name) >= 0 for name in figures)


class TestPutOff:
    def test_what_it_holds_of_one_account_is_no_room_in_another(
        self, app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        with app.app_context():
            one_id = an_account(ports, token_budget_day=10_000)
            other = an_account(ports, name="Two", token_budget_day=10)
        task_id, run_id = put_off(app, ports, one_id)
        with app.app_context():
            update_task(ports, task_id, {"account_id": other}, partial=True)
        clock.step(60)
        assert settle(app).orders == []
        with app.app_context():
            assert (one(run_id).status, one(run_id).reason) == (Status.SKIPPED, Reason.BUDGET)
            assert spent(app, Scope.ACCOUNT, other).tokens == 0
            assert spent(app, Scope.ACCOUNT, one_id).tokens == 0
            right(ports)

    def test_a_price_that_is_gone_lets_nothing_more_through(
        self, app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        with app.app_context():
            account_id = an_account(ports, cost_budget_day="1")
        _, run_id = put_off(app, ports, account_id, LOST)
        with app.app_context():
            update_account(ports, account_id, {"prices": None}, partial=True)
        clock.step(60)
        assert settle(app).orders == []
        with app.app_context():
            run = one(run_id)
            assert (run.status, run.reason) == (Status.SKIPPED, Reason.BUDGET)
            assert run.budget_note is not None
            assert run.budget_note["obstacle"] == "no_price"

    def test_refused_at_last_it_keeps_what_nobody_knows(
        self, app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        with app.app_context():
            account_id = an_account(ports, cost_budget_day="1")
        _, run_id = put_off(app, ports, account_id, LOST)
        with app.app_context():
            update_account(ports, account_id, {"prices": None}, partial=True)
        clock.step(60)
        settle(app)
        with app.app_context():
            run = one(run_id)
            assert (run.reserved_tokens, run.reserved_cost) == (WORST, WORST_COST)
            assert spent(app, Scope.ACCOUNT, account_id) == Amount(WORST, WORST_COST)
            right(ports)

    def test_what_it_needs_beyond_is_asked_of_the_day_that_pays(
        self, app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        with app.app_context():
            account_id, other = an_account(ports), an_account(ports, name="Two")
            update_instance(ports, {"token_budget_day": 3 * WORST}, partial=True)
        task_id, run_id = put_off(app, ports, account_id, max_attempts=2)
        yesterday = clock.now().date()
        with app.app_context():  # the day is used up by others
            run_now(ports, a_task(ports, other, name="T2"))
            run_now(ports, a_task(ports, other, name="T3"))
        with app.app_context():
            update_task(ports, task_id, {"max_tokens": 150}, partial=True)
        assert len(settle(app).orders) == 2
        clock.step(days=1)
        settle(app)
        with app.app_context():
            found = spending(db.session(), yesterday, [(Scope.INSTANCE, INSTANCE)])
            assert found[Scope.INSTANCE, INSTANCE][Period.DAY].tokens <= 3 * WORST
            assert one(run_id).status == Status.SKIPPED

    def test_its_task_is_deleted(self, app: Flask, ports: Ports) -> None:
        with app.app_context():
            account_id = an_account(ports, cost_budget_day="1")
        task_id, _ = put_off(app, ports, account_id, LOST)
        with app.app_context():
            delete_task(ports, task_id)
            assert spent(app, Scope.ACCOUNT, account_id) == Amount(WORST, WORST_COST)


class TestAnswers:
    def test_a_cost_beside_one_that_nobody_knows_is_not_lost(
        self, app: Flask, ports: Ports
    ) -> None:
        cut = ProviderError(Kind.MAYBE_BILLED, Reason.TIMEOUT, "cut")
        with app.app_context():
            task_id = a_task(ports, an_account(ports), cost_budget_day="1", max_attempts=2)
            run_id = run_now(ports, task_id)

        def cut_short(request: Any, call: Any) -> Any:
            ports.live.add(run_id, "Good day. " * 5)
            raise cut

        tick(app, ScriptedProvider(cut_short, completion("", usage=Usage(20, None))))
        with app.app_context():
            run = one(run_id)
            assert run.cost is None
            assert spent(app, Scope.TASK, task_id).cost == 2 * WORST_COST
            right(ports)

    @pytest.mark.parametrize("count", [2**31 - 1, 10**6])
    def test_absurd_counts_stop_nobody(self, app: Flask, ports: Ports, count: int) -> None:
        rate = f"{Decimal(999_000) * 10**6 / count:.6f}"  # just below a million dollars
        prices = {"*": {"input": rate, "output": rate}}
        with app.app_context():
            account_id = an_account(ports, prices=prices)
            task_id = a_task(ports, account_id, overlap="allow")
            [run_now(ports, task_id) for _ in range(20)]
        tick(app, ScriptedProvider(completion("Hi", usage=Usage(count, 0))))
        with app.app_context():
            update_account(ports, account_id, {"cost_budget_month": "1000"}, partial=True)
            run_id = run_now(ports, task_id)
        settle(app)
        with app.app_context():
            assert one(run_id).status != Status.QUEUED
            right(ports)

    def test_the_answer_of_a_deleted_task_is_paid_for(self, app: Flask, ports: Ports) -> None:
        with app.app_context():
            account_id = an_account(ports, cost_budget_day="1")
            task_id = a_task(ports, account_id)
            run_now(ports, task_id)
        orders = settle(app).orders
        with app.app_context():
            delete_task(ports, task_id)
        record(app, send(app, orders, ScriptedProvider(used())))
        with app.app_context():
            assert spent(app, Scope.ACCOUNT, account_id) == Amount(15, 25 * MICRO)


class TestWorstCase:
    @pytest.mark.parametrize(
        ("provider", "extra", "longest"),
        [
            ("openai", {"max_output_tokens": 1}, 100),
            ("anthropic", {"max_completion_tokens": 1}, 100),
            ("anthropic", {"max_tokens": 5_000}, 5_000),
            ("openai_responses", {"max_tokens": 1}, 100),
            ("openai_responses", {"max_output_tokens": 5_000}, 5_000),
        ],
    )
    def test_only_a_limit_that_the_family_heeds_counts(
        self, app: Flask, ports: Ports, provider: str, extra: dict[str, Any], longest: int
    ) -> None:
        with app.app_context():
            account_id = an_account(ports, provider=provider, token_budget_day=10**9)
            run_now(ports, a_task(ports, account_id, extra_body=extra))
        [order] = settle(app).orders
        assert order.each is not None
        assert longest < order.each.tokens < longest + 200

    def test_another_model_in_the_body_has_another_price(self, app: Flask, ports: Ports) -> None:
        prices = {"m-1": {"input": 0, "output": 0}, "m-2": {"input": "1", "output": "3"}}
        with app.app_context():
            account_id = an_account(ports, prices=prices, cost_budget_day="1")
            task_id = a_task(ports, account_id, extra_body={"model": "m-2"})
            run_now(ports, task_id)
        tick(app, ScriptedProvider(used()))
        with app.app_context():
            assert spent(app, Scope.TASK, task_id).cost == 25 * MICRO

    def test_and_none_where_it_is_not_known(self, app: Flask, ports: Ports) -> None:
        prices = {"m-1": {"input": 0, "output": 0}}
        with app.app_context():
            account_id = an_account(ports, prices=prices, cost_budget_day="1")
            run_now(ports, a_task(ports, account_id, extra_body={"model": "m-2"}))
        assert settle(app).orders == []

    def test_what_is_cached_may_be_dearer(self, app: Flask, ports: Ports) -> None:
        prices = {"*": {"input": "1", "output": "3", "cached_input": "10"}}
        with app.app_context():
            account_id = an_account(ports, prices=prices, cost_budget_day="1")
            run_now(ports, a_task(ports, account_id))
        [order] = settle(app).orders
        assert order.reserved is not None
        assert order.reserved.cost == (56 * 10 + 300) * MICRO


def test_run_anyway_through_an_account_that_is_off_can_be_asked_again(
    app: Flask, ports: Ports
) -> None:
    with app.app_context():
        account_id = an_account(ports, cost_budget_day="0.0001")
        run_id = run_now(ports, a_task(ports, account_id))
    assert settle(app).orders == []
    with app.app_context():
        update_account(ports, account_id, {"enabled": False}, partial=True)
        with pytest.raises(Conflict):
            run_anyway(ports, run_id)
        update_account(ports, account_id, {"enabled": True}, partial=True)
        run_anyway(ports, run_id)
    assert len(settle(app).orders) == 1


@pytest.mark.parametrize("slots", [1, 200])
def test_a_thousand_that_no_budget_has_room_for_keep_nobody_waiting(
    app: Flask, ports: Ports, slots: int
) -> None:
    with app.app_context():
        capped = a_task(ports, None, token_budget_day=1, overlap="allow")
        free = a_task(ports, None, name="T2")
        now = ports.clock.now()
        row = {"task_id": capped, "source": "manual", "status": "queued", "model": "m-1"}
        with write_transaction() as session:
            session.execute(insert(Run), [{**row, "due_at": now, "queued_at": now}] * 1_000)
        good = run_now(ports, free)
        asked: list[object] = []
        event.listen(db.engine, "before_cursor_execute", lambda *how: asked.append(how[2]))
    orders = []
    for _ in range(3):
        settled = settle(app, slots)
        orders += [order.run_id for order in settled.orders]
        if orders:
            break
        assert settled.next_due == now, "the next look is not at once"
    assert orders == [good]
    assert len(asked) < 200


def test_a_slot_that_a_rendered_run_leaves_is_not_left_idle(app: Flask, ports: Ports) -> None:
    with app.app_context():
        task_id = a_task(ports, None, token_budget_day=1, overlap="allow")
        update_task(ports, task_id, {"message_content": "{{ now }}"}, partial=True)
        run_id = run_now(ports, task_id)
        settled = settle_and_claim(ports, OWNER, 1)
        assert settled.unprepared == [run_id]
        rendered = render_and_claim(ports, OWNER, settled.unprepared, 1)
        assert one(run_id).status == Status.SKIPPED
        assert (rendered.orders, rendered.more) == ([], True)
