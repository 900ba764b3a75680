"""The dashboard: figures, and how it keeps itself up to date."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import Outage, Run, Task, write_transaction

from ..fakes import START, FakeClock
from .conftest import HTMX


def figure(text: str, name: str) -> str:
    found = re.search(rf'data-figure="{name}">([^<]*)<', text)
    assert found, name
    return found[1]


def stamp(text: str) -> str:
    found = re.search(r'id="overview" data-live hx-get="/\?seen=([^"]+)"', text)
    assert found
    return found[1]


def test_an_empty_instance_invites(signed_in: FlaskClient) -> None:
    text = signed_in.get("/").text
    assert "Nothing is scheduled yet" in text
    assert 'href="/tasks/new"' in text and 'href="/gallery"' in text
    assert "data-figure" not in text and "data-chart" not in text


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
    assert figure(text, "failed_today") == "1" and "and 1 interrupted" in text
    assert figure(text, "degraded_today") == "0"
    assert figure(text, "lateness_p50") == "0 ms"


def test_it_says_what_is_new_and_nothing_else(
    signed_in: FlaskClient, task, post, clock: FakeClock
) -> None:
    one = task()
    seen = stamp(signed_in.get("/").text)
    answer = signed_in.get(f"/?seen={seen}", headers=HTMX)
    assert (answer.status_code, answer.text) == (204, "")
    post(f"/tasks/{one}/toggle", htmx=True, next="/")
    text = signed_in.get(f"/?seen={seen}", headers=HTMX).text
    assert figure(text, "enabled_tasks") == "0" and "<html" not in text
    seen = stamp(text)
    assert signed_in.get(f"/?seen={seen}", headers=HTMX).status_code == 204
    clock.step(minutes=1)
    assert signed_in.get(f"/?seen={seen}", headers=HTMX).status_code == 200


def part(text: str, name: str) -> str:
    """The section of that id or of that chart, or the list of what needs a person."""
    found = re.search(rf'<section class="card[^>]*{name}.*?</section>', text, re.S)
    return found[0] if found else ""


def test_the_charts_tell_every_bar_and_have_a_table(signed_in: FlaskClient, task, run) -> None:
    task_id = task()
    for minutes, changes in (
        (5, {}),
        (6, {"verdict": "degraded"}),
        (70, {"status": "failed"}),
        (3 * 24 * 60, {"status": "missed", "started_at": None, "occurrences": 1200}),
    ):
        run(task_id, START - timedelta(minutes=minutes), **changes)
    text = signed_in.get("/").text
    hours, days = part(text, 'data-chart="hours"'), part(text, 'data-chart="days"')
    present = 'aria-label="Mar 2, 11:00–12:00: 1 successful, 1 degraded"'
    assert f'<a href="/logs?from=2026-03-02&amp;to=2026-03-02" {present}>' in hours
    assert 'aria-label="Mar 2, 10:00–11:00: 1 without success"' in hours
    assert hours.count("<a href") == 2 and 'class="piece missed"' not in hours
    assert 'aria-label="Fri, Feb 27: 1,200 missed"' in days
    assert "Last 30 days: 1 successful" in days and 'fill="url(#fill-missed)"' in days
    assert len(re.findall('<th scope="row">', hours)) == 24
    assert len(re.findall('<th scope="row">', days)) == 30
    row = re.search(r"Mar 2, 11:00–12:00</th>(.*?)</tr>", hours)[1]
    assert re.findall(r">(\d+)<", row) == ["1", "1", "0"]
    assert " style=" not in text
    signed_in.set_cookie("timezone", "Asia/Kathmandu")
    assert "Mar 2, 16:45–17:45: 1 successful" in signed_in.get("/").text


def test_where_nothing_was_due_it_says_so(signed_in: FlaskClient, task) -> None:
    task(schedule_type="manual", interval_seconds=...)
    text = signed_in.get("/").text
    for words in (
        "Nothing was due in the last 24 hours.",
        "Nothing was due in the last 30 days.",
        "Nothing runs at this moment.",
        "Nothing is due in the coming 24 hours.",
    ):
        assert words in text
    assert "Needs you" not in text


def test_what_comes_next(signed_in: FlaskClient, task) -> None:
    often, rarely = (
        task(name="Often", interval_seconds=300),
        task(name="A < B", interval_seconds=25_200),
    )
    text = part(signed_in.get("/").text, 'id="upcoming"')
    assert f'href="/tasks/{rarely}">A &lt; B</a>' in text and "19:00:00" in text
    assert f'href="/tasks/{often}">Often</a>' in text and "every 5 minutes, 288 times" in text
    assert text.count('class="mark"') == 3


def test_what_runs_can_be_cancelled_from_here(
    app: Flask, signed_in: FlaskClient, task, run, post
) -> None:
    task_id = task(name="Slow")
    begun = START - timedelta(hours=1, seconds=65)
    going = run(task_id, begun, status="running", finished_at=None)
    waiting = run(
        task_id, START + timedelta(minutes=9), status="queued", started_at=None, finished_at=None
    )
    text = part(signed_in.get("/").text, 'id="active"')
    assert "1 running, 1 queued" in text and "1:01:05" in text and 'data-elapsed="3665000"' in text
    assert "Waits until 12:09:00." in text
    answer = post(f"/logs/{waiting}/cancel", next="/")
    assert (answer.status_code, answer.location) == (303, "/")
    answer = post(f"/logs/{going}/cancel", htmx=True, next="/")
    assert '"#overview"' in answer.headers["HX-Trigger"]
    assert "is being cancelled" in part(signed_in.get("/").text, 'id="active"')
    with app.app_context():
        assert db.session.get_one(Run, waiting).status == "cancelled"


def test_more_runs_than_are_shown(signed_in: FlaskClient, task, run) -> None:
    task_id = task()
    for n in range(13):
        run(task_id, START - timedelta(seconds=n), status="running", finished_at=None)
    text = part(signed_in.get("/").text, 'id="active"')
    assert "13 running" in text and "and 3 more" in text
    assert text.count('/cancel" hx-post') == 10


def test_what_needs_a_person_links_to_where_it_is_mended(
    app: Flask, signed_in: FlaskClient, task, run
) -> None:
    assert "Needs you" not in signed_in.get("/").text
    flagged, stopped, failing, shaky = (
        task(name=n) for n in ("Flagged", "Stopped", "Bad", "Shaky")
    )
    for minutes in range(1, 5):
        at = START - timedelta(minutes=minutes)
        run(failing, at, status="failed", reason="timeout")
        run(shaky, at, status="failed" if minutes == 1 else "success")
    run(failing, START, status="skipped", reason="overlap", started_at=None)
    run(failing, START - timedelta(days=1), status="missed", reason="downtime", started_at=None)
    with app.app_context(), write_transaction() as session:
        session.get_one(Task, flagged).preflight_reason = "model_missing"
        row = session.get_one(Task, stopped)
        row.paused_at, row.paused_reason, row.failures_in_a_row = START, "auth", 5
        for task_id in (failing, shaky, stopped):
            session.get_one(Task, task_id).last_status = "failed"
        away = START - timedelta(days=1, hours=1)
        session.add(Outage(began_at=away, ended_at=away + timedelta(hours=2)))
    text = part(signed_in.get("/").text, "attention")
    assert re.findall('data-needs="([a-z]+)"', text) == ["away", "paused", "streak", "flagged"]
    assert "paused itself after 5 failures: The provider did not accept the API key." in text
    assert f'href="/tasks/{stopped}/edit"' in text and 'href="/away/1"' in text
    assert "failed 4 times in a row. No answer came within the time-out." in " ".join(text.split())
    assert f'href="/tasks/{failing}/logs?status=failed&amp;status=interrupted"' in text
    assert f'href="/tasks/{flagged}/edit"' in text and "would fail at its next run:" in text
    assert "Shaky" not in text, "it failed once"


def test_of_many_it_says_how_many_more(app: Flask, signed_in: FlaskClient, task) -> None:
    ids = [task(name=f"t{n}") for n in range(8)]
    with app.app_context(), write_transaction() as session:
        for task_id in ids:
            session.get_one(Task, task_id).preflight_reason = "auth"
    text = part(signed_in.get("/").text, "attention")
    assert text.count('data-needs="flagged"') == 5
    assert 'href="/tasks?status=flagged">and 3 more like this' in text
