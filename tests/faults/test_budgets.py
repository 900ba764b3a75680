"""SIGKILL while money is spent: no cap is passed, and every digit of what was spent is accounted for."""

from __future__ import annotations

import os
import random
import time
from decimal import Decimal
from typing import Any

import pytest

from tests.behaviours import USAGE
from tests.server import Instance, wait_until
from tests.upstream import Upstream

_UNIT = Decimal("1e-12")
_DELAYS = (0.0, 0.2, 0.6, 1.5)
_PRICES = {"*": {"input": "1.1", "output": "3.3"}}
_MAX_TOKENS = 40
_CAPS = {
    # (account, then instance): some are reached within seconds, one late, one hardly ever.
    "account": {"cost_budget_day": "0.009", "token_budget_month": 100_000},
    "instance": {"token_budget_day": 60_000, "cost_budget_month": "1"},
}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_cap_is_passed_under_sigkill(instance: Instance, upstream: Upstream, long: bool) -> None:
    seed = int(os.environ.get("AUTOAI_SEED") or random.SystemRandom().randrange(2**31))
    chance = random.Random(seed)
    kills = 50 if long else 5
    print(f"\n{kills} kills, seed {seed} (AUTOAI_SEED={seed} repeats them)")
    server = instance.gunicorn()
    api = server.api
    account = api.call(
        "POST",
        "/accounts",
        expect=201,
        json={
            "name": "One",
            "api_endpoint": upstream.base_url,
            "prices": _PRICES,
            **_CAPS["account"],
        },
    )
    api.call("PATCH", "/settings", expect=200, json=_CAPS["instance"])
    for number, delay in enumerate(_DELAYS):
        task = {
            "name": f"T{number}",
            "account_id": account["id"],
            "message_content": f"launch=T{number}",
            "model": f"slow?seconds={delay}",
            "schedule_type": "interval",
            "interval_seconds": 1,
            "overlap": "allow",
            "max_tokens": _MAX_TOKENS,
            "max_attempts": 2,
            "token_budget_day": 400 * kills if number else None,
        }
        api.call("POST", "/tasks", expect=201, json=task)
    for number in range(kills):
        time.sleep(chance.uniform(0.2, 2.0))
        server.kill()
        assert _passed(instance) == []
        server = instance.gunicorn(wait=bool(number % 3))
    server.ready()
    wait_until(lambda: _skipped(instance) > 0, 60, "a run that a budget has no room for")
    for task in server.api.call("GET", "/tasks", expect=200)["items"]:
        server.api.call("PATCH", f"/tasks/{task['id']}", expect=200, json={"enabled": False})
    wait_until(lambda: _under_way(instance) == 0, 60, "the end of all runs")

    assert _passed(instance) == []
    kept = _sum(instance, "runs", "reserved_cost")
    cost = _sum(instance, "runs", "cost")
    print(f"spent {cost * _UNIT:f}, kept {kept * _UNIT:f}, {_skipped(instance)} skipped")
    assert kept > 0, "no process died with a run under way"
    for column in ("cost", "reserved_cost", "reserved_tokens", "input_tokens", "output_tokens"):
        assert _sum(instance, "usage_totals", column) == _sum(instance, "runs", column), column
    billed = sum(_billed(seen.body) for seen in upstream.requests() if seen.answered)
    assert billed <= (cost + kept) * _UNIT, "the other side was paid more than we say"
    told = instance.command("rebuild-stats")
    assert "right" in told.stdout


def _billed(body: str) -> Decimal:
    """What the scripted upstream says that each of its answers took, at our price."""
    rates = _PRICES["*"]
    return (
        USAGE["prompt_tokens"] * Decimal(rates["input"])
        + USAGE["completion_tokens"] * Decimal(rates["output"])
    ) / 1_000_000


def _passed(instance: Instance) -> list[str]:
    """The caps that are passed by what was spent and is reserved. The test is over within a day, or
    has it pass in between: then there is even more room."""
    totals: dict[str, Any] = {
        "tokens": "sum(input_tokens + output_tokens + reserved_tokens)",
        "cost": "sum(cost + reserved_cost)",
    }
    found = instance.rows(
        f"SELECT day, {totals['tokens']} AS tokens, {totals['cost']} AS cost"
        " FROM usage_totals GROUP BY day"
    )
    passed = []
    for row in found:
        for who, caps in _CAPS.items():
            for name, cap in caps.items():
                unit = name.split("_")[0]
                value = row["tokens"] if unit == "token" else row["cost"] * _UNIT
                if value > Decimal(cap):
                    passed.append(f"{who} {name} on {row['day']}: {value} of {cap}")
    return passed


def _sum(instance: Instance, table: str, column: str) -> int:
    rows = instance.rows(f"SELECT coalesce(sum({column}), 0) AS n FROM {table}")
    return int(rows[0]["n"])


def _skipped(instance: Instance) -> int:
    rows = instance.rows("SELECT count(*) AS n FROM runs WHERE reason = 'budget'")
    return int(rows[0]["n"])


def _under_way(instance: Instance) -> int:
    rows = instance.rows("SELECT count(*) AS n FROM runs WHERE status IN ('queued', 'running')")
    return int(rows[0]["n"])
