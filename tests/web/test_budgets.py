"""Budgets in the pages: set, refused, run anyway, and told when they are nearly used up."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import Run, Task
from autoai.providers.base import Usage
from autoai.services.instance import instance_fields, update_instance
from autoai.services.ports import Ports
from autoai.services.runs import run_now
from autoai.services.tasks import update_task
from tests.fakes import ScriptedProvider, completion
from tests.ticks import tick


@pytest.fixture
def refused(app: Flask, ports: Ports, task: Callable[..., int]) -> int:
    """A run that its task's budget had no room for; its id."""
    task_id = task(schedule_type="manual", max_tokens=100, token_budget_day=150, max_attempts=1)
    with app.app_context():
        run_now(ports, task_id)
    tick(app, ScriptedProvider(completion(usage=Usage(30, 100))))
    with app.app_context():
        run_id = run_now(ports, task_id)
        db.session.remove()
    tick(app)
    return run_id


def page(client: FlaskClient, path: str) -> str:
    return html.unescape(client.get(path).text)


def test_which_budget_was_in_the_way(signed_in: FlaskClient, refused: int) -> None:
    text = page(signed_in, f"/logs/{refused}")
    assert "gone over the task's daily token budget of 150: 130 was spent or reserved" in text
    assert "Run anyway" in text


def test_run_anyway_once(
    app: Flask, signed_in: FlaskClient, post: Callable[..., Any], refused: int
) -> None:
    answer = post(f"/logs/{refused}/anyway")
    assert answer.status_code == 303
    new_id = int(answer.location.rsplit("/", 1)[1])
    with app.app_context():
        run = db.session.get_one(Run, new_id)
        assert (run.for_run, run.ignore_budget) == (refused, True)
    again = post(f"/logs/{refused}/anyway")
    assert again.status_code == 409
    assert str(new_id) in again.text
    assert "Run anyway" not in page(signed_in, f"/logs/{refused}")
    assert f'It was run anyway: <a href="/logs/{new_id}">' in page(signed_in, f"/logs/{refused}")


def test_nearly_used_up(app: Flask, ports: Ports, signed_in: FlaskClient, refused: int) -> None:
    text = page(signed_in, "/")
    assert "Budget nearly used up:" in text
    assert "tokens today, 130 of 150 (86.7%)" in text
    with app.app_context():
        task_id = db.session.get_one(Run, refused).task_id
        update_task(ports, task_id, {"token_budget_day": 130}, partial=True)
    text = page(signed_in, "/")
    assert "Budget used up:" in text
    assert "What comes due is skipped." in text


def test_nothing_to_say_of_a_budget_with_room(
    app: Flask, ports: Ports, signed_in: FlaskClient
) -> None:
    with app.app_context():
        update_instance(ports, {"token_budget_day": 1_000}, partial=True)
    assert "Budget" not in page(signed_in, "/")


class TestSettings:
    def test_set_and_emptied(
        self, app: Flask, signed_in: FlaskClient, post: Callable[..., Any]
    ) -> None:
        assert (
            post("/settings", cost_budget_day="0.50", token_budget_month="100000").status_code
            == 303
        )
        with app.app_context():
            assert instance_fields() == {
                "cost_budget_day": "0.5",
                "cost_budget_month": None,
                "token_budget_day": None,
                "token_budget_month": 100_000,
            }
        assert 'value="0.5"' in page(signed_in, "/settings")
        post("/settings", cost_budget_day="", token_budget_month="")
        with app.app_context():
            assert set(instance_fields().values()) == {None}

    def test_what_is_wrong_comes_back(self, app: Flask, post: Callable[..., Any]) -> None:
        answer = post("/settings", cost_budget_day="0,50", token_budget_day="many")
        text = html.unescape(answer.text)
        assert answer.status_code == 422
        assert "Write it with a point: 0.50." in text
        assert 'value="many"' in text
        with app.app_context():
            assert set(instance_fields().values()) == {None}

    def test_tasks_that_would_be_skipped_are_counted(
        self, post: Callable[..., Any], signed_in: FlaskClient, task: Callable[..., int]
    ) -> None:
        task()
        assert "does not say how long" not in page(signed_in, "/settings")
        post("/settings", cost_budget_day="1")
        assert "1 enabled task does not say how long its answer may get" in page(
            signed_in, "/settings"
        )


def test_the_form_of_a_task_keeps_its_budgets(
    app: Flask, signed_in: FlaskClient, task: Callable[..., int]
) -> None:
    task_id = task(max_tokens=100, cost_budget_day="0.25", token_budget_month=5_000)
    text = page(signed_in, f"/tasks/{task_id}/edit")
    assert 'value="0.25"' in text
    assert 'value="5000"' in text
    with app.app_context():
        assert db.session.get_one(Task, task_id).token_budget_month == 5_000
