"""The log: filters, pages, and one run with everything that was recorded."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

from flask import Flask
from flask.testing import FlaskClient

from autoai.domain.limits import Limits
from autoai.domain.runs import Status
from autoai.extensions import db
from autoai.models import Run, RunText
from autoai.runtime import runtime

from ..factories import make_account
from ..fakes import START
from .conftest import HTMX


def ids(text: str) -> list[int]:
    return [int(found) for found in re.findall(r'<tbody class="run" id="run-(\d+)"', text)]


def figure(text: str, name: str) -> str:
    found = re.search(rf'data-figure="{name}">([^<]*)<', text)
    assert found, name
    return found[1]


def step(text: str, way: str) -> str | None:
    """Where a page's link to older (before) or newer (after) rows leads."""
    found = re.search(rf'href="([^"]*[?;]{way}=[^"]+)"', text)
    return html.unescape(found[1]) if found else None


def test_an_empty_log_says_what_will_be_here(signed_in: FlaskClient) -> None:
    text = signed_in.get("/logs").text
    assert "No runs yet" in text and "Nothing ran in the last seven days." in text


def test_newest_first_twenty_a_page(signed_in: FlaskClient, task, run) -> None:
    task_id = task()
    made = [run(task_id, START + timedelta(minutes=n)) for n in range(45)]
    first = signed_in.get("/logs").text
    assert ids(first) == made[::-1][:20]
    assert step(first, "after") is None
    second = signed_in.get(step(first, "before")).text
    last = signed_in.get(step(second, "before")).text
    assert ids(second) == made[::-1][20:40] and ids(last) == made[4::-1]
    assert step(last, "before") is None
    assert ids(signed_in.get(step(last, "after")).text) == ids(second)
    newest = signed_in.get(step(second, "after"), follow_redirects=True)
    assert ids(newest.text) == ids(first) and newest.request.full_path == "/logs?"
    for place in ("0", "-1", "x", "9" * 40, "1.2", "9" * 18 + ".1", "1." + "9" * 19):
        assert signed_in.get(f"/logs?before={place}").status_code == 200
        assert signed_in.get(f"/logs?after={place}").status_code == 200


def test_filter_by_status_and_task(signed_in: FlaskClient, task, run) -> None:
    one, two = task(name="One"), task(name="Two")
    good = run(one, START)
    bad = run(one, START + timedelta(minutes=1), status="failed", reason="auth")
    cut = run(two, START, status="interrupted", reason="process_died")
    assert ids(signed_in.get("/logs").text) == [bad, cut, good]
    assert ids(signed_in.get("/logs?status=failed").text) == [bad]
    assert ids(signed_in.get("/logs?status=failed&status=interrupted").text) == [bad, cut]
    assert ids(signed_in.get("/logs?status=failed,success").text) == [bad, good]
    assert ids(signed_in.get(f"/logs?task_id={one}").text) == [bad, good]
    assert ids(signed_in.get(f"/tasks/{one}/logs").text) == [bad, good]
    assert ids(signed_in.get(f"/tasks/{one}/logs?task_id={two}").text) == [bad, good]
    text = signed_in.get("/logs?status=expired").text
    assert ids(text) == [] and "No run fits this filter" in text
    assert ids(signed_in.get("/logs?status=&task_id=&from=&to=").text) == [bad, cut, good]
    for odd in ("status=nonsense", "task_id=x", f"task_id={2**63}", "task_id=" + "9" * 99):
        assert signed_in.get(f"/logs?{odd}").status_code == 200


def test_days_are_inclusive_and_the_instances_own(
    app, signed_in: FlaskClient, task, run, monkeypatch
) -> None:
    from autoai.settings import Settings

    settings = runtime(app).settings.model_copy(update={"timezone": "Asia/Shanghai"})
    assert isinstance(settings, Settings)
    object.__setattr__(runtime(app), "settings", settings)
    task_id = task()
    before = run(task_id, datetime(2026, 2, 27, 15, 59, 59, tzinfo=UTC))
    first = run(task_id, datetime(2026, 2, 27, 16, 0, 0, tzinfo=UTC))  # the 28th begins in Shanghai
    last = run(task_id, datetime(2026, 3, 1, 15, 59, 59, tzinfo=UTC))
    after = run(task_id, datetime(2026, 3, 1, 16, 0, 0, tzinfo=UTC))
    signed_in.set_cookie("timezone", "America/New_York")
    assert ids(signed_in.get("/logs?from=2026-02-28&to=2026-03-01").text) == [last, first]
    assert ids(signed_in.get("/logs?from=2026-03-02").text) == [after]
    assert ids(signed_in.get("/logs?to=2026-02-27").text) == [before]


