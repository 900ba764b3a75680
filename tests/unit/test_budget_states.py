"""How far each budget is used."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import event, update

from autoai.extensions import db
from autoai.models import Account, InstanceState, Task, write_transaction
from autoai.queries.budgets import BudgetState, budget_states
from autoai.services.ports import Ports

from ..factories import make_account, make_task, make_used
from ..fakes import START

UTC_ZONE = ZoneInfo("UTC")
TODAY = START.date()  # 2 March 2026


def capped(model: Any, row_id: int, **caps: Any) -> None:
    with write_transaction() as session:
        session.execute(update(model).where(model.id == row_id).values(**caps))


def shown(states: list[BudgetState]) -> list[tuple[Any, ...]]:
    return [
        (s.scope.value, s.name, s.period.value, s.unit.value, s.cap, s.spent, s.reserved)
        for s in states
    ]


def test_no_budget_no_state(in_app: Flask, ports: Ports) -> None:
    make_used(TODAY, make_task(ports).id, input_tokens=5)
    assert budget_states(START, UTC_ZONE) == []


def test_every_budget_with_what_is_spent_and_reserved(in_app: Flask, ports: Ports) -> None:
    account = make_account(ports)
    task = make_task(ports, name="News", api_endpoint=..., model=..., account_id=account.id)
    other = make_task(ports, name="Other")
    capped(Task, task.id, token_budget_day=1000, cost_budget_month=Decimal("0.5"))
    capped(Account, account.id, token_budget_month=10_000)
    capped(InstanceState, 1, cost_budget_day=Decimal(2))
    make_used(TODAY, task.id, account.id, input_tokens=300, output_tokens=200, cost=Decimal("0.1"))
    make_used(TODAY, task.id, account.id, "n", reserved_tokens=400, reserved_cost=Decimal("0.2"))
    make_used(
        date(2026, 3, 1), task.id, account.id, input_tokens=50, cost=Decimal("0.000000000001")
    )
    make_used(date(2026, 2, 28), task.id, account.id, input_tokens=7, cost=Decimal(9))
    make_used(TODAY, other.id, input_tokens=9, cost=Decimal("0.7"))
    assert shown(budget_states(START, UTC_ZONE)) == [
        ("task", "News", "day", "tokens", 1000, 900, 400),
        (
            "task",
            "News",
            "month",
            "cost",
            Decimal("0.5"),
            Decimal("0.300000000001"),
            Decimal("0.2"),
        ),
        ("instance", None, "day", "cost", 2, 1, Decimal("0.2")),
        ("account", "Work", "month", "tokens", 10_000, 950, 400),
    ]


def test_a_cap_that_was_passed_and_one_of_nothing(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports)
    capped(Task, task.id, token_budget_day=100, token_budget_month=0, cost_budget_day=Decimal(3))
    make_used(TODAY, task.id, input_tokens=130)
    day, month, cost = budget_states(START, UTC_ZONE)
    assert (day.share, day.over) == (1.3, 30)
    assert (month.share, month.over) == (1.0, 130)
    assert (cost.share, cost.over, cost.spent) == (0.0, 0, 0)
    assert isinstance(cost.spent, Decimal)


@pytest.mark.parametrize(
    ("zone", "spent"), [("UTC", 1), ("Pacific/Kiritimati", 20), ("Pacific/Honolulu", 300)]
)
def test_today_is_the_instance_s(in_app: Flask, ports: Ports, zone: str, spent: int) -> None:
    task = make_task(ports)
    capped(Task, task.id, token_budget_day=1000)
    make_used(date(2026, 3, 31), task.id, input_tokens=1)
    make_used(date(2026, 4, 1), task.id, input_tokens=20)
    make_used(date(2026, 3, 30), task.id, input_tokens=300)
    now = datetime(2026, 3, 31, 10 if zone != "Pacific/Honolulu" else 5, tzinfo=UTC)
    assert [state.spent for state in budget_states(now, ZoneInfo(zone))] == [spent]


def test_so_many_tasks_so_few_statements(in_app: Flask, ports: Ports) -> None:
    for number in range(20):
        task = make_task(ports, name=f"{number}")
        capped(Task, task.id, token_budget_day=10)
        make_used(TODAY, task.id, input_tokens=number)
    capped(InstanceState, 1, cost_budget_day=Decimal(2))
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    states = budget_states(START, UTC_ZONE)
    assert [state.name for state in states[:2]] == ["19", "18"]
    assert len(states) == 21
    assert len([text for text in statements if text.startswith("SELECT")]) <= 6
