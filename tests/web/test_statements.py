"""What a page asks of the database does not grow with what is in it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from autoai.extensions import db
from autoai.models import Run, write_transaction
from autoai.queries.run_filter import RunFilter
from autoai.queries.run_log import figures
from autoai.queries.run_neighbours import neighbours
from autoai.queries.run_pages import page_of_runs
from autoai.services.ports import Ports
from tests.factories import make_run, make_task
from tests.fakes import START
from tests.statements import statements

FEW, MANY = 50, 5_000
PAGES = (
    "/",
    "/tasks",
    "/tasks/1",
    "/tasks/1/logs",
    "/logs",
    "/logs?status=failed",
    "/logs?status=success&verdict=degraded",
    "/logs?before=1772452800000000.40",
    "/logs/40",
    "/logs/40?status=failed",
    "/logs/40?status=success&verdict=degraded&max_duration_ms=1",
    "/usage",
    "/api/logs?limit=20",
    "/api/dashboard/stats",
)
MOST = 30
"""Statements of one page, its login included."""


@pytest.fixture
def of_many_runs(app: Flask, ports: Ports) -> Any:
    """Makes the ledger hold so many runs of one task, a tenth of them failed."""

    def fill(first: int, last: int) -> None:
        with app.app_context(), write_transaction() as session:
            rows = [
                {
                    "task_id": 1,
                    "source": "schedule",
                    "scheduled_for": (due := START - timedelta(minutes=number)),
                    "due_at": due,
                    "started_at": due,
                    "finished_at": due + timedelta(seconds=1),
                    "status": "success" if number % 10 else "failed",
                    "verdict": "ok" if number % 10 else None,
                }
                for number in range(first, last)
            ]
            session.execute(insert(Run), rows)

    with app.app_context():
        task = make_task(ports)
        make_run(task, START + timedelta(minutes=1), texts={"response_text": "Fine."})
        db.session.remove()
    return fill


def test_a_page_asks_as_often_of_5000_runs_as_of_50(
    app: Flask, signed_in: FlaskClient, of_many_runs: Any
) -> None:
    of_many_runs(1, FEW)
    before = {page: _asked(app, signed_in, page) for page in PAGES}
    of_many_runs(FEW, MANY)
    after = {page: _asked(app, signed_in, page) for page in PAGES}
    grown = {p: (before[p], after[p]) for p in PAGES if after[p] > before[p]}
    assert not grown
    assert not {page: count for page, count in after.items() if count > MOST}


def test_the_log_reads_no_row_that_it_does_not_need(app: Flask, of_many_runs: Any) -> None:
    """Every way into the ledger goes by an index: SQLite's own word for it."""
    of_many_runs(1, FEW)
    with app.app_context(), statements(app) as asked:
        for wanted in (
            RunFilter(),
            RunFilter(statuses=frozenset({"failed"})),
            RunFilter(task_id=1, statuses=frozenset({"failed", "missed"})),
            RunFilter(verdict="degraded", model="m-1"),
            RunFilter(reasons=frozenset({"timeout"}), account_id=1),
            RunFilter(source="manual", min_duration_ms=20_000),
        ):
            page_of_runs(wanted, 20)
            neighbours(db.session.get_one(Run, FEW // 2), wanted)
    assert asked
    with app.app_context():
        for statement, values in asked:
            plan = db.session.connection().exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", values
            )
            told = [row[3] for row in plan]
            scans = [line for line in told if line.startswith("SCAN runs") and "INDEX" not in line]
            assert not scans, (statement, told)


def test_what_is_under_way_is_counted_among_the_few_that_are(app: Flask, of_many_runs: Any) -> None:
    """And not among all runs that a task had within the days of the filter."""
    of_many_runs(1, FEW)
    days = {"since": START - timedelta(days=9), "until": START + timedelta(days=1)}
    with app.app_context(), statements(app) as asked:
        figures(RunFilter(task_id=1, **days), ZoneInfo("UTC"))  # type: ignore[arg-type]
        counts = [(statement, values) for statement, values in asked if "FROM runs" in statement]
        assert len(counts) == 1
        plan = db.session.connection().exec_driver_sql(
            f"EXPLAIN QUERY PLAN {counts[0][0]}", counts[0][1]
        )
        told = [row[3] for row in plan]
        assert any("(status=?)" in line for line in told), told


def _asked(app: Flask, browser: FlaskClient, page: str) -> int:
    with statements(app) as asked:
        answer = browser.get(page)
    assert answer.status_code == 200, page
    return len(asked)
