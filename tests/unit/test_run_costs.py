"""What a run cost is frozen on it, and the day's totals add it up to the last digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, type_coerce

from autoai.domain.errors import CallEnded, Invalid
from autoai.domain.runs import Reason
from autoai.extensions import db
from autoai.models import DailyTotal, Money, Run
from autoai.providers.base import Usage
from autoai.queries.dashboard import dashboard_figures
from autoai.services.accounts import create_account, update_account
from autoai.services.ports import Ports
from autoai.services.runs import run_now
from autoai.services.statistics import rebuild_totals
from tests.factories import make_task
from tests.fakes import ScriptedProvider, completion
from tests.ticks import tick

PRICES = {"*": {"input": "0.15", "output": 0.6, "cached_input": "0.075"}}


def account(ports: Ports, **changes: Any) -> int:
    values = {"name": "One", "api_endpoint": "http://127.0.0.1:9/v1", "default_model": "m-1"}
    return create_account(ports, {**values, "prices": PRICES, **changes}).id


def run(app: Flask, ports: Ports, provider: ScriptedProvider, **task: Any) -> Run:
    with app.app_context():
        run_id = run_now(ports, make_task(ports, schedule_type="manual", **task).id)
    tick(app, provider)
    with app.app_context():
        found = db.session.get_one(Run, run_id)
        db.session.expunge(found)
        return found


def of_account(app: Flask, ports: Ports, usage: Usage, **changes: Any) -> Run:
    with app.app_context():
        account_id = account(ports, **changes)
    provider = ScriptedProvider(completion("Good day.", usage=usage))
    return run(app, ports, provider, api_endpoint=..., model=..., account_id=account_id)


def test_frozen_on_the_run(app: Flask, ports: Ports) -> None:
    found = of_account(app, ports, Usage(1_000, 100, 400, 50))
    assert found.cost == Decimal("0.00018")
    assert found.price == {
        "source": "account",
        "model": "m-1",
        "input": "0.15",
        "output": "0.6",
        "cached_input": "0.075",
    }
    assert not found.usage_estimated
    with app.app_context():
        update_account(ports, 1, {"prices": {"*": {"input": 9, "output": 9}}}, partial=True)
        assert db.session.get_one(Run, found.id).cost == Decimal("0.00018")


def test_unknown_is_null(app: Flask, ports: Ports) -> None:
    found = of_account(app, ports, Usage(1_000, 100), prices=None)
    assert (found.cost, found.price, found.input_tokens) == (None, None, 1_000)


def test_free_is_zero(app: Flask, ports: Ports) -> None:
    found = of_account(app, ports, Usage(5, 5), prices={"*": {"input": 0, "output": 0}})
    assert found.cost == 0


def test_what_nobody_counted_is_estimated_and_says_so(app: Flask, ports: Ports) -> None:
    found = of_account(app, ports, Usage())
    assert found.usage_estimated
    assert (found.input_tokens, found.output_tokens) == (3, 3)  # "What is new?", "Good day."
    assert found.cost == Decimal("0.00000225")


def test_a_part_of_an_answer_costs_too(app: Flask, ports: Ports) -> None:
    class Cut(ScriptedProvider):
        def complete(self, request: Any, call: Any, on_text: Any) -> Any:
            on_text("As far as here")
            raise CallEnded(Reason.CANCELLED)

    with app.app_context():
        account_id = account(ports)
    found = run(app, ports, Cut(), api_endpoint=..., model=..., account_id=account_id)
    assert found.usage_estimated
    assert found.output_tokens == 4
    assert found.cost is not None


def test_without_an_answer_nothing_is_known(app: Flask, ports: Ports) -> None:
    with app.app_context():
        account_id = account(ports)
    provider = ScriptedProvider(completion("", usage=Usage()))
    found = run(app, ports, provider, api_endpoint=..., model=..., account_id=account_id)
    assert (found.cost, found.usage_estimated) == (None, False)


def test_totals_are_exact_and_can_be_counted_anew(app: Flask, ports: Ports) -> None:
    with app.app_context():
        account_id = account(ports, prices={"*": {"input": "0.000001", "output": "0.333333"}})
        task = make_task(
            ports, api_endpoint=..., model=..., account_id=account_id, schedule_type="manual"
        )
        for _ in range(30):
            run_now(ports, task.id)
    tick(app, ScriptedProvider(completion(usage=Usage(1, 7))))
    with app.app_context():
        each = Decimal("0.000001") / 10**6 + 7 * Decimal("0.333333") / 10**6
        total = db.session.scalar(select(type_coerce(func.sum(DailyTotal.cost), Money)))
        assert total == 30 * each
        db.session.commit()
        assert rebuild_totals(ports.zone) == 0


@pytest.mark.parametrize(
    "prices",
    [
        "free",
        {"m": 1},
        {"m": {"input": 1}},
        {"m": {"input": 1, "output": 1, "per_picture": 1}},
        {"m": {"input": -1, "output": 1}},
        {"m": {"input": "NaN", "output": 1}},
        {"m": {"input": "1e9", "output": 1}},
        {"m": {"input": "0.0000001", "output": 1}},
        {"m": {"input": True, "output": 1}},
        {"m": {"input": [], "output": 1}},
        {"": {"input": 1, "output": 1}},
        {"\x00": {"input": 1, "output": 1}},
        {"x" * 201: {"input": 1, "output": 1}},
        {str(n): {"input": 1, "output": 1} for n in range(201)},
    ],
)
def test_bad_prices(in_app: Flask, ports: Ports, prices: Any) -> None:
    with pytest.raises(Invalid) as caught:
        account(ports, prices=prices)
    assert set(caught.value.errors) == {"prices"}


def test_unknown_is_no_zero_in_the_figures_either(app: Flask, ports: Ports) -> None:
    def today() -> tuple[Decimal | None, int]:
        with app.app_context():
            figures = dashboard_figures(ports.clock.now(), ports.zone)
            return figures.cost_today, figures.unpriced_today

    assert today() == (0, 0)
    of_account(app, ports, Usage(5, 5), prices=None)
    assert today() == (None, 1)
    of_account(app, ports, Usage(1_000_000, 0), name="Two")
    assert today() == (Decimal("0.15"), 1)
    with app.app_context():
        assert rebuild_totals(ports.zone) == 0


@pytest.mark.parametrize(
    ("endpoint", "cost"),
    [
        ("http://127.0.0.1:8000/demo/v1", Decimal(0)),
        ("http://localhost:9/demo/v1/chat/completions", Decimal(0)),
        ("https://api.example.com/demo/v1", None),
        ("http://127.0.0.1:8000/v1", None),
    ],
)
def test_the_built_in_echo_costs_nothing(
    app: Flask, ports: Ports, endpoint: str, cost: Decimal | None
) -> None:
    answered = ScriptedProvider(completion("Good day.", usage=Usage(10, 5)))
    assert run(app, ports, answered, api_endpoint=endpoint).cost == cost
