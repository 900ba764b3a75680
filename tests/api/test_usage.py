"""/api/usage: what was used and spent, what the month will cost, how far budgets are used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import Task, write_transaction
from autoai.runtime import runtime
from tests.factories import make_account, make_task, make_used
from tests.fakes import START

TODAY = START.date()  # 2 March 2026, 12:00 UTC


@pytest.fixture
def ids(app: Flask) -> Iterator[dict[str, int]]:
    with app.app_context():
        ports = runtime(app).ports
        account, task = make_account(ports).id, make_task(ports, interval_seconds=3600).id
        make_used(TODAY, task, runs=4, input_tokens=9, output_tokens=1, cost="0.400000000001")
        make_used(TODAY, 77, account, "big", runs=2, input_tokens=5, unpriced=2, estimated=1)
        make_used(date(2026, 1, 31), task, runs=1, input_tokens=1, cost=Decimal(5))
        make_used(TODAY, task, 0, "", reserved_tokens=30, reserved_cost="0.2")
        db.session.remove()
    yield {"account": account, "task": task}


def get(api: FlaskClient, path: str) -> Any:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_by_day_of_the_last_thirty(api: FlaskClient, ids: dict[str, int]) -> None:
    sums = {
        "runs": 6,
        "input_tokens": 14,
        "output_tokens": 1,
        "cost": "0.400000000001",
        "unpriced_runs": 2,
        "estimated_runs": 1,
        "reserved_tokens": 30,
        "reserved_cost": "0.2",
    }
    january = {**dict.fromkeys(sums, 0), "runs": 1, "input_tokens": 1, "cost": "5"}
    assert get(api, "/api/usage") == {
        "from": "2026-02-01",
        "to": "2026-03-02",
        "group_by": "day",
        "items": [{"day": "2026-03-02", **sums}],
        "total": sums,
    }
    whole = get(api, "/api/usage?from=2026-01-01&to=2026-03-02")
    assert whole["items"][0] == {"day": "2026-01-31", **january, "reserved_cost": "0"}
    assert whole["total"]["cost"] == "5.400000000001"


def test_by_task_account_and_model(api: FlaskClient, ids: dict[str, int]) -> None:
    def found(by: str, *names: str) -> list[tuple[Any, ...]]:
        items = get(api, f"/api/usage?group_by={by}")["items"]
        return [tuple(item[name] for name in (*names, "cost", "unpriced_runs")) for item in items]

    known = "0.400000000001"
    assert found("task", "task_id", "task") == [
        (ids["task"], "Morning news", known, 0),
        (77, None, None, 2),
    ]
    assert found("account", "account_id", "account") == [
        (None, None, known, 0),
        (ids["account"], "Work", None, 2),
    ]
    assert found("model", "model") == [("m-1", known, 0), ("big", None, 2), (None, "0", 0)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("to=20260201", "to"),
        ("from=2026-W01-1", "from"),
        ("from=%00", "from"),
        ("from=2026-03-01&to=2026-02-01", "from"),
        ("from=2016-03-01&to=2026-03-02", "from"),
        ("group_by=colour", "group_by"),
    ],
)
def test_what_is_not_valid(api: FlaskClient, query: str, field: str) -> None:
    answer = api.get(f"/api/usage?{query}")
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == {field}


@pytest.mark.parametrize("query", ["to=0001-01-05", "from=9999-12-31", "from=0001-01-01&to="])
def test_the_ends_of_the_calendar(api: FlaskClient, query: str) -> None:
    assert api.get(f"/api/usage?{query}").status_code in (200, 422)


def test_the_forecast(api: FlaskClient, ids: dict[str, int], app: Flask) -> None:
    with app.app_context():
        ports = runtime(app).ports
        fixed = {"schedule_type": "fixed_time", "interval_seconds": ..., "fixed_time": "09:00"}
        new = make_task(ports, name="New", **fixed).id
    assert get(api, "/api/usage/forecast") == {
        "from": "2026-03-01",
        "to": "2026-03-31",
        "total": "71.100000000178",  # 707 × a quarter of 0.400000000001, and what was spent
        "spent": "0.400000000001",
        "unpriced_runs": 2,
        "to_come": "70.700000000177",
        "runs_to_come": 707,
        "unknown_tasks": [{"task_id": new, "task": "New", "runs_to_come": 29}],
    }


def test_budgets(api: FlaskClient, ids: dict[str, int], app: Flask) -> None:
    assert get(api, "/api/usage/budgets") == {"items": []}
    with app.app_context(), write_transaction() as session:
        task = session.get_one(Task, ids["task"])
        task.token_budget_day, task.cost_budget_month = 30, Decimal(2)
    common = {"scope": "task", "id": ids["task"], "name": "Morning news"}
    day = {"period": "day", "unit": "tokens", "cap": 30, "spent": 40, "reserved": 30, "over": 10}
    month = {"period": "month", "unit": "cost", "cap": "2", "reserved": "0.2", "over": "0"}
    assert get(api, "/api/usage/budgets")["items"] == [
        {**common, **day, "share": 1.333333},
        {**common, **month, "spent": "0.600000000001", "share": 0.3},
    ]


def test_days_are_the_instance_s(api: FlaskClient, ids: dict[str, int], clock: Any) -> None:
    clock.set(START + timedelta(hours=13))
    assert get(api, "/api/usage")["to"] == "2026-03-03"
