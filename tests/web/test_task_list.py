"""The list of tasks: rows, filter, and how it keeps itself up to date."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from autoai.extensions import db
from autoai.models import Task, write_transaction
from autoai.runtime import runtime
from autoai.services.accounts import set_enabled

from ..factories import KEY, make_account, make_task
from ..fakes import START, FakeClock
from .conftest import HTMX


def figure(text: str, name: str) -> str:
    found = re.search(rf'data-figure="{name}">([^<]*)<', text)
    assert found, name
    return found[1]


def row(text: str, task_id: int) -> str:
    found = re.search(rf'<tr id="task-{task_id}".*?</tr>', text, re.S)
    assert found, task_id
    return found[0]


def stamp(text: str) -> str:
    found = re.search(r'id="table" data-live hx-get="[^"]*seen=([^"]+)"', text)
    assert found
    return found[1]


def names(text: str) -> list[str]:
    return re.findall(r'<a class="name"[^>]*>([^<]*)</a>', text)


def test_an_empty_instance_invites(signed_in: FlaskClient) -> None:
    text = signed_in.get("/tasks").text
    assert "Nothing is scheduled yet" in text
    assert 'href="/tasks/new"' in text


def test_a_row_says_what_when_and_how_it_went(signed_in: FlaskClient, task, post) -> None:
    hourly = task(name="<b>Hourly</b>", interval_seconds=3600, api_key=KEY, enabled=False)
    fixed = task(
        name="Fixed",
        schedule_type="fixed_time",
        interval_seconds=...,
        fixed_time="13:30",
        timezone="UTC",
    )
    text = signed_in.get("/tasks").text
    assert "&lt;b&gt;Hourly&lt;/b&gt;" in row(text, hourly) and "<b>Hourly" not in text
    assert "every hour" in row(text, hourly)
    assert 'aria-checked="false"' in row(text, hourly)
    assert 'data-status="never"' in row(text, hourly)
    assert "every day at 13:30" in row(text, fixed)
    assert 'aria-checked="true"' in row(text, fixed)
    assert "13:30:00" in row(text, fixed)
    assert "m-1 · 127.0.0.1:9" in row(text, fixed)
    assert KEY not in text and "Times in UTC" in text
    post(f"/tasks/{fixed}/run")
    assert 'data-status="running"' in row(signed_in.get("/tasks").text, fixed)


def test_a_task_whose_last_run_failed_stands_out(app, signed_in: FlaskClient, task, run) -> None:
    bad, good = task(name="Bad"), task(name="Good")
    with app.app_context():
        db.session.get_one(Task, bad).last_status = "failed"
        db.session.get_one(Task, good).last_status = "success"
        db.session.commit()
    text = signed_in.get("/tasks").text
    assert 'class="alarm"' in row(text, bad) and 'data-status="failed"' in row(text, bad)
    assert "alarm" not in row(text, good)


def test_nothing_new_is_answered_with_nothing(signed_in: FlaskClient, task) -> None:
    task()
    seen = stamp(signed_in.get("/tasks").text)
    answer = signed_in.get(f"/tasks?seen={seen}", headers=HTMX)
    assert (answer.status_code, answer.text) == (204, "")
    assert "HX-Request" in answer.headers["Vary"]


def test_a_refresh_sends_the_rows(signed_in: FlaskClient, task, post) -> None:
    quiet, busy = task(name="Quiet"), task(name="Busy")
    seen = stamp(signed_in.get("/tasks").text)
    post(f"/tasks/{busy}/toggle", htmx=True)
    text = signed_in.get(f"/tasks?seen={seen}", headers=HTMX).text
    assert 'aria-checked="false"' in row(text, busy) and row(text, quiet)
    assert "<html" not in text and "<hx-partial" not in text, "a refresh leaves the filter alone"
    assert figure(text, "enabled_tasks") == "1"
    assert stamp(text) != seen
    assert signed_in.get(f"/tasks?seen={stamp(text)}", headers=HTMX).status_code == 204


def test_what_changes_by_itself_is_new(signed_in: FlaskClient, task, clock: FakeClock) -> None:
    task()
    for step in ({"days": 1}, {"minutes": 1}):
        seen = stamp(signed_in.get("/tasks").text)
        clock.step(**step)
        assert signed_in.get(f"/tasks?seen={seen}", headers=HTMX).status_code == 200


def test_the_list_is_searched_and_filtered(signed_in: FlaskClient, task, post) -> None:
    task(name="Morning news", tags=["news", "50%"])
    task(name="Weather", model="m-NEWS", enabled=False)
    quiet = task(name="Quiet_one")
    post(f"/tasks/{quiet}/pause")
    for query, found in {
        "q=NEWS": ["Morning news", "Weather"],
        "q=50%25": ["Morning news"],
        "q=_": ["Quiet_one"],
        "q=%00": ["Morning news", "Quiet_one", "Weather"],
        "tag=news": ["Morning news"],
        "tag=new": [],
        "status=off": ["Weather"],
        "status=paused": ["Quiet_one"],
        "status=never&q=o": ["Morning news", "Quiet_one"],
        "status=failed": [],
        "status=odd&sort=odd&page=x": ["Morning news", "Quiet_one", "Weather"],
    }.items():
        assert names(signed_in.get(f"/tasks?{query}").text) == found, query
    post(f"/tasks/{quiet}/run")
    assert names(signed_in.get("/tasks?status=running").text) == ["Quiet_one"]
    assert "No task fits this filter" in signed_in.get("/tasks?q=nothing").text


def test_the_list_is_sorted(app: Flask, signed_in: FlaskClient, task, post) -> None:
    late, early = task(name="a late", interval_seconds=7200), task(name="B early")
    paused, off = task(name="c paused"), task(name="D off", enabled=False)
    post(f"/tasks/{paused}/pause")
    with app.app_context():
        db.session.get_one(Task, off).last_run_at = START
        db.session.get_one(Task, late).last_run_at = START - timedelta(days=1)
        db.session.commit()
    assert names(signed_in.get("/tasks").text) == ["a late", "B early", "c paused", "D off"]
    by_next = names(signed_in.get("/tasks?sort=next_run").text)
    assert by_next == ["B early", "a late", "c paused", "D off"]
    assert names(signed_in.get("/tasks?sort=last_run").text)[:2] == ["D off", "a late"]
    post(f"/tasks/{early}/pause", **{"for": "hour"})
    assert names(signed_in.get("/tasks?sort=next_run").text)[0] == "B early", (
        "an hour is before two"
    )


def test_fifty_a_page_and_the_filter_in_every_link(app: Flask, ports, signed_in) -> None:
    with app.app_context():
        for number in range(51):
            make_task(ports, name=f"n{number:02}", tags=["t"])
    text = signed_in.get("/tasks?tag=t&sort=last_run").text
    assert len(names(text)) == 50 and 'href="/tasks?tag=t&amp;sort=last_run&amp;page=2"' in text
    assert re.search(r'data-live hx-get="/tasks\?tag=t&amp;sort=last_run&amp;seen=', text)
    second = signed_in.get("/tasks?tag=t&page=2", headers=HTMX).text
    assert names(second) == ["n50"] and "page=2&amp;seen=" in second
    assert 'hx-target="#filter"' in second


def test_a_page_reads_no_more_tasks_than_it_shows(app: Flask, ports, signed_in) -> None:
    with app.app_context():
        for number in range(60):
            make_task(ports, name=f"n{number:02}")
        counts = []

        @event.listens_for(Task, "load")
        def _count(*_: object) -> None:
            counts.append(1)

    try:
        signed_in.get("/tasks?page=2")
    finally:
        event.remove(Task, "load", _count)
    assert len(counts) == 10


def test_a_pause_is_shown_with_its_end_and_its_reason(
    app: Flask, signed_in: FlaskClient, task, post
) -> None:
    one = task(name="One")
    answer = post(f"/tasks/{one}/pause", htmx=True, **{"for": "hour"})
    assert "is paused until 13:00:00" in answer.text
    shown = row(signed_in.get("/tasks").text, one)
    assert 'data-status="paused"' in shown and "13:00:00" in shown
    signed_in.set_cookie("timezone", "Asia/Shanghai")
    assert (
        "is paused until Mar 3, 00:00:00"
        in post(f"/tasks/{one}/pause", htmx=True, **{"for": "tomorrow"}).text
    )
    post(f"/tasks/{one}/resume")
    assert "is paused" not in row(signed_in.get("/tasks").text, one)
    with app.app_context():
        stored = db.session.get_one(Task, one)
        stored.paused_at, stored.paused_reason, stored.failures_in_a_row = START, "auth", 5
        db.session.commit()
    shown = row(signed_in.get("/tasks").text, one)
    assert "Paused itself after 5 failures: The provider did not accept the API key." in shown
    assert f'hx-post="/tasks/{one}/resume"' in shown
    assert "runs again" in post(f"/tasks/{one}/resume", htmx=True).text
    assert 'data-status="paused"' not in row(signed_in.get("/tasks").text, one)


def test_several_at_once(app: Flask, signed_in: FlaskClient, task, post) -> None:
    one, two, other = task(name="1", tags=["x"]), task(name="2", tags=["x"]), task(name="3")
    answer = post("/tasks/bulk", action="run", ids=[one, two, "x", 999], next="/tasks?tag=x")
    assert (answer.status_code, answer.location) == (303, "/tasks?tag=x")
    assert "2 runs were started." in signed_in.get("/tasks").text
    answer = post("/tasks/bulk", htmx=True, action="cancel", ids=[one])
    assert "1 run is cancelled." in answer.text and '"#table"' in answer.headers["HX-Trigger"]
    assert "2 tasks are paused." in post("/tasks/bulk", htmx=True, action="pause", tag="x").text
    text = signed_in.get("/tasks?status=paused").text
    assert names(text) == ["1", "2"]
    assert "1 task runs again." in post("/tasks/bulk", htmx=True, action="resume", ids=one).text
    assert "0 tasks are paused." in post("/tasks/bulk", htmx=True, action="pause").text
    assert post("/tasks/bulk", action="explode", ids=[other]).status_code == 400


def test_a_page_is_a_page_unless_htmx_wants_a_part(signed_in: FlaskClient, task) -> None:
    task()
    part = signed_in.get("/tasks", headers=HTMX)
    assert "<html" not in part.text
    for more in ({"HX-History-Restore-Request": "true"}, {"HX-Request-Type": "full"}):
        whole = signed_in.get("/tasks", headers={**HTMX, **more})
        assert "<html" in whole.text and "HX-History-Restore-Request" in whole.headers["Vary"]


def test_one_persons_language_does_not_leak_into_anothers_rows(
    signed_in: FlaskClient, task
) -> None:
    one = task(interval_seconds=7200)
    assert "every 2 hours" in row(signed_in.get("/tasks").text, one)
    signed_in.set_cookie("locale", "zh_Hans")
    assert "每2小时" in row(signed_in.get("/tasks").text, one)
    signed_in.set_cookie("locale", "zh_Hant")
    assert "每2小時" in row(signed_in.get("/tasks").text, one)
    signed_in.set_cookie("locale", "en")
    signed_in.set_cookie("timezone", "Asia/Shanghai")
    assert "22:00:00" in row(signed_in.get("/tasks").text, one)  # 14:00 UTC


class TestLookingAhead:
    def flag(self, app: Flask, task_id: int, reason: str = "model_missing") -> None:
        with app.app_context(), write_transaction() as session:
            task = session.get_one(Task, task_id)
            task.preflight_at, task.preflight_reason = START, reason
            task.preflight_message = "m-<1>"

    def test_what_will_fail_is_said_before_it_does(
        self, app: Flask, signed_in: FlaskClient, post, task
    ) -> None:
        assert "Needs you" not in signed_in.get("/").text
        good, bad = task(name="Good"), task(name="Bad")
        self.flag(app, bad)
        assert "would fail at its next run:" in signed_in.get("/").text
        text = signed_in.get("/tasks").text
        row = text[text.index(f'id="task-{bad}"') :]
        assert "The endpoint does not list this model." in row
        assert f'id="task-{bad}" class="alarm"' in text
        assert f'id="task-{good}" class=""' in text
        found = signed_in.get("/tasks?status=flagged").text
        assert "Bad" in found and f'id="task-{good}"' not in found
        form = signed_in.get(f"/tasks/{bad}/edit").text
        assert "The next run would fail" in form and "m-&lt;1&gt;" in form
        assert "may have renamed or removed it" in form
        post(f"/tasks/{bad}/toggle", enabled="")
        assert "Needs you" not in signed_in.get("/").text

    def test_through_whom_a_task_asks(self, app: Flask, signed_in: FlaskClient, task) -> None:
        with app.app_context():
            ports = runtime(app).ports
            account = make_account(ports, name="Team", api_endpoint="https://llm.example/v1").id
        mine = task(name="Mine", account_id=account, api_endpoint=..., model=...)
        other = task(name="Other")
        text = signed_in.get("/tasks").text
        under = text[text.index(f'id="name-{mine}"') :][:400]
        assert "m-1 · llm.example" in under and f'href="/accounts/{account}/edit">Team' in under
        for query in (f"account_id={account}", "q=team", "q=LLM.example"):
            found = signed_in.get(f"/tasks?{query}").text
            assert f'id="task-{mine}"' in found and f'id="task-{other}"' not in found, query
        assert f'id="task-{other}"' in signed_in.get("/tasks?account_id=x").text
        with app.app_context():
            set_enabled(ports, account, False)
        assert "Its account is switched off" in signed_in.get("/tasks").text
