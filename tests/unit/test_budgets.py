"""Budgets: nothing passes a cap, whatever runs at the same time, and every digit is accounted for."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, type_coerce

from autoai.domain.budgets import (
    Amount,
    Caps,
    Obstacle,
    Period,
    Scope,
    Unit,
    most_input,
    most_output,
    refuse,
)
from autoai.domain.errors import Conflict, Invalid, ProviderError
from autoai.domain.runs import Kind, Reason, Source, Status
from autoai.extensions import db
from autoai.models import Attempt, Money, Run, UsageTotal
from autoai.providers.base import Completion, Request, Usage
from autoai.runtime import runtime
from autoai.services.accounts import create_account, update_account
from autoai.services.budgets import INSTANCE, spending
from autoai.services.instance import instance_fields, update_instance
from autoai.services.ports import Ports
from autoai.services.recovery import recover
from autoai.services.runs import cancel_run, run_anyway, run_now
from autoai.services.statistics import rebuild_totals
from autoai.services.tasks import delete_task, update_task
from tests.conftest import make_app, make_settings
from tests.factories import make_task
from tests.fakes import FakeClock, ScriptedProvider, completion
from tests.ticks import record, send, settle, tick

PRICES = {"*": {"input": "1", "output": "3"}}
"""Dollars for a million tokens: a token sent is a millionth, a token received three."""
MICRO = Decimal("0.000001")


def an_account(ports: Ports, **changes: Any) -> int:
    values = {"name": "One", "api_endpoint": "http://127.0.0.1:9/v1", "default_model": "m-1"}
    return create_account(ports, {**values, "prices": PRICES, **changes}).id


def a_task(ports: Ports, account_id: int | None, **changes: Any) -> int:
    where: dict[str, Any] = {} if account_id is None else {"api_endpoint": ..., "model": ...}
    values = {"schedule_type": "manual", "max_tokens": 100, "max_attempts": 1, **where, **changes}
    if account_id is not None:
        values["account_id"] = account_id
    return make_task(ports, message_content="x" * 40, **values).id


WORST = 40 + 2 * 8 + 100
"""Of one attempt of `a_task`: its 40 bytes, what a provider adds, and 100 tokens of answer."""
WORST_COST = (56 + 3 * 100) * MICRO


def one(run_id: int) -> Run:
    found = db.session.get_one(Run, run_id, populate_existing=True)
    db.session.commit()
    return found


def used(run: Completion | None = None, sent: int = 10, received: int = 5) -> Completion:
    return completion("Good day.", usage=Usage(sent, received))


def spent(app: Flask, scope: Scope, scope_id: int) -> Amount:
    here = runtime(app)
    today = here.ports.clock.now().astimezone(here.ports.zone).date()
    found = spending(db.session(), today, [(scope, scope_id)])[scope, scope_id][Period.DAY]
    db.session.commit()
    return Amount(found.tokens, (found.cost or Decimal(0)).normalize())


class TestRules:
    DAY = {period: Amount(90, Decimal("0.9")) for period in Period}

    @pytest.mark.parametrize(
        ("caps", "need", "unit", "obstacle"),
        [
            (Caps(token_budget_day=100), Amount(10), None, None),
            (Caps(token_budget_day=100), Amount(11), Unit.TOKENS, None),
            (Caps(token_budget_month=100), Amount(11), Unit.TOKENS, None),
            (Caps(cost_budget_day=Decimal(1)), Amount(9, Decimal("0.1")), None, None),
            (Caps(cost_budget_day=Decimal(1)), Amount(9, Decimal("0.100001")), Unit.COST, None),
            (Caps(cost_budget_month=Decimal(1)), Amount(9), Unit.COST, Obstacle.NO_PRICE),
            (Caps(token_budget_day=10**12), None, Unit.TOKENS, Obstacle.NO_MAX_TOKENS),
            (Caps(), None, None, None),
        ],
    )
    def test_what_is_refused(
        self, caps: Caps, need: Amount | None, unit: Unit | None, obstacle: Obstacle | None
    ) -> None:
        found = refuse(Scope.TASK, caps, self.DAY, need)
        assert (found and found.unit, found and found.obstacle) == (unit, obstacle)

    def test_what_is_kept_of_a_refusal(self) -> None:
        found = refuse(
            Scope.ACCOUNT, Caps(cost_budget_day=Decimal(1)), self.DAY, Amount(9, Decimal("0.2"))
        )
        assert found is not None
        assert found.note() == {
            "scope": "account",
            "period": "day",
            "unit": "cost",
            "cap": "1",
            "spent": "0.9",
            "needed": "0.2",
        }

    @pytest.mark.parametrize(
        ("text", "least"), [("a" * 10, 10), ("é" * 10, 20), ("中文" * 10, 60), ("😀", 4), ("", 0)]
    )
    def test_no_text_has_more_tokens_than_bytes(self, text: str, least: int) -> None:
        assert most_input([{"role": "user", "content": text}]) == least + 16

    @pytest.mark.parametrize(
        ("max_tokens", "extra", "most"),
        [
            (100, {}, 100),
            (None, {}, None),
            (100, {"max_tokens": 5_000}, 5_000),
            (100, {"max_completion_tokens": 5_000}, 5_000),
            (None, {"max_output_tokens": 50}, 50),
            (100, {"n": 10}, 1_000),
            (100, {"n": None}, None),
            (100, {"n": "10"}, None),
            (100, {"max_tokens": None}, None),
            (100, {"max_tokens": True}, None),
            (100, {"top_p": 0.9}, 100),
        ],
    )
    def test_what_can_be_answered(
        self, max_tokens: int | None, extra: dict[str, Any], most: int | None
    ) -> None:
        limits = ("max_tokens", "max_completion_tokens", "max_output_tokens")
        assert most_output(max_tokens, extra, limits) == most


class TestFields:
    def test_a_budgeted_task_says_how_long_an_answer_may_get(
        self, in_app: Flask, ports: Ports
    ) -> None:
        with pytest.raises(Invalid) as caught:
            a_task(ports, None, max_tokens=None, token_budget_day=1_000)
        assert list(caught.value.errors) == ["max_tokens"]

    def test_so_does_one_whose_account_has_a_budget(self, in_app: Flask, ports: Ports) -> None:
        account_id = an_account(ports, cost_budget_month="5")
        with pytest.raises(Invalid) as caught:
            a_task(ports, account_id, max_tokens=None)
        assert list(caught.value.errors) == ["max_tokens"]

    def test_and_one_of_an_instance_with_a_budget(self, in_app: Flask, ports: Ports) -> None:
        update_instance(ports, {"token_budget_day": 5}, partial=True)
        with pytest.raises(Invalid) as caught:
            a_task(ports, None, max_tokens=None)
        assert list(caught.value.errors) == ["max_tokens"]

    def test_a_task_that_lacks_what_a_budget_needs_can_still_be_switched(
        self, in_app: Flask, ports: Ports
    ) -> None:
        task_id = a_task(ports, None, max_tokens=None)
        update_instance(ports, {"token_budget_day": 5}, partial=True)
        for enabled in (False, True):
            assert (
                update_task(ports, task_id, {"enabled": enabled}, partial=True).enabled is enabled
            )
        with pytest.raises(Invalid):
            update_task(ports, task_id, {"enabled": "no"}, partial=True)

    @pytest.mark.parametrize(
        "value", ["-1", "1e9", "abc", "nan", "inf", "0.0000001", True, [], 10**30]
    )
    def test_what_is_no_budget(self, in_app: Flask, ports: Ports, value: Any) -> None:
        with pytest.raises(Invalid) as caught:
            a_task(ports, None, cost_budget_day=value)
        assert list(caught.value.errors) == ["cost_budget_day"]

    def test_they_come_back_as_they_went_in(self, in_app: Flask, ports: Ports) -> None:
        caps = {
            "token_budget_day": 1_000,
            "token_budget_month": 20_000,
            "cost_budget_day": "0.5",
            "cost_budget_month": "12.345678",
        }
        update_instance(ports, caps, partial=True)
        assert instance_fields() == caps
        update_instance(ports, {"token_budget_day": 7}, partial=True)
        assert instance_fields() == {**caps, "token_budget_day": 7}
        update_instance(ports, {}, partial=False)
        assert instance_fields() == dict.fromkeys(caps)


class TestOneRun:
    def test_reserved_while_it_runs_and_settled_after_it(self, app: Flask, ports: Ports) -> None:
        with app.app_context():
            task_id = a_task(ports, an_account(ports), cost_budget_day="1", max_attempts=3)
            run_id = run_now(ports, task_id)
        orders = settle(app).orders
        with app.app_context():
            run = one(run_id)
            assert (run.reserved_tokens, run.reserved_cost) == (3 * WORST, 3 * WORST_COST)
            assert spent(app, Scope.TASK, task_id) == Amount(3 * WORST, 3 * WORST_COST)
        record(app, send(app, orders, ScriptedProvider(used())))
        with app.app_context():
            run = one(run_id)
            assert (run.status, run.cost) == (Status.SUCCESS, 25 * MICRO)
            assert (run.reserved_tokens, run.reserved_cost, run.budget_note) == (None, None, None)
            assert spent(app, Scope.TASK, task_id) == Amount(15, 25 * MICRO)
            assert spent(app, Scope.INSTANCE, INSTANCE) == Amount(15, 25 * MICRO)

    def test_nothing_is_reserved_where_there_is_no_budget(self, app: Flask, ports: Ports) -> None:
        with app.app_context():
            run_id = run_now(ports, a_task(ports, an_account(ports)))
        tick(app, ScriptedProvider(used()))
        with app.app_context():
            assert one(run_id).reserved_tokens is None
            assert db.session.scalar(select(func.sum(UsageTotal.input_tokens))) == 10

    @pytest.mark.parametrize("scope", list(Scope))
    def test_what_would_break_the_cap_is_skipped(
        self, app: Flask, ports: Ports, scope: Scope
    ) -> None:
        caps = {"token_budget_day": 2 * WORST + 20}
        with app.app_context():
            account_id = an_account(ports, **(caps if scope is Scope.ACCOUNT else {}))
            if scope is Scope.INSTANCE:
                update_instance(ports, caps, partial=True)
            task_id = a_task(
                ports, account_id, overlap="allow", **(caps if scope is Scope.TASK else {})
            )
            ids = [run_now(ports, task_id) for _ in range(3)]
        orders = settle(app).orders
        assert [order.run_id for order in orders] == ids[:2]
        with app.app_context():
            last = one(ids[2])
            assert (last.status, last.reason, last.attempts) == (Status.SKIPPED, Reason.BUDGET, 0)
            assert last.budget_note == {
                "scope": str(scope),
                "period": "day",
                "unit": "tokens",
                "cap": str(2 * WORST + 20),
                "spent": str(2 * WORST),
                "needed": str(WORST),
            }
        # What is settled is less than what was reserved: there is room again.
        record(app, send(app, orders, ScriptedProvider(used())))
        with app.app_context():
            again = run_now(ports, task_id)
        assert [o.run_id for o in settle(app).orders] == [again]

    def test_a_slot_that_a_refused_run_leaves_goes_to_the_next(
        self, app: Flask, ports: Ports
    ) -> None:
        with app.app_context():
            capped = a_task(ports, None, token_budget_day=1)
            free = a_task(ports, None)
            [run_now(ports, capped) for _ in range(5)]
            good = run_now(ports, free)
        assert [order.run_id for order in settle(app, slots=1).orders] == [good]

    def test_money_without_a_price_lets_nothing_through(self, app: Flask, ports: Ports) -> None:
        with app.app_context():
            task_id = a_task(ports, an_account(ports, prices=None), cost_budget_month="1000")
            run_id = run_now(ports, task_id)
        assert settle(app).orders == []
        with app.app_context():
            note = one(run_id).budget_note
            assert note is not None
            assert note["obstacle"] == "no_price"

    def test_what_is_free_passes_a_cap_of_nothing(self, app: Flask, ports: Ports) -> None:
        with app.app_context():
            free = {"*": {"input": 0, "output": 0}}
            run_now(ports, a_task(ports, an_account(ports, prices=free), cost_budget_day="0"))
        assert len(settle(app).orders) == 1

    def test_a_cap_that_comes_later_counts_what_was_spent_before(
        self, app: Flask, ports: Ports
    ) -> None:
        with app.app_context():
            task_id = a_task(ports, an_account(ports))
            run_now(ports, task_id)
        tick(app, ScriptedProvider(used(sent=1_000)))
        with app.app_context():
            update_task(ports, task_id, {"token_budget_day": 1_000}, partial=True)
            run_now(ports, task_id)
        assert settle(app).orders == []

    def test_tomorrow_is_another_day_of_the_same_month(
        self, app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        with app.app_context():
            task_id = a_task(ports, None, token_budget_day=WORST, token_budget_month=WORST + 20)
            run_now(ports, task_id)
        tick(app, ScriptedProvider(used()))
        with app.app_context():
            run_now(ports, task_id)
        assert settle(app).orders == []
        clock.step(days=1)
        with app.app_context():
            run_now(ports, task_id)
        tick(app, ScriptedProvider(used()))
        clock.step(days=1)
        with app.app_context():
            last = run_now(ports, task_id)
        assert settle(app).orders == []
        with app.app_context():
            note = one(last).budget_note
            assert note is not None
            assert note["period"] == "month"

    def test_more_than_was_reserved_is_shown_and_blocks_the_next(
        self, app: Flask, ports: Ports
    ) -> None:
        with app.app_context():
            task_id = a_task(ports, an_account(ports), cost_budget_day="0.0004")
            run_id = run_now(ports, task_id)
        tick(app, ScriptedProvider(used(sent=50, received=500)))
        with app.app_context():
            run = one(run_id)
            assert run.cost == 1_550 * MICRO
            assert run.budget_note == {
                "overshoot_tokens": str(550 - WORST),
                "overshoot_cost": f"{(1_550 * MICRO - WORST_COST).normalize():f}",
            }
            run_now(ports, task_id)
        assert settle(app).orders == []


class TestWhatNobodyKnows:
    def test_a_dead_run_s_reservation_stays_spent(self, app: Flask, ports: Ports) -> None:
        with app.app_context():
            task_id = a_task(ports, an_account(ports), cost_budget_day="1")
            run_id = run_now(ports, task_id)
        settle(app)
        with app.app_context():
            recover(ports, "another-process")
            run = one(run_id)
            assert (run.status, run.reserved_cost) == (Status.INTERRUPTED, WORST_COST)
            assert spent(app, Scope.TASK, task_id).cost == WORST_COST
            assert rebuild_totals(ports.zone) == 0

    def test_an_attempt_that_may_have_been_billed_keeps_its_worst_case(
        self, app: Flask, ports: Ports
    ) -> None:
        lost = ProviderError(Kind.MAYBE_BILLED, Reason.TIMEOUT, "no answer")
        with app.app_context():
            task_id = a_task(ports, an_account(ports), cost_budget_day="1", max_attempts=3)
            run_id = run_now(ports, task_id)
        tick(app, ScriptedProvider(lost, used()))
        with app.app_context():
            run = one(run_id)
            assert (run.cost, run.reserved_cost) == (25 * MICRO, WORST_COST)
            assert spent(app, Scope.TASK, task_id).cost == 25 * MICRO + WORST_COST

    @pytest.mark.parametrize("kind", [Kind.NEVER_SENT, Kind.REJECTED, Kind.SERVER_ERROR])
    def test_what_was_not_billed_is_given_back(self, app: Flask, ports: Ports, kind: Kind) -> None:
        with app.app_context():
            task_id = a_task(ports, an_account(ports), cost_budget_day="1")
            run_id = run_now(ports, task_id)
        tick(app, ScriptedProvider(ProviderError(kind, Reason.REJECTED, "no")))
        with app.app_context():
            assert one(run_id).reserved_cost is None
            assert spent(app, Scope.TASK, task_id) == Amount(0, Decimal(0))

    def test_one_that_waits_for_another_attempt_keeps_its_place(
        self, app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        slow = ProviderError(
            Kind.THROTTLED, Reason.RATE_LIMITED, "slow", http_status=429, retry_after=30
        )
        with app.app_context():
            task_id = a_task(
                ports,
                an_account(ports),
                token_budget_day=2 * WORST,
                max_attempts=2,
                retry_statuses=[429],
            )
            run_id = run_now(ports, task_id)
        tick(app, ScriptedProvider(slow))
        with app.app_context():
            assert one(run_id).status == Status.QUEUED
            assert spent(app, Scope.TASK, task_id).tokens == WORST
            update_task(ports, task_id, {"token_budget_day": 1}, partial=True)
        clock.step(60)
        tick(app, ScriptedProvider(used()))  # what it holds it need not ask for again
        with app.app_context():
            assert one(run_id).status == Status.SUCCESS
            assert spent(app, Scope.TASK, task_id) == Amount(15, 25 * MICRO)
            assert rebuild_totals(ports.zone) == 0

    def test_one_that_is_cancelled_while_it_waits_gives_it_back(
        self, app: Flask, ports: Ports
    ) -> None:
        slow = ProviderError(
            Kind.THROTTLED, Reason.RATE_LIMITED, "slow", http_status=429, retry_after=30
        )
        with app.app_context():
            task_id = a_task(
                ports,
                an_account(ports),
                token_budget_day=2 * WORST,
                max_attempts=2,
                retry_statuses=[429],
            )
            run_id = run_now(ports, task_id)
        tick(app, ScriptedProvider(slow))
        with app.app_context():
            cancel_run(ports, run_id)
            run = one(run_id)
            assert (run.status, run.reserved_tokens) == (Status.CANCELLED, None)
            assert spent(app, Scope.TASK, task_id).tokens == 0
            assert rebuild_totals(ports.zone) == 0

    def test_a_deleted_task_s_spending_stays_in_its_account(self, app: Flask, ports: Ports) -> None:
        with app.app_context():
            account_id = an_account(ports, cost_budget_day="1")
            task_id = a_task(ports, account_id)
            run_now(ports, task_id)
        tick(app, ScriptedProvider(used()))
        with app.app_context():
            delete_task(ports, task_id)
            assert spent(app, Scope.ACCOUNT, account_id).cost == 25 * MICRO


class TestRunAnyway:
    def refused(self, app: Flask, ports: Ports) -> tuple[int, int]:
        with app.app_context():
            task_id = a_task(ports, an_account(ports), cost_budget_day="0.0001")
            run_id = run_now(ports, task_id)
        assert settle(app).orders == []
        return task_id, run_id

    def test_it_is_sent_and_counts(self, app: Flask, ports: Ports) -> None:
        task_id, run_id = self.refused(app, ports)
        with app.app_context():
            new_id = run_anyway(ports, run_id)
        tick(app, ScriptedProvider(used()))
        with app.app_context():
            new = one(new_id)
            assert (new.status, new.for_run, new.source) == (Status.SUCCESS, run_id, Source.MANUAL)
            assert one(run_id).status == Status.SKIPPED
            assert spent(app, Scope.TASK, task_id).cost == 25 * MICRO

    def test_once(self, app: Flask, ports: Ports) -> None:
        _, run_id = self.refused(app, ports)
        with app.app_context():
            run_anyway(ports, run_id)
            with pytest.raises(Conflict):
                run_anyway(ports, run_id)

    def test_only_what_a_budget_left_out(self, app: Flask, ports: Ports) -> None:
        with app.app_context():
            run_id = run_now(ports, a_task(ports, None))
            with pytest.raises(Conflict):
                run_anyway(ports, run_id)


def test_an_account_s_price_of_its_own_model_changes_the_worst_case(
    app: Flask, ports: Ports
) -> None:
    with app.app_context():
        account_id = an_account(ports, cost_budget_day=f"{WORST_COST:f}")
        task_id = a_task(ports, account_id)
        run_now(ports, task_id)
    assert len(settle(app).orders) == 1
    with app.app_context():
        prices = {"m-1": {"input": "1", "output": "4"}}
        update_account(ports, account_id, {"prices": prices}, partial=True)
        recover(ports, "another-process")
        update_account(ports, account_id, {"cost_budget_day": f"{2 * WORST_COST:f}"}, partial=True)
        run_now(ports, task_id)
    assert settle(app).orders == []


def test_usage_of_each_attempt(app: Flask, ports: Ports) -> None:
    lost = ProviderError(Kind.MAYBE_BILLED, Reason.TIMEOUT, "no answer")
    with app.app_context():
        run_id = run_now(ports, a_task(ports, an_account(ports), max_attempts=2))
    tick(app, ScriptedProvider(lost, used()))
    with app.app_context():
        rows = db.session.scalars(
            select(Attempt).where(Attempt.run_id == run_id).order_by(Attempt.number)
        ).all()
        assert [(a.input_tokens, a.output_tokens, a.cost) for a in rows] == [
            (None, None, None),
            (10, 5, 25 * MICRO),
        ]


# Anything at once: twenty threads that claim, send and record on one database.


@dataclass
class Play:
    """How one instance is set up, drawn at random."""

    seed: int
    caps: dict[str, dict[str, Any]]
    """By scope: "task 0" …, "account", "instance"."""
    tasks: int
    runs: int
    attempts: int


def caps_strategy() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "token_budget_day": st.integers(1, 12 * WORST),
            "token_budget_month": st.integers(1, 12 * WORST),
            "cost_budget_day": st.integers(0, 4_000).map(lambda n: f"{n * MICRO:f}"),
            "cost_budget_month": st.integers(0, 4_000).map(lambda n: f"{n * MICRO:f}"),
        },
    )


PLAYS = st.builds(
    Play,
    seed=st.integers(0, 2**32),
    caps=st.fixed_dictionaries(
        {name: caps_strategy() for name in ("task 0", "task 1", "account", "instance")}
    ),
    tasks=st.integers(1, 3),
    runs=st.integers(5, 40),
    attempts=st.integers(1, 3),
)


class Chance:
    """An upstream that does anything, within what a request allows."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def __call__(self, request: Request, call: object) -> Completion:
        with self._lock:
            what = self._random.randrange(8)
            sent = self._random.randint(0, 56)
            received = self._random.randint(0, 100)
        if what == 0:
            raise ProviderError(Kind.MAYBE_BILLED, Reason.TIMEOUT, "no answer")
        if what == 1:
            raise ProviderError(Kind.REJECTED, Reason.REJECTED, "no")
        if what == 2:
            raise ProviderError(Kind.UNUSABLE_ANSWER, Reason.BAD_RESPONSE, "what?")
        if what == 3:
            raise ProviderError(
                Kind.THROTTLED, Reason.RATE_LIMITED, "slow", http_status=429, retry_after=1
            )
        if what == 4:
            return completion("", usage=Usage())
        return completion("Good day.", usage=Usage(sent, received))


