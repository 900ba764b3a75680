"""While you were away: the banner, the page, and what is decided there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import Outage, Run

from ..fakes import START
from .conftest import HTMX

MISSED = {"status": "missed", "reason": "downtime", "started_at": None, "queued_at": None}


@pytest.fixture
def outage(app: Flask) -> int:
    """Blind from 08:00 to 11:00."""
    with app.app_context():
        row = Outage(began_at=START - timedelta(hours=4), ended_at=START - timedelta(hours=1))
        db.session.add(row)
        db.session.commit()
        return row.id


@pytest.fixture
def hourly(outage: int, task, run) -> Callable[[str], int]:
    """A task that was due at 08:30, 09:30 and 10:30: two missed, one made up for."""

    def make(name: str) -> int:
        task_id = task(name=name, interval_seconds=3600, enabled=False)
        for hours in (3.5, 2.5):
            run(task_id, START - timedelta(hours=hours), **MISSED)
        run(task_id, START - timedelta(hours=1.5), source="catch_up")
        return task_id

    return make


def made(app: Flask) -> list[Run]:
    with app.app_context():
        return list(db.session.query(Run).filter(Run.for_instant.is_not(None)).order_by(Run.id))


def test_without_anything_missed_nobody_is_asked(signed_in: FlaskClient, outage: int) -> None:
    assert "While you were away" not in signed_in.get("/").text
    assert "Nothing was missed" in signed_in.get(f"/away/{outage}").text
    assert signed_in.get("/away/99").status_code == 404


def test_the_banner_is_on_every_page_until_all_is_decided(
    client: FlaskClient, signed_in: FlaskClient, outage: int, hourly, post
) -> None:
    one, two = hourly("One"), hourly("Two")
    for path in ("/", "/logs", "/tasks/new", "/health", f"/tasks/{one}/logs", "/nix"):
        text = signed_in.get(path).text
        assert "from 08:00:00 to 11:00:00" in text and f'href="/away/{outage}"' in text, path
    assert f'href="/away/{outage}"' not in signed_in.get(f"/away/{outage}").text
    assert "While you" not in client.get("/login").text
    post(f"/away/{outage}", task_id=one, choice="leave")
    assert f'href="/away/{outage}"' in signed_in.get("/").text
    post(f"/away/{outage}", task_id=two, choice="latest")
    assert f'href="/away/{outage}"' not in signed_in.get("/").text


def test_the_page_says_what_was_missed_and_what_was_made_up_for(
    signed_in: FlaskClient, outage: int, hourly, run
) -> None:
    one = hourly("One")
    text = signed_in.get(f"/away/{outage}").text
    assert "from Mar 2, 2026, 08:00:00 UTC to Mar 2, 2026, 11:00:00 UTC (3 h 0 min)" in text
    assert "2 due times were missed. The latest was Mar 2, 2026, 09:30:00 UTC." in text
    assert "1 more was made up for automatically." in text
    assert "Run all 2" in text and "has not been measured yet" in text
    run(one, START - timedelta(days=1), input_tokens=100, output_tokens=20)
    text = signed_in.get(f"/away/{outage}").text
    assert "about 120 tokens, all of them about 240. What they cost is not known yet." in text
    assert "<html" not in signed_in.get(f"/away/{outage}", headers=HTMX).text


@pytest.mark.parametrize(("choice", "runs"), [("latest", 1), ("all", 2), ("leave", 0)])
def test_each_choice_makes_exactly_its_runs_and_once(
    app: Flask, signed_in: FlaskClient, outage: int, hourly, post, choice: str, runs: int
) -> None:
    one = hourly("One")
    answer = post(f"/away/{outage}", task_id=one, choice=choice)
    assert (answer.status_code, answer.location) == (303, f"/away/{outage}")
    rows = made(app)
    assert len(rows) == runs and all(row.status == "queued" and row.for_run for row in rows)
    if choice == "latest":
        assert rows[0].for_instant == START - timedelta(hours=2.5)
    text = signed_in.get(answer.location).text
    assert 'name="choice"' not in text and "Leave all the rest" not in text
    assert post(f"/away/{outage}", task_id=one, choice="all").status_code == 409
    assert len(made(app)) == runs


def test_a_gap_is_run_instant_by_instant(app: Flask, outage: int, task, run, post) -> None:
    task_id = task(interval_seconds=600, starts_at="2026-03-02T08:00:00Z")
    gap = {"occurrences": 3, "missed_from": START - timedelta(hours=4), "scheduled_for": None}
    first = START - timedelta(hours=4)
    run(task_id, first, **MISSED, **gap, missed_to=first + timedelta(minutes=20))
    post(f"/away/{outage}", task_id=task_id, choice="all")
    assert [row.for_instant for row in made(app)] == [
        first + timedelta(minutes=10 * number) for number in range(3)
    ]


def test_too_many_are_not_offered(app: Flask, signed_in, outage: int, task, run, post) -> None:
    task_id = task(interval_seconds=1)
    first = START - timedelta(hours=4)
    run(task_id, first, **MISSED, occurrences=1001, missed_from=first, missed_to=START)
    text = signed_in.get(f"/away/{outage}").text
    assert "1,001" not in text or "Run all" not in text
    assert "at most 1,000" in text and "Run the latest" in text


def test_all_the_rest_is_left(
    app: Flask, signed_in: FlaskClient, outage: int, hourly, post
) -> None:
    hourly("One")
    assert post(f"/away/{outage}/dismiss").status_code == 303
    assert f'href="/away/{outage}"' not in signed_in.get("/").text
    text = signed_in.get(f"/away/{outage}").text
    assert "Left as missed." in text and 'name="choice"' not in text
    assert made(app) == []


def test_what_makes_no_sense_is_refused(outage: int, hourly, post) -> None:
    one = hourly("One")
    assert post(f"/away/{outage}", task_id=one, choice="some").status_code == 400
    assert post(f"/away/{outage}", task_id="x", choice="all").status_code == 404
    assert post(f"/away/{outage}", task_id=99, choice="all").status_code == 404
    assert post("/away/99", task_id=one, choice="all").status_code == 404
    assert post("/away/99/dismiss").status_code == 404
