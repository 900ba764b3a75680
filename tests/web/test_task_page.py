"""The page of one task: how it has been doing, what comes next, and by which rules."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import Task, write_transaction
from autoai.services.accounts import set_enabled

from ..factories import KEY, make_account, make_used
from ..fakes import START, FakeClock
from .conftest import HTMX


def words(text: str) -> str:
    """What is read, without markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def part(text: str, title: str) -> str:
    found = re.search(rf'<section class="card[^>]*{title}.*?</section>', text, re.S)
    return found[0] if found else ""


def test_what_is_not_there_is_not_found(signed_in: FlaskClient, task, post) -> None:
    one = task()
    assert signed_in.get(f"/tasks/{one}").status_code == 200
    post(f"/tasks/{one}/delete")
    for gone in (one, 99, 10**17, 10**20):
        assert signed_in.get(f"/tasks/{gone}").status_code == 404, gone
    assert "Nothing here" in signed_in.get("/tasks/99").text


def test_a_task_that_has_not_run(signed_in: FlaskClient, task) -> None:
    one = task(name="<b>New</b>", api_key=KEY, interval_seconds=3600, tags=["x y"])
    text = signed_in.get(f"/tasks/{one}").text
    assert "&lt;b&gt;New&lt;/b&gt;" in text and "<b>New" not in text and KEY not in text
    assert "It has not run yet" in text and "None of its last runs has an answer." in text
    assert "every hour · m-1 · 127.0.0.1:9" in words(text) and "Prompt version 1" in text
    assert 'href="/tasks?tag=x%20y"' in text
    fires = re.findall(r'<li><time datetime="([^"]+)"', part(text, "fires-title"))
    assert fires == [f"2026-03-02T{hour}:00:00Z" for hour in range(13, 18)]
    for address in ("edit", "logs", "prompts", "delete"):
        assert f'href="/tasks/{one}/{address}"' in text
    for action in ("run", "pause", "duplicate", "toggle"):
        assert f'formaction="/tasks/{one}/{action}"' in text
    assert "Nothing bounds what it may spend." in text and " style=" not in text


def test_its_last_runs(signed_in: FlaskClient, task, run) -> None:
    one, other = task(), task(name="Other")
    run(other, START, status="failed")
    for n in range(52):
        run(one, START - timedelta(hours=100 + n), finished_at=START)
    took = timedelta(seconds=2)
    bad = run(one, START - timedelta(hours=4), status="failed", reason="timeout")
    late = START - timedelta(hours=3)
    cut = run(
        one,
        late,
        verdict="degraded",
        finished_at=late + took,
        input_tokens=1200,
        output_tokens=300,
        cost=Decimal("0.02"),
        texts={"response_text": "<script>x</script>" + "y" * 5000},
    )
    missed = run(
        one, START - timedelta(hours=2), status="missed", started_at=None, finished_at=None
    )
    text = signed_in.get(f"/tasks/{one}").text
    assert "The last 50 runs" in text
    strip = re.search(r'<div class="strip".*?</div>', text, re.S)[0]
    found = re.findall(r'class="cell (\w+)" href="/logs/(\d+)" aria-label="([^"]+)"', strip)
    assert len(found) == 50
    assert [(kind, int(n)) for kind, n, _words in found[-3:]] == [
        ("failed", bad),
        ("degraded", cut),
        ("missed", missed),
    ]
    assert found[-2][2] == "Degraded, 09:00:00, took 2 s" and found[-1][2] == "Missed, 10:00:00"
    assert "47 successful, 1 degraded, 1 without success, 1 missed" in strip
    assert re.findall('data-trend="([a-z]+)"', text) == ["duration", "tokens", "cost"]
    for label in ("09:00:00, 2 s", "09:00:00, 1,200 sent, 300 received", "09:00:00, $0.020"):
        assert f'<a href="/logs/{cut}" aria-label="{label}">' in text, label
    table = text[text.index('id="trend-table"') :]
    assert len(re.findall('<th scope="row">', table)) == 50
    answer = part(text, "answer-title")
    assert "&lt;script&gt;" in answer and "<script" not in answer and "y" * 1100 in answer
    assert "y" * 1300 not in answer and " …</pre>" in answer and f'href="/logs/{cut}"' in answer


