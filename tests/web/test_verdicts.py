"""How good an answer is, on the pages: checks in the form, findings on a run, figures, filters."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import Baseline, Task
from autoai.runtime import runtime
from autoai.services.runs import run_now
from tests.fakes import ScriptedProvider, completion
from tests.ticks import tick

from .conftest import form_values
from .test_task_answers import newest, sent_back

TYPED = {
    "checks-0-kind": "contains",
    "checks-0-value": " Bern\r\nand more ",
    "checks-1-kind": "json_path",
    "checks-1-path": "$.price",
    "checks-1-value": "5",
    "checks-2-kind": "json_path",
    "checks-2-path": "$.state",
    "checks-2-value": "open",
    "checks-3-kind": "json_path",
    "checks-3-path": "$.code",
    "checks-3-value": '"007"',
    "checks-4-kind": "min_length",
    "checks-4-value": "20",
    "checks-5-kind": "regex",
    "checks-5-path": "left over from another kind",
    "checks-5-value": r"^\d+",
    "checks-6-kind": "not_contains",
    "checks-6-value": "",
    "level_truncated": "failed",
    "level_check_failed": "degraded",
    "change_watch": "json",
    "change_fields": "$.price\r\n\r\n $.items[*].name \r\n",
}
STORED = {
    "checks": [
        {"kind": "contains", "value": " Bern\nand more "},
        {"kind": "json_path", "path": "$.price", "value": 5},
        {"kind": "json_path", "path": "$.state", "value": "open"},
        {"kind": "json_path", "path": "$.code", "value": "007"},
        {"kind": "min_length", "value": 20},
        {"kind": "regex", "value": r"^\d+"},
    ],
    "verdict_rules": {"truncated": "failed"},
    "change_watch": "json",
    "change_fields": ["$.price", "$.items[*].name"],
}


def columns(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in STORED}


def is_open(page: str) -> bool:
    return re.search(r'<details[^>]*id="more-checks" open', page) is not None


def test_every_field_goes_in_and_comes_back(app: Flask, signed_in: FlaskClient, post) -> None:
    assert post("/tasks/new", **form_values(**TYPED)).status_code == 303
    made = newest(app)
    assert columns(made) == STORED
    page = signed_in.get(f"/tasks/{made.id}/edit").text
    assert not is_open(page) and "6 checks, 1 own level, JSON is compared" in page, (
        "what is set is said"
    )
    assert post(f"/tasks/{made.id}/edit", **sent_back(page)).status_code == 303
    assert columns(newest(app)) == STORED


def test_a_task_without_any_of_it(app: Flask, signed_in: FlaskClient, post) -> None:
    page = signed_in.get("/tasks/new").text
    assert not is_open(page)
    assert 'name="checks-0-value"' in page, "room for one without JavaScript"
    values = {**sent_back(page), "name": "Plain", "message_content": "Hi"}
    values |= {"api_endpoint": "http://127.0.0.1:9/v1", "model": "m-1"}
    assert post("/tasks/new", **values).status_code == 303
    assert list(columns(newest(app)).values()) == [None, None, "off", None]


def test_only_levels_that_are_allowed_are_offered(signed_in: FlaskClient) -> None:
    page = signed_in.get("/tasks/new").text
    offered = {
        name: re.findall(r'value="(\w+)"', body)
        for name, body in re.findall(r'<select[^>]*name="level_(\w+)">(.*?)</select>', page)
    }
    every = ["ok", "degraded", "failed"]
    assert offered == {
        "model_refused": ["degraded", "failed"],
        "filtered": every,
        "truncated": every,
        "schema_mismatch": every,
        "check_failed": every,
    }


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"checks-0-kind": "regex", "checks-0-value": "(?=a)"}, "Check 1: Look-ahead"),
        ({"checks-0-kind": "min_length", "checks-0-value": "long"}, "Check 1: A whole number"),
        ({"checks-0-kind": "json_path", "checks-0-path": "price"}, "is not a JSONPath"),
        ({"checks-0-kind": "sounds", "checks-0-value": "good"}, "Choose one of"),
        ({"change_watch": "json", "change_fields": "price"}, "is not a JSONPath"),
        ({"change_watch": "hourly"}, "Choose one of"),
        ({"level_truncated": "wonderful"}, "can be one of"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(post, typed: dict[str, str], words: str) -> None:
    answer = post("/tasks/new", **form_values(**typed))
    assert answer.status_code == 422
    assert words in html.unescape(answer.text)


@pytest.fixture
def answers(app: Flask, task):
    """A task by hand, and what it is answered: `answers("5")`; the run's id."""
    task_id = task(
        name="Price",
        schedule_type="manual",
        interval_seconds=...,
        checks=[{"kind": "json_path", "path": "$.price", "value": 5}],
        change_watch="json",
    )

    def answer(text: str, **more: Any) -> int:
        with app.app_context():
            run_id = run_now(runtime().ports, task_id)
            db.session.remove()
        tick(app, ScriptedProvider(completion(text, **more)))
        return run_id

    answer.task_id = task_id  # type: ignore[attr-defined]
    return answer