@contextmanager
def an_instance(folder: Path, prepared: Path, password_hash: str) -> Iterator[Flask]:
    shutil.rmtree(folder, ignore_errors=True)
    app = make_app(make_settings(folder, admin_password=password_hash), FakeClock(), prepared)
    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


@settings(
    max_examples=8,
    phases=(Phase.generate,),  # a play of twenty threads is not the same twice
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(play=PLAYS)
def test_no_claim_passes_a_cap_and_every_digit_adds_up(
    play: Play, tmp_path: Path, prepared: Path, password_hash: str
) -> None:
    with an_instance(tmp_path / "play", prepared, password_hash) as app:
        _play(app, play)


THREADS = 20


def _play(app: Flask, play: Play) -> None:
    ports = runtime(app).ports
    with app.app_context():
        account_id = an_account(ports, **play.caps["account"])
        update_instance(ports, play.caps["instance"], partial=True)
        task_ids = [
            a_task(
                ports,
                account_id,
                name=f"T{n}",
                overlap="allow",
                max_attempts=play.attempts,
                retry_statuses=[429],
                **play.caps.get(f"task {n}", {}),
            )
            for n in range(play.tasks)
        ]
        for number in range(play.runs):
            run_now(ports, task_ids[number % len(task_ids)])
    scopes = {(Scope.ACCOUNT, account_id): play.caps["account"]}
    scopes[Scope.INSTANCE, INSTANCE] = play.caps["instance"]
    scopes |= {(Scope.TASK, t): play.caps.get(f"task {n}", {}) for n, t in enumerate(task_ids)}
    provider = ScriptedProvider(Chance(play.seed))
    problems: list[str] = []

    def worker(number: int) -> None:
        chance = random.Random(play.seed + number)
        for _ in range(6):
            orders = settle(app, chance.randint(1, 4), owner=f"process {number}").orders
            with app.app_context():
                problems.extend(_over(app, scopes))
            if chance.random() < 0.1:
                continue  # this process dies with them
            record(app, send(app, orders, provider), owner=f"process {number}")
            ports.clock.step(1)  # type: ignore[attr-defined]

    threads = [threading.Thread(target=worker, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ports.clock.step(600)  # type: ignore[attr-defined]
    for _ in range(play.attempts + 1):
        tick(app, provider)
        ports.clock.step(600)  # type: ignore[attr-defined]
    with app.app_context():
        recover(ports, "the next process")
        assert problems == []
        assert _over(app, scopes) == []
        _adds_up()
        assert rebuild_totals(ports.zone) == 0


def _over(app: Flask, scopes: dict[tuple[Scope, int], dict[str, Any]]) -> list[str]:
    """The caps that are passed."""
    here = runtime(app).ports
    found = spending(db.session(), here.clock.now().astimezone(here.zone).date(), scopes)
    db.session.commit()
    return [
        f"{scope} {name}: {amount} of {cap}"
        for (scope, scope_id), caps in scopes.items()
        for name, cap in caps.items()
        for amount in [found[scope, scope_id][Period.DAY if name.endswith("day") else Period.MONTH]]
        if (amount.tokens if name.startswith("token") else amount.cost or 0) > Decimal(cap)
    ]


def _adds_up() -> None:
    """What is said to be spent is what the runs cost, and what stayed reserved, to the last digit."""
    over = select(func.count()).where(Run.status.in_(("queued", "running")))
    assert db.session.scalar(over) == 0
    columns = ("cost", "reserved_cost")
    money = [type_coerce(func.coalesce(func.sum(getattr(Run, c)), 0), Money) for c in columns]
    totals = [
        type_coerce(func.coalesce(func.sum(getattr(UsageTotal, c)), 0), Money) for c in columns
    ]
    assert db.session.execute(select(*money)).one() == db.session.execute(select(*totals)).one()
    names = ("input_tokens", "output_tokens", "reserved_tokens")
    runs = [func.coalesce(func.sum(getattr(Run, name)), 0) for name in names]
    days = [func.coalesce(func.sum(getattr(UsageTotal, name)), 0) for name in names]
    assert db.session.execute(select(*runs)).one() == db.session.execute(select(*days)).one()
