"""The usage page: figures, bars, tables, budgets, the month's forecast, and the file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import Account, InstanceState, Task, write_transaction
from autoai.runtime import runtime

from ..factories import make_account, make_task, make_used
from ..fakes import START
from .conftest import HTMX

TODAY = START.date()  # 2 March 2026, 12:00 UTC


def figure(text: str, name: str) -> str:
    found = re.search(rf'data-figure="{name}">([^<]*)<', text)
    assert found, name
    return found[1]


def rows(text: str) -> list[str]:
    """The words of each row of the lower table."""
    body = re.search(r"<table[^>]* data-by=.*?<tbody>(.*?)</tbody>", text, re.S)
    assert body
    plain = (re.sub(r"<[^>]+>", " ", row) for row in body[1].split("</tr>"))
    return [" ".join(unescape(words).split()) for words in plain if words.strip()]


def bars(text: str) -> list[str]:
    return [unescape(words) for words in re.findall(r'<a href="[^"]+" aria-label="([^"]*)">', text)]


def get(browser: FlaskClient, path: str = "/usage", **headers: str) -> str:
    answer = browser.get(path, headers=headers)
    assert answer.status_code == 200, path
    return answer.text


@pytest.fixture
def filled(app: Flask) -> Iterator[dict[str, int]]:
    with app.app_context():
        ports = runtime(app).ports
        account, task = make_account(ports).id, make_task(ports, interval_seconds=3600).id
        make_used(TODAY, task, runs=1200, input_tokens=90_000, output_tokens=1, cost="0.25")
        make_used(TODAY, 77, account, "big", runs=2, input_tokens=5, unpriced=2, estimated=1)
        make_used(TODAY - timedelta(days=3), task, runs=1, input_tokens=1, cost="0.000001")
        make_used(date(2026, 1, 31), task, runs=1, input_tokens=1, cost=Decimal(5))
        make_used(TODAY, task, 0, "", reserved_tokens=30, reserved_cost="0.2")
        db.session.remove()
    yield {"account": account, "task": task}


def test_an_empty_instance(signed_in: FlaskClient) -> None:
    text = get(signed_in)
    assert "Nothing was used on these days" in text
    assert figure(text, "cost") == "$0.00"
    assert figure(text, "forecast") == "about $0.00"
    assert "No budget is set" in text
    assert 'href="/usage" aria-current="page"' in text


def test_the_figures_of_thirty_days(signed_in: FlaskClient, filled: dict[str, int]) -> None:
    text = get(signed_in)
    assert figure(text, "cost") == "$0.25"
    assert "and up to $0.20 reserved" in text
    assert figure(text, "input_tokens") == "90,006"
    assert "estimated for 1 run" in text
    assert figure(text, "runs") == "1,203"
    assert figure(text, "unpriced_runs") == "2"
    assert bars(text) == [
        "Fri, Feb 27, 2026: $0.0000010, tokens: 1 sent, 0 received, 1 run",
        "Mon, Mar 2, 2026: $0.25, tokens: 90,005 sent, 1 received, "
        "1,202 runs, 2 of them without a known price",
    ]


def test_by_task_account_and_model(signed_in: FlaskClient, filled: dict[str, int]) -> None:
    assert rows(get(signed_in)) == [
        "Morning news 1,201 90,001 1 $0.25 and up to $0.20 reserved",
        "Task 77 (deleted) 2 5 0 unknown",
    ]
    own = "no account: endpoints of the tasks' own 1,201 90,001 1 $0.25 and up to $0.20 reserved"
    assert rows(get(signed_in, "/usage?by=account")) == [own, "Work 2 5 0 unknown"]
    with signed_in.application.app_context(), write_transaction() as session:
        session.delete(session.get_one(Account, filled["account"]))
    gone = f"Account {filled['account']} (deleted) 2 5 0 unknown"
    assert rows(get(signed_in, "/usage?by=account"))[1] == gone
    assert rows(get(signed_in, "/usage?by=model&period=today")) == [
        "m-1 1,200 90,000 1 $0.25",
        "big 2 5 0 unknown",
        "– 0 0 0 $0.00 and up to $0.20 reserved",
    ]


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", "2026-02-01", "2026-03-02"),
        ("?period=today", "2026-03-02", "2026-03-02"),
        ("?period=week", "2026-02-24", "2026-03-02"),
        ("?period=month", "2026-03-01", "2026-03-02"),
        ("?period=last_month", "2026-02-01", "2026-02-28"),
        ("?period=nonsense&by=x&bars=y", "2026-02-01", "2026-03-02"),
        ("?from=2026-01-15", "2026-01-15", "2026-03-02"),
        ("?to=2026-01-31", "2026-01-02", "2026-01-31"),
        ("?to=0001-01-03", "0001-01-01", "0001-01-03"),
        ("?from=2026-01-15&to=2026-01-20&period=today", "2026-01-15", "2026-01-20"),
    ],
)
def test_which_days(signed_in: FlaskClient, query: str, first: str, last: str) -> None:
    text = get(signed_in, f"/usage{query}")
    assert re.findall(r'name="(?:from|to)" value="([^"]*)"', text) == [first, last]
    assert f"/usage.csv?from={first}&amp;to={last}" in text


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("from=soon", "Enter days as YYYY-MM-DD"),
        ("to=20260101", "Enter days as YYYY-MM-DD"),
        ("from=2026-03-01&to=2026-02-01", "The first day comes after the last one."),
        ("from=2000-01-01", "Choose ten years at the most."),
        ("from=2026-01-01&to=9999-12-31", "Choose ten years at the most."),
    ],
)
def test_days_that_are_none(signed_in: FlaskClient, query: str, problem: str) -> None:
    assert problem in get(signed_in, f"/usage?{query}")
    assert signed_in.get(f"/usage.csv?{query}").status_code == 303


def test_the_choice_stays_in_every_link(signed_in: FlaskClient, filled: dict[str, int]) -> None:
    text = unescape(get(signed_in, "/usage?period=week&by=model&bars=tokens"))
    assert 'href="/usage?period=week&bars=tokens"' in text
    assert 'href="/usage?period=week&by=model"' in text
    assert 'href="/usage?period=today&by=model&bars=tokens"' in text
    assert 'href="/usage?from=2026-03-02&to=2026-03-02&by=model&bars=tokens"' in text
    assert 'name="by" value="model"' in text


def test_long_stretches_are_drawn_by_the_month(
    signed_in: FlaskClient, filled: dict[str, int]
) -> None:
    text = get(signed_in, "/usage?from=2025-11-15&to=2026-03-02&bars=tokens")
    assert [words.split(":")[0] for words in bars(text)] == ["Jan 2026", "Feb 2026", "Mar 2026"]
    assert "from=2026-01-01&amp;to=2026-01-31" in text
    assert "Month by month" in text


def test_only_the_part_where_only_that_is_asked_for(
    signed_in: FlaskClient, filled: dict[str, int]
) -> None:
    part = get(signed_in, "/usage?period=today", **HTMX)
    assert part.lstrip().startswith('<div id="report">')
    assert 'id="budgets"' not in part


def test_a_long_table_ends(signed_in: FlaskClient, app: Flask) -> None:
    with app.app_context():
        for number in range(30):
            make_used(TODAY, number + 1, runs=1, input_tokens=1, cost=Decimal(number))
    text = get(signed_in)
    assert len(rows(text)) == 25
    assert "and 5 more" in text


def test_budgets(signed_in: FlaskClient, app: Flask, filled: dict[str, int]) -> None:
    with app.app_context(), write_transaction() as session:
        task = session.get_one(Task, filled["task"])
        task.token_budget_day, task.cost_budget_day = 80_000, Decimal(1)
        task.cost_budget_month = Decimal("0.5")
        session.get_one(InstanceState, 1).cost_budget_day = Decimal("0.45")
    text = get(signed_in)
    assert re.findall(r'data-level="(\w+)"', text) == ["over", "full", "near", "fine"]
    assert "90,031 of 80,000 (112.5%)" in text
    assert "10,031 over the cap" in text
    assert "All tasks: cost today" in text
    assert "$0.45 of $0.45 (100%)" in text
    assert "$0.45 of $0.50 (90%)" in text
    assert "nearly used up" in text
    assert "$0.20 of it is reserved" in text


def test_the_forecast_names_what_is_not_in_it(
    signed_in: FlaskClient, app: Flask, filled: dict[str, int]
) -> None:
    with app.app_context():
        for number in range(7):
            make_task(runtime(app).ports, name=f"New {number}", interval_seconds=86_400)
    text = get(signed_in)
    assert figure(text, "forecast") == "about $0.40"  # 707 × 0.250001 / 1,201 besides 0.25
    assert "7 tasks have no known cost and are not in it:" in text
    assert "New 4" in text and "New 5" not in text.split("Where it went")[0]
    names = re.sub("<[^>]+>", "", text.split("not in it:")[1].split("</li>")[0])
    assert names.strip() == "New 0, New 1, New 2, New 3, New 4, and 2 more"


def test_the_file(signed_in: FlaskClient, app: Flask, filled: dict[str, int]) -> None:
    names = ["=SUM(A1)", "+1", "-1", "@x", 'a "b", c']
    with app.app_context():
        for name in names:
            task = make_task(runtime(app).ports, name=name).id
            make_used(date(2025, 5, 5), task, 0, "\t=x", runs=1, cost="0.000000000001")
    answer = signed_in.get("/usage.csv?from=2025-05-05&to=2026-03-02")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    name = "usage_2025-05-05_2026-03-02.csv"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.data.startswith(b"\xef\xbb\xbfday,task_id,task,account_id,account,model,runs,")
    found = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [row["task"] for row in found[:5]] == ["'=SUM(A1)", "'+1", "'-1", "'@x", 'a "b", c']
    assert found[0]["model"] == "'\t=x"
    assert found[0]["cost"] == "0.000000000001"
    assert found[-1] == {
        "day": "2026-03-02",
        "task_id": "77",
        "task": "",
        "account_id": str(filled["account"]),
        "account": "Work",
        "model": "big",
        "runs": "2",
        "input_tokens": "5",
        "output_tokens": "0",
        "cost": "",
        "unpriced_runs": "2",
        "estimated_runs": "1",
        "reserved_tokens": "0",
        "reserved_cost": "0",
    }


def test_the_file_of_a_preset(signed_in: FlaskClient, filled: dict[str, int]) -> None:
    text = signed_in.get("/usage.csv?period=month").text
    assert len(text.splitlines()) == 4  # its head, and three lines of today
