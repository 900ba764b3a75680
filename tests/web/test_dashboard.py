"""The dashboard: figures, and how it keeps itself up to date."""

from __future__ import annotations

import re
from datetime import timedelta

from flask.testing import FlaskClient

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
