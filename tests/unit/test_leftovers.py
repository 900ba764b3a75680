"""A deleted task is gone at once; its runs follow in steps, and the totals equal the rows at each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.exc import DatabaseError

from autoai.domain.errors import NotFound
from autoai.extensions import db
from autoai.models import (
    Attempt,
    DailyTotal,
    HourlyTotal,
    Run,
    RunText,
    Task,
    write_transaction,
)
from autoai.queries.run_filter import RunFilter
from autoai.queries.run_log import get_run
from autoai.queries.run_pages import page_of_runs
from autoai.services.bulk import act
from autoai.services.leftovers import remove_leftovers
from autoai.services.ports import Ports
from autoai.services.runs import cancel_run, retry_run
from autoai.services.statistics import Ending, count_endings, rebuild_totals
from autoai.services.steps import STEP, STEP_CHARACTERS
from autoai.services.task_switches import pause_task, resume_task
from autoai.services.tasks import delete_task
from tests.factories import make_run, make_task
from tests.fakes import START

ZONE = ZoneInfo("UTC")
MANY = 2 * STEP + 30


def fill(task: Task, count: int, texts: int = 0, characters: int = 10) -> None:
    """`count` runs that are over, an hour apart, the newest `texts` of them with their texts."""
    rows = [
        {
            "task_id": task.id,
            "due_at": (due := START - timedelta(hours=hours, minutes=task.id)),
            "started_at": due,
            "finished_at": due + timedelta(seconds=1),
            "status": "success" if hours % 10 else "failed",
        }
        for hours in range(count, 0, -1)
    ]
    with write_transaction() as session:
        session.execute(insert(Run), [{**row, "source": "schedule"} for row in rows])
        count_endings(session, ZONE, [Ending(**row) for row in rows])
        newest = select(Run.id).where(Run.task_id == task.id).order_by(Run.id.desc()).limit(texts)
        for run_id in session.scalars(newest).all():
            session.add(RunText(run_id=run_id, response_text="x" * characters))
            made = {"number": 1, "started_at": START, "duration_ms": 1, "kind": "ok"}
            session.add(Attempt(run_id=run_id, **made))
    rebuild_totals(ZONE)  # and what was used


def count(model: Any, *where: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*where)) or 0


def assert_totals_equal_rows() -> None:
    assert rebuild_totals(ZONE) == 0
    assert db.session.scalar(select(func.sum(HourlyTotal.due))) == count(Run)


def in_the_log() -> list[Run]:
    """All runs on all pages."""
    found: list[Run] = []
    cursor = None
    while True:
        page = page_of_runs(RunFilter(), 50, cursor)
        found += page.rows
        cursor = page.older
        if cursor is None:
            return found


def test_a_task_with_many_runs_is_gone_at_once(in_app: Flask, ports: Ports) -> None:
    kept, gone = make_task(ports, name="Kept"), make_task(ports, name="Gone", tags=["a"])
    gone_id, kept_id = gone.id, kept.id
    fill(gone, MANY, texts=STEP + 20)
    fill(kept, 40, texts=3)
    make_run(gone, START, status="queued", started_at=None, finished_at=None, texts={"secrets": []})
    oldest = db.session.scalar(select(func.min(Run.id)))
    delete_task(ports, gone_id)
    left = count(Run, Run.task_id == gone_id)
    assert left == MANY - STEP, "one step of the oldest remain"
    assert db.session.get(Run, oldest) is not None
    assert make_task(ports, name="Gone").id > gone_id
    assert not count(DailyTotal, DailyTotal.task_id == gone_id)
    for call in (
        lambda: delete_task(ports, gone_id),
        lambda: get_run(oldest),
        lambda: retry_run(ports, oldest),
        lambda: cancel_run(ports, oldest),
    ):
        with pytest.raises(NotFound):
            call()
    assert [run.task_id for run in in_the_log()] == [kept_id] * 40
    backwards = page_of_runs(RunFilter(), 30, page_of_runs(RunFilter(), 50).older, newer=True)
    assert all(run.task_id == kept_id for run in backwards.rows)
    for expected in (STEP, 30, 0):
        assert_totals_equal_rows()
        assert remove_leftovers(ZONE) == expected
    assert_totals_equal_rows()
    assert (count(Run), count(RunText), count(Attempt)) == (40, 3, 3)
    assert db.session.execute(text("PRAGMA foreign_key_check")).all() == []
    assert db.session.execute(text("SELECT count(*) FROM run_search")).scalar() == 0
    assert db.session.scalar(text("PRAGMA foreign_keys")) == 1


def test_pages_answer_while_runs_are_left(app: Flask, signed_in: FlaskClient, ports: Ports) -> None:
    with app.app_context():
        gone = make_task(ports, name="Gone")
        fill(gone, MANY, texts=5)
        task_id, oldest = gone.id, db.session.scalar(select(func.min(Run.id)))
        delete_task(ports, task_id)
        assert count(Run)
        db.session.remove()
    for page in (f"/tasks/{task_id}", f"/tasks/{task_id}/logs", f"/logs/{oldest}"):
        assert signed_in.get(page).status_code == 404
        assert signed_in.get(f"/api{page}").status_code == 404
    for page in (
        "/",
        "/tasks",
        "/logs",
        "/logs?status=failed",
        f"/logs?task_id={task_id}",
        "/usage",
    ):
        answer = signed_in.get(page)
        assert answer.status_code == 200
        assert "Gone" not in answer.text
    answer = signed_in.get(f"/api/logs?task_id={task_id}")
    assert answer.json == {"items": [], "next_cursor": None} or not answer.json["items"]


def test_what_fails_halfway_is_gone_on_with(in_app: Flask, ports: Ports) -> None:
    """As when the process dies: what is not committed has not been."""
    gone = make_task(ports)
    gone_id = gone.id
    fill(gone, MANY)
    db.session.execute(
        text(
            "CREATE TRIGGER refuse BEFORE UPDATE ON hourly_totals"
            " BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    )
    db.session.commit()
    with pytest.raises(DatabaseError, match="no room"):
        delete_task(ports, gone_id)
    db.session.rollback()
    assert db.session.get(Task, gone_id, populate_existing=True) is None
    assert count(Run) == MANY, "its runs are there, and counted"
    assert_totals_equal_rows()
    db.session.execute(text("DROP TRIGGER refuse"))
    db.session.commit()
    assert [remove_leftovers(ZONE) for _ in range(4)] == [STEP, STEP, 30, 0]
    assert count(HourlyTotal, HourlyTotal.due != 0) == 0


def test_a_step_is_short_where_texts_are_long(in_app: Flask, ports: Ports) -> None:
    gone = make_task(ports)
    fill(gone, 12, texts=12, characters=STEP_CHARACTERS // 4)
    delete_task(ports, gone.id)
    assert count(Run) == 8
    assert [remove_leftovers(ZONE) for _ in range(3)] == [4, 4, 0]


def test_what_a_task_is_stopped_by_reads_none_of_its_runs(in_app: Flask, ports: Ports) -> None:
    """SQLite's own work, in hundreds of instructions, does not grow with a task's past."""
    calls: list[Callable[[Task], Any]] = [
        lambda task: pause_task(ports, task.id, None),
        lambda task: resume_task(ports, task.id),
        lambda task: act(ports, "cancel", [task.id]),
        lambda task: delete_task(ports, task.id),
    ]
    young, old = make_task(ports), make_task(ports)
    fill(young, STEP)
    fill(old, 5 * STEP)
    for call in calls:
        assert _work(call, old) < 1.5 * _work(call, young) + 100


def _work(call: Callable[[Task], Any], task: Task) -> int:
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    def watch(connection: Any) -> None:
        connection.connection.dbapi_connection.set_progress_handler(step, 100)

    event.listen(db.engine, "begin", watch)
    try:
        call(task)
    finally:
        event.remove(db.engine, "begin", watch)
        db.session.remove()
    return steps