def test_a_degraded_answer_is_never_green(signed_in: FlaskClient, answers) -> None:
    answers('{"price": 5}')
    bad = answers('{"price": 6}')
    chip = '<span class="chip degraded" data-status="success" data-verdict="degraded">'
    run = signed_in.get(f"/logs/{bad}").text
    assert chip in run and "chip success" not in run
    log = signed_in.get("/logs").text
    assert log.count(chip) == 1
    table = log[log.index('<table class="runs') :]
    assert table.count("chip success") == 1, "the good one"
    assert '<dd data-figure="degraded" class="degraded">1</dd>' in log
    assert "1 successful, 1 degraded, none failed" in log
    assert 'class="piece degraded"' in log
    tasks = signed_in.get("/tasks").text
    row = tasks[tasks.index(f'id="task-{answers.task_id}"') :]
    assert chip in row and "chip success" not in row
    assert re.search(r'data-figure="degraded_today">1<', signed_in.get("/").text)


def test_the_lists_tell_degraded_from_good(signed_in: FlaskClient, answers) -> None:
    good, bad = answers('{"price": 5}'), answers('{"price": 6}')

    def runs(query: str) -> list[int]:
        page = signed_in.get(f"/logs?{query}").text
        return [int(found) for found in re.findall(r'id="run-(\d+)"', page)]

    assert runs("verdict=degraded") == [bad]
    assert runs("verdict=ok") == [good]
    assert runs("changed=true") == [bad]
    assert runs("changed=false") == []
    assert runs("verdict=nonsense&changed=nonsense") == [bad, good]
    page = signed_in.get("/logs?verdict=degraded&changed=true").text
    assert '<option value="degraded" selected>' in page and '<option value="true" selected>' in page
    assert 'data-figure="runs">1<' in page and 'data-figure="degraded" class="degraded">1<' in page
    assert "Price" in signed_in.get("/tasks?status=degraded").text
    assert "No task fits" in signed_in.get("/tasks?status=success").text


def test_each_finding_is_told_in_words(signed_in: FlaskClient, answers) -> None:
    bad = answers('{"price": "<b>"}', finish_reason="length")
    page = signed_in.get(f"/logs/{bad}").text
    found = html.unescape(page[page.index('<ul class="findings">') :])
    assert "The answer was cut short" in found
    assert 'Check 1: at $.price stands "<b>", and not 5.' in found
    assert "<b>" not in page, "it is a stranger's"


def test_what_changed_is_set_beside_the_baseline(signed_in: FlaskClient, answers) -> None:
    first = answers('{"price": 5, "at": "Bern"}')
    page = signed_in.get(f"/logs/{first}").text
    assert "This answer is the baseline" in page and "Accept as baseline" not in page
    same = answers('{"at": "Bern", "price": 5.0}')
    page = signed_in.get(f"/logs/{same}").text
    assert "says the same as the baseline" in page and 'class="sides"' not in page
    other = answers('{"price": 6, "at": "<Bern>"}')
    page = signed_in.get(f"/logs/{other}").text
    assert "The answer has changed." in page
    assert f'<a href="/logs/{first}">Run {first}</a>' in page
    assert re.search(r"<del>5</del>", page) and re.search(r"<ins>6</ins>", page)
    assert "&lt;" in page and "<Bern>" not in page
    log = signed_in.get("/logs").text
    assert log.count('class="chip changed"') == 1


def test_a_person_accepts_another_baseline(
    app: Flask, signed_in: FlaskClient, answers, post
) -> None:
    first, other = answers('{"price": 5}'), answers('{"price": 6}')
    assert "Accept as baseline" in signed_in.get(f"/logs/{other}").text
    answer = post(f"/logs/{other}/accept")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/logs/{other}")
    page = signed_in.get(f"/logs/{other}").text
    assert "Later answers are compared with this one." in page
    assert "This answer is the baseline" in page
    assert re.search(r"<del>5</del>", page), "what it was compared with then"
    assert f'<a href="/logs/{first}">' in page
    with app.app_context():
        baseline = db.session.get_one(Baseline, answers.task_id)
        assert baseline.run_id == other
    empty = answers("")
    assert "Accept as baseline" not in signed_in.get(f"/logs/{empty}").text
    assert post(f"/logs/{empty}/accept").status_code == 409


def test_without_a_watch_nothing_is_said_of_it(app: Flask, signed_in: FlaskClient, task) -> None:
    task_id = task(schedule_type="manual", interval_seconds=...)
    with app.app_context():
        run_id = run_now(runtime().ports, task_id)
        db.session.remove()
    tick(app)
    page = signed_in.get(f"/logs/{run_id}").text
    assert "baseline" not in page and "findings" not in page
