"""/api/dashboard: the figures of today, and of each day."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.models import Task
from autoai.services.ports import Ports

from ..factories import make_run, make_task
from ..fakes import START


@pytest.fixture
def task(in_app: Flask, ports: Ports) -> Task:
    return make_task(ports, interval_seconds=3600)


def add(task: Task, minutes: int, late: int = 0, took: int = 0, **changes: Any) -> None:
    """A run that was due so long ago; `late` and `took` are milliseconds."""
    due = START - timedelta(minutes=minutes)
    begun = due + timedelta(milliseconds=late)
    times = {"started_at": begun, "finished_at": begun + timedelta(milliseconds=took)}
    make_run(task, due, **{**times, **changes})


def close(found: int, meant: int) -> bool:
    return abs(found - meant) <= 0.02 * meant


def test_today(api: FlaskClient, task: Task) -> None:
    for minutes in range(1, 20):
        add(task, minutes, late=20, took=1500)
    add(task, 21, late=900, took=30_000, status="failed")
    add(task, 22, verdict="degraded", input_tokens=70, output_tokens=30, cost=Decimal("0.5"))
    add(task, 23, status="running", finished_at=None)
    found = api.get("/api/dashboard/stats").json
    assert (found["runs_today"], found["running_now"]) == (22, 1)
    assert (found["failed_today"], found["degraded_today"]) == (1, 1)
    assert (found["input_tokens_today"], found["output_tokens_today"]) == (70, 30)
    assert found["cost_today"] == "0.5"
    assert close(found["duration_p50_ms"], 1500) and close(found["lateness_p50_ms"], 20)
    assert found["lateness_p95_ms"] >= found["lateness_p50_ms"]


def test_day_by_day(api: FlaskClient, task: Task) -> None:
    day = 24 * 60
    add(task, 1, took=2000, input_tokens=7, output_tokens=3, cost=Decimal("0.25"))
    add(task, 2, verdict="degraded", took=2000)
    add(task, 3, status="interrupted", finished_at=None)
    add(task, day + 1, status="missed", started_at=None, finished_at=None, occurrences=40)
    add(task, day + 2, late=100, took=8000, status="failed", input_tokens=5)
    add(task, 40 * day)
    answer = api.get("/api/dashboard/performance").json
    assert answer["days"] == 30 and len(answer["items"]) == 30
    *_, before, today = answer["items"]
    assert (before["date"], today["date"]) == ("2026-03-01", "2026-03-02")
    counts = ("runs", "success", "degraded", "failed", "other")
    assert [today[name] for name in counts] == [3, 1, 1, 1, 0]
    assert [before[name] for name in counts] == [41, 0, 0, 1, 40]
    assert today["success_rate"] == pytest.approx(2 / 3) and before["success_rate"] == 0
    assert (today["input_tokens"], today["output_tokens"], today["cost"]) == (7, 3, "0.25")
    assert before["cost"] is None, "there is no price for what it used"
    assert close(today["duration_p50_ms"], 2000) and close(before["duration_p95_ms"], 8000)
    assert close(before["lateness_p50_ms"], 100)
    quiet = answer["items"][0]
    assert quiet["success_rate"] is None and quiet["duration_p50_ms"] is None
    assert (quiet["runs"], quiet["cost"]) == (0, "0")


@pytest.mark.parametrize("days", ["1", "7", "366"])
def test_as_many_days_as_asked_for(api: FlaskClient, task: Task, days: str) -> None:
    assert len(api.get(f"/api/dashboard/performance?days={days}").json["items"]) == int(days)


@pytest.mark.parametrize("days", ["0", "367", "-1", "1.5", "x", "9" * 30, "²"])
def test_other_days_are_refused(api: FlaskClient, task: Task, days: str) -> None:
    answer = api.get("/api/dashboard/performance", query_string={"days": days})
    assert answer.status_code == 422 and "days" in answer.json["errors"]
