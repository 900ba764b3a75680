"""The example data: a month that could have been. Now is Monday, 2 March 2026, 12:00 UTC."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import func, select

from autoai.domain.errors import Conflict
from autoai.extensions import db
from autoai.models import Run, RunText, Task
from autoai.queries.dashboard import dashboard_figures
from autoai.queries.last_runs import Mark, failures_in_a_row, last_marks
from autoai.services.demo_data import EXAMPLES, fill_demo
from autoai.services.ports import Ports
from autoai.services.statistics import rebuild_totals

from ..factories import make_run, make_task
from ..fakes import START

ECHO = "http://127.0.0.1:9/demo/v1"


def test_a_month_in_which_everything_happened(in_app: Flask, ports: Ports) -> None:
    count = fill_demo(ports, ECHO)
    assert count == db.session.scalar(select(func.count()).select_from(Run)) > 10_000
    statuses = set(db.session.scalars(select(Run.status).distinct()))
    assert statuses >= {"success", "failed", "interrupted", "missed", "skipped"}
    assert db.session.scalar(select(func.count()).where(Run.verdict == "degraded"))
    assert db.session.scalar(select(func.count()).where(Run.reason == "budget"))
    tasks = {task.name: task for task in db.session.scalars(select(Task))}
    assert set(tasks) == {example.name for example in EXAMPLES}
    assert all(task.api_endpoint == ECHO for task in tasks.values())

    # Every due instant of the month has one row, as if the schedule had made it.
    task = tasks["Support inbox: what needs an answer"]
    rows = select(Run.scheduled_for).where(Run.task_id == task.id).order_by(Run.scheduled_for)
    recorded = list(db.session.scalars(rows))
    assert (
        recorded == list(task.schedule.between(recorded[0], START, 1_000).newest)[: len(recorded)]
    )
    assert task.next_run_at == next(task.schedule.after(START))

    assert rebuild_totals(ports.zone) == 0, "the totals know all of it"
    figures = dashboard_figures(START, ZoneInfo("UTC"))
    assert figures.runs_today > 100 and figures.cost_today
    sent = select(func.count()).where(Run.started_at.is_not(None))
    assert db.session.scalar(select(func.count()).select_from(RunText)) == db.session.scalar(sent)


def test_not_among_true_runs_unless_told_to(in_app: Flask, ports: Ports) -> None:
    own = make_task(ports, name="Mine")
    with pytest.raises(Conflict):
        fill_demo(ports, ECHO)
    assert db.session.scalar(select(func.count()).select_from(Task)) == 1
    fill_demo(ports, ECHO, force=True)
    assert db.session.get(Task, own.id) is not None


def test_the_command(app: Flask) -> None:
    found = app.test_cli_runner().invoke(args=["demo", "--endpoint", ECHO])
    assert found.exit_code == 0 and "example runs" in found.output, found.output
    again = app.test_cli_runner().invoke(args=["demo"])
    assert again.exit_code == 1 and "has tasks of its own" in again.output


def test_the_last_runs_of_several_tasks_at_once(in_app: Flask, ports: Ports) -> None:
    one, two, none = (make_task(ports, name=name) for name in "123")
    for n in range(5):
        at = START.replace(hour=n)
        make_run(one, at, status="failed", reason="timeout" if n == 4 else "auth")
        make_run(two, at, verdict="degraded" if n == 4 else "ok")
    found = last_marks([one.id, two.id, none.id, 99], 3)
    assert found[one.id] == [Mark("failed", None, "timeout"), *[Mark("failed", None, "auth")] * 2]
    assert found[two.id][0].shown == "degraded" and found[two.id][1] == Mark("success", "ok")
    assert found[none.id] == [] and 99 not in found


@pytest.mark.parametrize(
    ("statuses", "count"),
    [
        ("", 0),
        ("failed", 1),
        ("success failed", 0),
        ("skipped failed missed interrupted cancelled success failed", 2),
        ("running failed expired failed", 2),
    ],
)
def test_what_was_not_sent_does_not_end_a_row_of_failures(statuses: str, count: int) -> None:
    assert failures_in_a_row([Mark(status) for status in statuses.split()]) == count
