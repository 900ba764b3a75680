"""The runs beside a run: of its task, or of the log's filter from which a person came."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from autoai.models import Run, write_transaction
from autoai.services.search_index import rebuild_search

from ..fakes import START
from .conftest import HTMX

FILTERS = (
    "/logs?status=failed",
    "/logs?status=failed&status=missed",
    "/logs?status=failed&task_id={task}",
    "/logs?q=needle",
    "/logs?q=needle&status=success&min_duration_ms=500&tag=a%26b",
    "/logs?from=2026-03-02&to=2026-03-02&reason=timeout",
    "/tasks/{task}/logs?status=success",
)


def link(text: str, pattern: str) -> str | None:
    found = re.search(pattern, text)
    return html.unescape(found[1]) if found else None


def beside(text: str) -> tuple[str | None, str | None]:
    """The addresses of the older and of the newer run."""
    return link(text, r'rel="prev" href="([^"]+)"'), link(text, r'rel="next" href="([^"]+)"')


def openers(text: str) -> list[str]:
    """Where the rows of the log lead, newest first."""
    return [html.unescape(found) for found in re.findall(r'class="opener" href="([^"]+)"', text)]


@pytest.fixture
def ledger(app: Flask, task, run) -> int:
    """Runs of two tasks by turns, of every kind; the id of the first task."""
    tasks = [task(name="News", tags=["a&b"]), task(name="Other")]
    for n in range(24):
        status = ("success", "failed", "missed")[n // 2 % 3]
        due = START - timedelta(hours=2 * n)
        took = timedelta(milliseconds=400 * (n % 4))
        run(
            tasks[n % 2],
            due,
            status=status,
            reason={"failed": "timeout", "missed": "downtime"}.get(status),
            finished_at=due + took if status != "missed" else None,
            texts={"response_text": "A needle." if n % 5 else "Hay."},
        )
    with app.app_context():
        rebuild_search()
    return tasks[0]


def test_the_filter_goes_along(signed_in: FlaskClient, ledger: int) -> None:
    for address in FILTERS:
        rows = openers(signed_in.get(address.format(task=ledger)).text)
        assert len(rows) > 1, address
        for place in range(0, len(rows), len(rows) - 1 if len(rows) > 9 else 1):
            page = signed_in.get(rows[place]).text
            older = rows[place + 1] if place + 1 < len(rows) else None
            assert beside(page) == (older, rows[place - 1] if place else None), address
        back = link(page, r'class="crumb" href="([^"]+)"') or ""
        assert openers(signed_in.get(back).text) == rows, address


def test_the_look_goes_along_too(signed_in: FlaskClient, ledger: int) -> None:
    log = signed_in.get(f"/tasks/{ledger}/logs?status=success").text
    row = openers(log)[0]
    assert link(log, r'hx-get="(/logs/\d+[^"]*)" hx-trigger="reveal"') == row
    part = signed_in.get(row, headers=HTMX).text
    assert link(part, r'<a href="(/logs/\d+\?[^"]+)">\d+</a>') == row, "on to its page"
    assert "view=raw&amp;status=success" in part
    older = beside(signed_in.get(f"{row}&view=raw&whole=1").text)[0] or ""
    assert "view=raw&status=success" in older and "whole" not in older


def test_what_the_page_says_of_the_filter(signed_in: FlaskClient, ledger: int) -> None:
    row = openers(signed_in.get(f"/logs?task_id={ledger}&status=failed").text)[0]
    text = signed_in.get(row).text
    assert ">Failed</span>" in text and ">News</span>" in text and "Filtered logs" in text
    assert f'data-copy-link="{row.partition("?")[0]}"' in text, "what is shared is the run"
    assert 'href="' + row.partition("?")[0] + '">All runs of the task' in text
    plain = signed_in.get(row.partition("?")[0]).text
    assert "Logs of “News”" in plain and 'class="tag">Failed' not in plain


@pytest.mark.parametrize(
    "query",
    [
        "status=bogus&unknown=1&from=2026-99-99&min_cost=x&account_id=9999999999999999999999",
        "task=nobody",
        "task_id={task}",
        "q=%00&status=&verdict=",
    ],
)
def test_what_means_nothing_is_left_out(signed_in: FlaskClient, ledger: int, query: str) -> None:
    run_id = openers(signed_in.get(f"/tasks/{ledger}/logs").text)[3]
    text = signed_in.get(f"{run_id}?{query.format(task=ledger)}").text
    assert "Filtered logs" not in text
    assert beside(text) == beside(signed_in.get(run_id).text)
    both = signed_in.get(f"{run_id}?{query.format(task=ledger)}&status=failed").text
    older = beside(both)[0] or ""
    assert "status=failed" in older and "unknown" not in older and "bogus" not in older


def test_the_way_back_leads_to_the_saved_view(signed_in: FlaskClient, ledger: int) -> None:
    first = openers(signed_in.get("/logs?status=failed&view=7").text)[0]
    text = signed_in.get(first).text
    assert link(text, r'class="crumb" href="([^"]+)"') == "/logs?status=failed&view=7"
    older, _newer = beside(text)
    assert older and older.endswith("?status=failed&saved=7")
    for odd in ("x", "７", "-1"):
        text = signed_in.get(first.replace("saved=7", f"saved={odd}")).text
        assert link(text, r'class="crumb" href="([^"]+)"') == "/logs?status=failed"
        assert beside(text)[0] == older.removesuffix("&saved=7")


def test_a_run_that_fits_no_more_has_those_around_it(signed_in: FlaskClient, ledger: int) -> None:
    """A run that was under way when its link was made has ended since."""
    rows = openers(signed_in.get("/logs").text)
    kinds = ["success", "success", "failed", "failed", "missed", "missed"]
    place = 8
    assert kinds[place % 6] == "failed"
    text = signed_in.get(f"{rows[place]}?status=success").text
    assert beside(text) == (f"{rows[12]}?status=success", f"{rows[7]}?status=success")


def test_where_few_fit_it_stops_and_says_where_to_go_on(
    app: Flask, signed_in: FlaskClient, task, run
) -> None:
    """3,000 rows are looked at and no more: a filter that no index knows cannot make the page slow."""
    task_id = task()
    old, new = (run(task_id, START - timedelta(days=days), model="rare") for days in (20, 0))
    with app.app_context(), write_transaction() as session:
        rows = [
            {
                "task_id": task_id,
                "source": "schedule",
                "scheduled_for": (due := START - timedelta(minutes=1 + n)),
                "due_at": due,
                "status": "success",
                "verdict": "ok",
                "cost": 0,
            }
            for n in range(4_000)
        ]
        session.execute(insert(Run), rows)
    query = "source=schedule&min_cost=0.001&max_cost=0.5"
    with app.app_context(), write_transaction() as session:
        for run_id in (old, new):
            session.get_one(Run, run_id).cost = Decimal("0.01")
    first = signed_in.get(f"/logs/{new}?{query}").text
    assert "Look on for older ones" in first and "Newer run" not in first
    onwards = beside(first)[0]
    assert onwards and onwards.startswith("/logs?source=schedule") and "before=" in onwards
    assert openers(signed_in.get(onwards).text) == [f"/logs/{old}?{query}"]
    last = signed_in.get(f"/logs/{old}?{query}").text
    assert "Look on for newer ones" in last and "after=" in (beside(last)[1] or "")
    assert openers(signed_in.get(beside(last)[1] or "", follow_redirects=True).text)[0] == (
        f"/logs/{new}?{query}"
    )