def test_a_day_that_is_none_is_told(signed_in: FlaskClient) -> None:
    odd = ["from=yesterday", "to=2026-02-30", "from=0001-01-01", "to=9999-12-31"]
    for query in [*odd, "from=" + "9" * 999]:
        answer = signed_in.get(f"/logs?{query}")
        assert answer.status_code == 200
        assert "A date or a time such as 2026-01-31" in answer.text, query
        assert re.search(r'name="(from|to)"[^>]*aria-invalid="true"', answer.text), query


def test_days_in_the_wrong_order_are_told(signed_in: FlaskClient) -> None:
    text = signed_in.get("/logs?from=2026-03-02&to=2026-03-01").text
    assert "The first day comes after the last one." in text


def test_the_filter_stands_in_every_link(signed_in: FlaskClient, task, run) -> None:
    task_id = task()
    for n in range(21):
        run(task_id, START + timedelta(minutes=n), status="failed", reason="timeout")
    text = signed_in.get("/logs?status=failed&from=2026-03-01").text
    assert 'href="/logs?status=failed&amp;from=2026-03-01&amp;before=' in text
    assert re.search(
        r'id="runs" data-live hx-get="/logs\?status=failed&amp;from=2026-03-01&amp;s', text
    )
    assert re.search(r'value="failed" checked', text) and 'value="2026-03-01"' in text
    assert "1 chosen" in text


def test_only_the_first_page_is_live(signed_in: FlaskClient, task, run) -> None:
    task_id = task()
    for n in range(21):
        run(task_id, START + timedelta(minutes=n))
    first = signed_in.get("/logs").text
    second = signed_in.get(step(first, "before")).text
    assert 'id="runs" data-live' in first and 'id="runs" data-live' not in second
    seen = re.search(r'hx-get="(/logs\?seen=[^"]+)"', first)[1]
    assert signed_in.get(seen, headers=HTMX).status_code == 204
    task(name="Something changed")
    answer = signed_in.get(seen, headers=HTMX)
    assert answer.text.lstrip().startswith('<div id="runs"')
    assert "<hx-partial" not in answer.text, "a refresh leaves the filter alone"
    filtered = signed_in.get("/logs?status=failed", headers=HTMX).text
    assert 'hx-target="#filter"' in filtered


def test_on_top_stand_the_figures_and_the_week(signed_in: FlaskClient, task, run) -> None:
    task_id = task()
    for minutes, status in ((1, "success"), (2, "success"), (1440, "failed"), (9 * 1440, "failed")):
        run(task_id, START - timedelta(minutes=minutes), status=status)
    run(task_id, START - timedelta(days=2), status="skipped", started_at=None, reason="overlap")
    text = signed_in.get("/logs").text
    assert figure(text, "runs") == "5" and figure(text, "success_rate") == "50%"
    assert "Last seven days: 2 successful, 1 without success, 1 left out" in text


def test_a_run_is_shown_with_everything_that_was_recorded(
    signed_in: FlaskClient, task, run
) -> None:
    task_id = task(name="News")
    run_id = run(
        task_id,
        START,
        started_at=START + timedelta(milliseconds=12),
        finished_at=START + timedelta(seconds=2, milliseconds=443),
        status="failed",
        reason="auth",
        attempts=2,
        maybe_double_billed=True,
        http_status=401,
        model="m-1",
        model_answered="m-1-2026",
        finish_reason="stop",
        input_tokens=1234,
        output_tokens=5,
        cached_input_tokens=7,
        reasoning_tokens=3,
        texts={
            "request_messages": [{"role": "system", "content": "Be <i>brief</i>"}],
            "response_text": "<script>alert(1)</script>",
            "error_message": "HTTP 401: bad key",
        },
        attempt_list=[
            {
                "number": number,
                "started_at": START,
                "duration_ms": 1200,
                "http_status": 401,
                "kind": "rejected",
                "error_message": f"no. {number}",
            }
            for number in (1, 2)
        ],
    )
    page = signed_in.get(f"/logs/{run_id}")
    part = signed_in.get(f"/logs/{run_id}", headers=HTMX)
    assert "<html" in page.text and "<html" not in part.text
    assert part.text.lstrip().startswith(f'<div class="detail" id="details-{run_id}"')
    for text in (page.text, part.text):
        assert "The provider did not accept the API key." in text
        assert "Enter a valid API key in the task or its account" in text
        assert "may have been billed more than once" in text
        assert "Mar 2, 2026, 12:00:00 UTC" in text and "Mar 2, 2026, 12:00:02 UTC" in text
        assert "12 ms" in text and "2.4 s" in text
        assert "m-1-2026" in text and "1,234" in text and "7 from cache" in text
        assert "3 for reasoning" in text and "On schedule" in text
        assert "no. 1" in text and "no. 2" in text and "Refused" in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text and "<script>alert" not in text
        assert "Be &lt;i&gt;brief&lt;/i&gt;" in text and "HTTP 401: bad key" in text
        assert "data-live" not in text
    row = signed_in.get("/logs").text
    assert f'href="/logs/{run_id}"' in row and "alarm" in row