def test_pauses_and_what_stands_in_the_way(
    app: Flask, signed_in: FlaskClient, ports, task, post
) -> None:
    with app.app_context():
        account = make_account(ports).id
    one = task(account_id=account, api_endpoint=..., model=..., interval_seconds=1800)
    path = f"/tasks/{one}"
    assert "Resume" not in signed_in.get(path).text
    answer = post(f"{path}/pause", htmx=True, next=path, **{"for": "hour"})
    assert '"#overview"' in answer.headers["HX-Trigger"]
    text = signed_in.get(path).text
    assert "Paused until 13:00:00." in text and f'formaction="{path}/resume"' in text
    assert '<time datetime="2026-03-02T13:00:00Z"' in part(text, "fires-title")
    assert post(f"{path}/pause", next=path).location == path
    assert "It is paused until somebody resumes it." in signed_in.get(path).text
    with app.app_context(), write_transaction() as session:
        row = session.get_one(Task, one)
        row.paused_reason, row.failures_in_a_row, row.preflight_reason = "auth", 5, "model_missing"
    text = signed_in.get(path).text
    assert "Paused itself after 5 failures: The provider did not accept the API key." in text
    assert "The endpoint does not list this model." in text
    with app.app_context():
        set_enabled(ports, account, False)
    assert "Its account is switched off" in signed_in.get(path).text
    post(f"{path}/toggle", next=path, enabled="")
    text = signed_in.get(path).text
    assert "It is switched off." in text and "Switch on" in text


def test_rules_that_are_set_and_budgets(app: Flask, signed_in: FlaskClient, task) -> None:
    one = task(
        schedule_type="cron",
        interval_seconds=...,
        cron="0 9 * * *",
        timezone="Asia/Shanghai",
        blackouts=[{"from": "22:00", "to": "07:00", "weekdays": ["mon"]}],
        jitter_seconds=90,
        overlap="queue",
        catch_up="none",
        max_tokens=500,
        token_budget_day=1000,
        pause_after_failures=None,
    )
    with app.app_context():
        make_used(START.date(), one, runs=3, input_tokens=700, output_tokens=300)
        db.session.remove()
    text = signed_in.get(f"/tasks/{one}").text
    rules = words(part(text, "rules-title"))
    for told in (
        "Shifted by up to 1 min 30 s",
        "Never between 22:00–07:00 (Mon)",
        "What was missed none of it runs",
        "While a run goes on the next one waits",
        "Tokens at most 500",
        "Pauses itself never",
    ):
        assert told in rules, told
    assert "Priority" not in rules and "Temperature" not in rules
    budgets = part(text, "budget-title")
    assert "Morning news: tokens today" in budgets and "1,000 of 1,000 (100%)" in words(budgets)
    assert "(Asia/Shanghai)" in text


def test_it_refreshes_when_something_is_new(
    signed_in: FlaskClient, task, post, clock: FakeClock
) -> None:
    one = task()
    text = signed_in.get(f"/tasks/{one}").text
    address = re.search(r'id="overview" data-live hx-get="([^"]+)"', text)[1]
    assert signed_in.get(address, headers=HTMX).status_code == 204
    post(f"/tasks/{one}/run", htmx=True, next=f"/tasks/{one}")
    fresh = signed_in.get(address, headers=HTMX).text
    assert 'data-status="running"' in fresh and "<html" not in fresh
    clock.step(minutes=1)
    assert signed_in.get(address, headers=HTMX).status_code == 200


def test_lists_lead_to_it(signed_in: FlaskClient, task, run) -> None:
    one = task(name="Linked")
    for n, status in enumerate(("failed", "success", "skipped")):
        run(one, START - timedelta(minutes=n), status=status)
    text = signed_in.get("/tasks").text
    assert f'href="/tasks/{one}">Linked</a>' in text
    strip = re.search(r'<svg class="health".*?</svg>', text, re.S)[0]
    assert re.findall(r'rect class="(\w+)"', strip) == ["skipped", "success", "failed"]
    assert 'aria-label="The last 3 runs: 1 successful, 1 without success, 1 left out"' in strip
    assert f'href="/tasks/{one}">Linked</a>' in signed_in.get("/").text
