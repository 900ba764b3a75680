"""The dashboard: figures, rows, and how it keeps itself up to date."""

from __future__ import annotations

import re
from datetime import timedelta

from flask.testing import FlaskClient

from ..factories import KEY
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
    found = re.search(r'id="pulse"[^>]*hx-get="/\?seen=([^"]+)"', text)
    assert found
    return found[1]


def test_an_empty_instance_invites(signed_in: FlaskClient) -> None:
    text = signed_in.get("/").text
    assert "Nothing is scheduled yet" in text
    assert 'href="/tasks/new"' in text
    assert figure(text, "tasks") == "0"
    assert figure(text, "success_rate_today") == "–"


def test_the_figures_are_those_of_today(signed_in: FlaskClient, task, run) -> None:
    one, _off = task(), task(name="Off", enabled=False)
    for minutes, status in ((1, "success"), (2, "success"), (3, "failed"), (4, "interrupted")):
        run(one, START - timedelta(minutes=minutes), status=status)
    run(one, START - timedelta(days=1), status="failed")
    run(one, START - timedelta(minutes=9), status="skipped", started_at=None, reason="overlap")
    text = signed_in.get("/").text
    assert figure(text, "tasks") == "2"
    assert figure(text, "enabled_tasks") == "1"
    assert figure(text, "runs_today") == "4"
    assert figure(text, "success_rate_today") == "50%"
    assert "1 switched off" in text and "2 without success" in text


def test_a_row_says_what_when_and_how_it_went(signed_in: FlaskClient, task, post) -> None:
    hourly = task(name="<b>Hourly</b>", interval_seconds=3600, api_key=KEY, enabled=False)
    fixed = task(
        name="Fixed",
        schedule_type="fixed_time",
        interval_seconds=...,
        fixed_time="13:30",
        timezone="UTC",
    )
    text = signed_in.get("/").text
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
    assert 'data-status="running"' in row(signed_in.get("/").text, fixed)


def test_a_task_whose_last_run_failed_stands_out(app, signed_in: FlaskClient, task, run) -> None:
    from autoai.extensions import db
    from autoai.models import Task

    bad, good = task(name="Bad"), task(name="Good")
    with app.app_context():
        db.session.get_one(Task, bad).last_status = "failed"
        db.session.get_one(Task, good).last_status = "success"
        db.session.commit()
    text = signed_in.get("/").text
    assert 'class="alarm"' in row(text, bad) and 'data-status="failed"' in row(text, bad)
    assert "alarm" not in row(text, good)


def test_nothing_new_is_answered_with_nothing(signed_in: FlaskClient, task) -> None:
    task()
    seen = stamp(signed_in.get("/").text)
    answer = signed_in.get(f"/?seen={seen}", headers=HTMX)
    assert (answer.status_code, answer.text) == (204, "")
    assert "HX-Request" in answer.headers["Vary"]


def test_a_refresh_sends_the_rows_that_changed(signed_in: FlaskClient, task, post) -> None:
    quiet, busy = task(name="Quiet"), task(name="Busy")
    seen = stamp(signed_in.get("/").text)
    post(f"/tasks/{busy}/toggle", htmx=True)
    text = signed_in.get(f"/?seen={seen}", headers=HTMX).text
    assert f'hx-target="#task-{busy}"' in text and 'aria-checked="false"' in row(text, busy)
    assert f"task-{quiet}" not in text and "<html" not in text
    assert figure(text, "enabled_tasks") == "1"
    assert stamp(text) != seen
    assert signed_in.get(f"/?seen={stamp(text)}", headers=HTMX).status_code == 204


def test_a_refresh_after_the_list_itself_changed_sends_all_of_it(
    signed_in: FlaskClient, task
) -> None:
    task(name="One")
    seen = stamp(signed_in.get("/").text)
    two = task(name="Two")
    text = signed_in.get(f"/?seen={seen}", headers=HTMX).text
    assert 'hx-target="#overview"' in text and row(text, two)


def test_a_browser_that_slept_gets_everything(signed_in: FlaskClient, task) -> None:
    one = task()
    for seen in ("0-20200101-20200101", "nonsense", "9" * 5000):
        text = signed_in.get(f"/?seen={seen}", headers=HTMX).text
        assert 'hx-target="#overview"' in text and row(text, one)


def test_a_new_day_is_new(signed_in: FlaskClient, task, clock: FakeClock) -> None:
    one = task()
    seen = stamp(signed_in.get("/").text)
    clock.step(days=1)
    text = signed_in.get(f"/?seen={seen}", headers=HTMX).text
    assert 'hx-target="#overview"' in text and row(text, one)


def test_a_page_is_a_page_unless_htmx_wants_a_part(signed_in: FlaskClient, task) -> None:
    task()
    part = signed_in.get("/", headers=HTMX)
    assert "<html" not in part.text
    for more in ({"HX-History-Restore-Request": "true"}, {"HX-Request-Type": "full"}):
        whole = signed_in.get("/", headers={**HTMX, **more})
        assert "<html" in whole.text and "HX-History-Restore-Request" in whole.headers["Vary"]


def test_one_persons_language_does_not_leak_into_anothers_rows(
    signed_in: FlaskClient, task
) -> None:
    one = task(interval_seconds=7200)
    assert "every 2 hours" in row(signed_in.get("/").text, one)
    signed_in.set_cookie("locale", "zh_Hans")
    assert "每2小时" in row(signed_in.get("/").text, one)
    signed_in.set_cookie("locale", "zh_Hant")
    assert "每2小時" in row(signed_in.get("/").text, one)
    signed_in.set_cookie("locale", "en")
    signed_in.set_cookie("timezone", "Asia/Shanghai")
    assert "22:00:00" in row(signed_in.get("/").text, one)  # 14:00 UTC