def test_a_run_under_way_keeps_itself_up_to_date(signed_in: FlaskClient, task, run) -> None:
    run_id = run(task(), START, status="running", finished_at=None)
    assert "data-live" in signed_in.get(f"/logs/{run_id}", headers=HTMX).text


def test_a_gap_is_one_row_that_says_how_many(signed_in: FlaskClient, task, run) -> None:
    run_id = run(
        task(),
        START,
        scheduled_for=None,
        started_at=None,
        finished_at=START,
        status="missed",
        reason="downtime",
        occurrences=512,
        missed_from=START - timedelta(days=3),
        missed_to=START,
    )
    listed = signed_in.get("/logs").text
    assert "512 due times from Feb 27, 12:00:00 to 12:00:00." in listed
    assert "AutoAI was not running when this was due." in listed
    text = signed_in.get(f"/logs/{run_id}").text
    assert "Feb 27, 2026, 12:00:00 UTC" in text and ">512<" in text
    assert "AutoAI was not running when this was due." in text
    assert f'action="/logs/{run_id}/retry"' not in text, "which of the 512 would it be?"


def test_a_skipped_run_names_the_one_in_its_way(signed_in: FlaskClient, task, run) -> None:
    task_id = task()
    first = run(task_id, START)
    second = run(
        task_id,
        START + timedelta(minutes=1),
        status="skipped",
        reason="overlap",
        started_at=None,
        blocked_by=first,
    )
    assert f'href="/logs/{first}"' in signed_in.get(f"/logs/{second}").text


def test_a_run_that_is_not_there(signed_in: FlaskClient) -> None:
    for run_id in ("7", "0", 2**63, "9" * 40):
        assert signed_in.get(f"/logs/{run_id}").status_code == 404


def test_every_ending_has_its_sentence(signed_in: FlaskClient, task, run) -> None:
    task_id = task()
    for status, reason, sentence in (
        ("skipped", "paused", "The task was paused at that time."),
        ("skipped", "blackout", "the hours in which the task never runs"),
        ("cancelled", "cancelled", "This run was cancelled."),
        ("expired", None, "before it was too late for it"),
        ("expired", "timeout", "before it was too late for it"),
    ):
        run_id = run(task_id, START, status=status, reason=reason, scheduled_for=None)
        assert sentence in signed_in.get(f"/logs?status={status}").text
        text = signed_in.get(f"/logs/{run_id}").text
        assert sentence in text and ("within the time-out" in text) is (reason == "timeout")


def test_all_statuses_can_be_filtered(signed_in: FlaskClient) -> None:
    text = signed_in.get("/logs").text
    offered = re.findall(r'<input type="checkbox" name="status" value="(\w+)"', text)
    assert offered == [status.value for status in Status]


def test_waiting_is_told_apart_from_running(signed_in: FlaskClient, task, run) -> None:
    run_id = run(
        task(),
        START - timedelta(hours=1),
        queued_at=START,
        started_at=START + timedelta(seconds=7),
        finished_at=START + timedelta(seconds=10),
    )
    text = signed_in.get(f"/logs/{run_id}").text
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", text))
    assert (facts["Lateness"], facts["Waited"], facts["Duration"]) == ("1 h 0 min", "7 s", "3 s")


def test_a_queued_run_says_what_it_waits_for(
    app: Flask, signed_in: FlaskClient, task, run, ports
) -> None:
    one, same = task(name="One"), task(name="Same host")
    other = task(name="Other host", api_endpoint="http://127.0.0.2:9/v1")
    queued = {"status": "queued", "started_at": None, "finished_at": None, "scheduled_for": None}
    going = run(one, START, status="running", finished_at=None)
    later = run(one, START + timedelta(seconds=30), **queued)
    behind = run(one, START, serial=True, **queued)
    free = run(other, START, **queued)
    at_host = run(same, START, **queued)

    def said(run_id: int) -> str:
        text = signed_in.get(f"/logs/{run_id}", headers=HTMX).text
        found = re.search(r"<strong>([^<]*)</strong>", text)
        assert found and found[1] in signed_in.get("/logs").text
        return found[1]

    assert said(later) == "Waits until 12:00:30."
    assert said(behind) == f"Waits for run {going} of the same task to end."
    assert f'href="/logs/{going}"' in signed_in.get(f"/logs/{behind}").text
    assert said(free) == said(at_host) == "Starts in a moment."
    ports.max_per_endpoint = 1
    assert ports.limits.take(going, {"host:127.0.0.1:9": Limits(concurrent=1)}, 0) is None
    assert said(at_host) == "Waits for another call to the same account or endpoint to end."
    assert said(free) == "Starts in a moment."
    settings = runtime(app).settings.model_copy(update={"max_concurrent_runs": 1})
    object.__setattr__(runtime(app), "settings", settings)
    assert said(free) == "Waits for a free slot."


