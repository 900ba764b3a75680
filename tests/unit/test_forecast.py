"""What this month will have cost when it is over. Now is Monday, 2 March 2026, 12:00 UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from autoai.extensions import db
from autoai.models import Account, Task, write_transaction
from autoai.queries.forecast import Forecast, forecast
from autoai.services.ports import Ports

from ..factories import make_account, make_task, make_used
from ..fakes import START

TODAY = START.date()
HOURLY = {"interval_seconds": 3600}


def at(now: datetime = START, zone: str = "UTC") -> Forecast:
    return forecast(now, ZoneInfo(zone))


def owed(found: Forecast) -> list[tuple[str, int, Decimal | None]]:
    return [(task.name, task.runs, task.each) for task in found.owed]


def change(task: Task, **columns: Any) -> None:
    with write_transaction() as session:
        row = session.get_one(Task, task.id)
        for name, value in columns.items():
            setattr(row, name, value)


def test_nothing_is_nothing(in_app: Flask) -> None:
    found = at()
    assert (found.total, found.first, found.last) == (0, date(2026, 3, 1), date(2026, 3, 31))


def test_spent_and_still_due(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports, **HOURLY)
    make_used(TODAY, task.id, runs=4, input_tokens=9, cost="0.4")
    make_used(date(2026, 2, 28), task.id, runs=1, input_tokens=9, cost="0.6")
    make_used(date(2026, 2, 28), 99, runs=1, input_tokens=9, cost=Decimal(50))
    found = at()
    assert found.spent.cost == Decimal("0.4")
    assert owed(found) == [("Morning news", 707, Decimal("0.2"))]  # 13:00 to 23:00 on the 31st
    assert (found.runs, found.to_come) == (707, Decimal("141.4"))
    assert found.total == Decimal("141.8")


@pytest.mark.parametrize(
    ("zone", "runs"),
    [("UTC", 707), ("Europe/Berlin", 705), ("America/New_York", 711), ("Asia/Shanghai", 699)],
)
def test_the_month_ends_on_the_instance_s_clocks(
    in_app: Flask, ports: Ports, zone: str, runs: int
) -> None:
    """Berlin and New York have changed theirs by then."""
    make_task(ports, **HOURLY)
    assert owed(at(zone=zone)) == [("Morning news", runs, None)]


def test_a_day_on_which_clocks_change_counts_as_it_is(in_app: Flask, ports: Ports) -> None:
    berlin = {"timezone": "Europe/Berlin", "interval_seconds": ..., "schedule_type": "cron"}
    make_task(ports, name="a", **berlin, cron="30 * * * *")
    make_task(ports, name="b", **berlin, cron="30 2 * * *")
    make_task(ports, name="c", **berlin | {"schedule_type": "fixed_time"}, fixed_time="02:30")
    before = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)  # midnight; at 2:00 it will be 3:00
    counts = [runs for _, runs, _ in owed(at(before, "Europe/Berlin"))]
    assert counts == [23 + 2 * 24, 3, 3]


def test_blackouts_pauses_and_what_is_off(in_app: Flask, ports: Ports) -> None:
    quiet = make_task(ports, name="a", **HOURLY, blackouts=[{"from": "23:00", "to": "07:00"}])
    until = make_task(ports, name="b", **HOURLY)
    change(until, paused_at=START, paused_until=datetime(2026, 3, 31, 12, 30, tzinfo=UTC))
    change(make_task(ports, name="c", **HOURLY), paused_at=START)
    make_task(ports, name="d", **HOURLY, enabled=False)
    account = make_account(ports)
    make_task(ports, name="e", **HOURLY, api_endpoint=..., account_id=account.id)
    with write_transaction() as session:
        session.get_one(Account, account.id).disabled_at = START
    make_task(ports, name="f", schedule_type="manual", interval_seconds=...)
    found = [(name, runs) for name, runs, _ in owed(at())]
    assert found == [("a", 10 + 29 * 16), ("b", 11)]  # 13 to 22 o'clock today; 13 to 23 on the 31st
    assert db.session.get(Task, quiet.id) is not None


def test_unknown_is_named_and_not_in_it(in_app: Flask, ports: Ports) -> None:
    known, unpriced, failed, other_model = (
        make_task(ports, name=name, **HOURLY) for name in ("a", "b", "c", "d")
    )
    assert at().total is None
    make_used(TODAY, unpriced.id, runs=3, input_tokens=9, unpriced=3)
    make_used(TODAY, failed.id, runs=3)
    make_used(TODAY, other_model.id, 0, "before", runs=1, input_tokens=9, cost=Decimal(1))
    assert [task.name for task in at().unknown] == ["a", "b", "c", "d"]
    make_used(TODAY, known.id, runs=2, input_tokens=9, cost="0.02")
    found = at()
    assert [task.name for task in found.unknown] == ["b", "c", "d"]
    assert found.total == Decimal("1.02") + 707 * Decimal("0.01")


def test_a_free_model_is_known_and_a_new_price_counts_at_once(in_app: Flask, ports: Ports) -> None:
    free, priced = (make_task(ports, name=name, **HOURLY) for name in ("a", "b"))
    make_used(TODAY, free.id, runs=3, input_tokens=9)
    make_used(TODAY, priced.id, runs=10, input_tokens=9, unpriced=8, cost=Decimal(1))
    assert [task.each for task in at().owed] == [0, Decimal("0.5")]


def test_what_runs_rarely_is_measured_over_all_there_is(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports, schedule_type="cron", cron="0 0 20 * *", interval_seconds=...)
    make_used(TODAY - timedelta(days=200), task.id, runs=2, input_tokens=1, cost=Decimal(3))
    assert owed(at()) == [("Morning news", 1, Decimal("1.5"))]


def test_an_account_s_default_model_is_the_one_that_is_asked(in_app: Flask, ports: Ports) -> None:
    account = make_account(ports, default_model="big")
    task = make_task(ports, **HOURLY, api_endpoint=..., model=..., account_id=account.id)
    make_used(TODAY, task.id, account.id, "big", runs=1, input_tokens=1, cost=Decimal(2))
    assert owed(at()) == [("Morning news", 707, Decimal(2))]