def test_a_run_is_cancelled(app: Flask, signed_in: FlaskClient, task, run, post) -> None:
    task_id = task()
    waiting = run(task_id, START, status="queued", started_at=None, finished_at=None)
    going = run(task_id, START - timedelta(hours=1), status="running", finished_at=None)
    assert f'hx-post="/logs/{waiting}/cancel"' in signed_in.get(f"/logs/{waiting}").text
    answer = post(f"/logs/{waiting}/cancel")
    assert (answer.status_code, answer.location) == (303, f"/logs/{waiting}")
    text = signed_in.get(f"/logs/{waiting}").text
    assert "is being cancelled." in text and 'data-status="cancelled"' in text
    answer = post(f"/logs/{going}/cancel", htmx=True)
    assert f'"#details-{going}"' in answer.headers["HX-Trigger"]
    text = signed_in.get(f"/logs/{going}", headers=HTMX).text
    assert "It is being cancelled" in text and "/cancel" not in text
    assert post(f"/logs/{waiting}/cancel", htmx=True).status_code == 409
    assert post("/logs/99/cancel").status_code == 404


def test_a_run_is_repeated(app: Flask, signed_in: FlaskClient, task, run, post) -> None:
    task_id, sent = task(), [{"role": "user", "content": "As it was"}]
    old = run(task_id, START, status="failed", texts={"request_messages": sent})
    missed = run(task_id, START - timedelta(1), status="missed", started_at=None, queued_at=None)
    assert "Run again with the same input" in signed_in.get(f"/logs/{old}").text
    text = signed_in.get(f"/logs/{missed}").text
    assert "Run it now" in text and "same input" not in text
    answer = post(f"/logs/{old}/retry", same_input="y")
    text = signed_in.get(answer.location).text
    assert f"It answers run {old}." in text and f'href="/logs/{old}"' in text
    with app.app_context():
        new = db.session.get_one(Run, int(answer.location.rpartition("/")[2]))
        assert (new.source, new.for_run, new.status) == ("retry", old, "queued")
        assert db.session.get_one(RunText, new.id).request_messages == sent
    assert post(f"/logs/{missed}/retry", same_input="y").status_code == 409
    assert post(f"{answer.location}/retry").status_code == 409, "it is not over yet"


def test_the_log_of_an_account(app: Flask, signed_in: FlaskClient, task, run) -> None:
    assert 'name="account_id"' not in signed_in.get("/logs").text
    with app.app_context():
        account = make_account(runtime(app).ports, name="Team").id
    task_id = task(account_id=account, api_endpoint=...)
    sent = run(task_id, START, account_id=account)
    gone = run(task_id, START + timedelta(minutes=1), account_id=77)
    text = signed_in.get(f"/logs?account_id={account}").text
    assert ids(text) == [sent] and figure(text, "runs") == "1"
    assert f'<option value="{account}" selected>Team</option>' in text
    assert f"/logs?account_id={account}&amp;seen=" in text
    text = signed_in.get("/logs?account_id=77").text
    assert ids(text) == [gone] and "Account 77 (deleted)" in text
    assert ids(signed_in.get("/logs?account_id=x").text) == [gone, sent]
    assert f'href="/accounts/{account}/edit">Team' in signed_in.get(f"/logs/{sent}").text
    assert "Account 77 (deleted)" in signed_in.get(f"/logs/{gone}").text


def test_an_answer_that_grows_is_asked_for_more_often(
    app: Flask, signed_in: FlaskClient, task, run
) -> None:
    running = run(task(), START, status="running", finished_at=None)
    ports = runtime(app).ports
    ports.live.begin(running)
    ports.live.add(running, "The <first> words")
    text = signed_in.get(f"/logs/{running}", headers=HTMX).text
    assert 'data-live="fast"' in text and "Answer so far" in text
    assert f'<pre class="text growing" id="answer-{running}"' in text
    assert "The &lt;first&gt; words</pre>" in text
    ended = run(task(name="Other"), START, texts={"response_text": "All of it"})
    text = signed_in.get(f"/logs/{ended}", headers=HTMX).text
    assert "data-live" not in text and f'<pre class="text" id="answer-{ended}"' in text
