"""A run's page: its timeline, the ways to look at its answer, what was before it, how to mend it."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.domain.runs import Reason
from autoai.runtime import runtime
from autoai.web.logs.hints import _WHERE
from autoai.web.words import REASONS

from ..conftest import PASSWORD, csrf_of
from ..factories import make_account
from ..fakes import START
from .conftest import HTMX


def at(**distance: float) -> datetime:
    return START + timedelta(**distance)


def attempt(number: int, started_at: datetime, duration_ms: int, **more: Any) -> dict[str, Any]:
    values = {"kind": "ok", "http_status": 200, "error_message": None}
    return {
        "number": number,
        "started_at": started_at,
        "duration_ms": duration_ms,
        **values,
        **more,
    }


def steps(text: str) -> list[tuple[str, str]]:
    """Kind and words of each step, without markup."""
    found = re.findall(r'<li class="[^"]*" data-step="(\w+)">(.*?)</li>', text, re.S)
    return [(kind, " ".join(re.sub(r"<[^>]+>", " ", inner).split())) for kind, inner in found]


def answered(run: Any, task_id: int, due: datetime, text: str, **more: Any) -> int:
    return int(run(task_id, due, texts={"response_text": text}, **more))


def test_the_timeline_tells_all_that_happened(signed_in: FlaskClient, task, run) -> None:
    start = at(seconds=1.25)
    run_id = run(
        task(),
        START,
        scheduled_for=at(seconds=-5),
        queued_at=at(milliseconds=40),
        started_at=start,
        first_token_at=at(seconds=6),
        finished_at=at(seconds=7),
        attempts=2,
        attempt_list=[
            attempt(1, start, 1_500, kind="server_error", http_status=503, error_message="<busy>"),
            attempt(2, at(seconds=4.75), 2_200, input_tokens=12, output_tokens=34),
        ],
    )
    text = signed_in.get(f"/logs/{run_id}").text
    assert steps(text) == [
        ("due", "Due by the schedule Mar 2, 2026, 11:59:55 UTC"),
        ("due", "Due 12:00:00.000 shifted by 5 s, as the task wants it"),
        ("queued", "Queued at 12:00:00.040"),
        ("started", "waited 1.2 s Started 12:00:01.250 1.2 s late"),
        ("attempt", "Attempt 1 12:00:01.250 Server error 1.5 s · HTTP 503 &lt;busy&gt;"),
        (
            "attempt",
            "paused for 2 s Attempt 2 12:00:04.750 Answered 2.2 s · HTTP 200 · 12 sent, 34 received",
        ),
        ("first", "First piece of the answer 12:00:06.000 4.8 s after the start"),
        ("ended", "took 5.8 s Success 12:00:07.000"),
    ]
    bar = re.search(r'<svg class="span-bar".*?</svg>', text, re.S)[0]
    assert 'aria-hidden="true"' in bar and "style" not in bar
    pieces = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', bar)
    assert [kind for kind, _x, _width in pieces] == ["wait", "failed", "pause", "ok"]
    end = 0.0
    for _kind, x, width in pieces:
        assert float(x) == pytest.approx(end, abs=0.3)
        end = float(x) + float(width)
    assert end == pytest.approx(1000, abs=0.5)
    sums = re.findall(r"</span>([^<]+) <span class=\"number\">([^<]+)</span>", text)
    assert ("Failed attempts", "1.5 s") in sums and ("Between attempts", "2 s") in sums


def test_the_timeline_of_what_never_started(signed_in: FlaskClient, task, run) -> None:
    skipped = run(
        task(), START, status="skipped", reason="overlap", queued_at=None, started_at=None
    )
    text = signed_in.get(f"/logs/{skipped}").text
    assert [kind for kind, _ in steps(text)] == ["due", "ended"]
    assert "Skipped" in steps(text)[-1][1] and "span-bar" not in text


def test_the_timeline_of_one_under_way(signed_in: FlaskClient, task, run, clock) -> None:
    running = run(task(), at(seconds=-9), status="running", finished_at=None, attempts=1)
    waiting = run(
        task(name="Other"),
        at(seconds=-9),
        status="queued",
        started_at=None,
        finished_at=None,
        not_before=at(seconds=30),
    )
    text = signed_in.get(f"/logs/{running}").text
    assert steps(text)[-1] == ("under_way", "Running 9 s so far")
    assert steps(signed_in.get(f"/logs/{waiting}").text)[-1] == (
        "later",
        "Next attempt no sooner than this 12:00:30.000",
    )


def test_clocks_that_jumped_do_not_stop_the_page(signed_in: FlaskClient, task, run) -> None:
    run_id = run(
        task(),
        START,
        queued_at=at(hours=2),
        started_at=at(hours=-3),
        finished_at=at(days=-9),
        attempt_list=[attempt(1, at(hours=-5), 0), attempt(2, at(hours=-9), 10**9)],
    )
    answer = signed_in.get(f"/logs/{run_id}")
    assert answer.status_code == 200 and len(steps(answer.text)) == 6
    assert not re.search(r' (x|width)="-', answer.text)


def test_the_answer_in_every_view(signed_in: FlaskClient, task, run) -> None:
    task_id = task()
    text = "# Head\n\n<b>not bold</b> but **bold**"
    run_id = answered(run, task_id, START, text)
    page = signed_in.get(f"/logs/{run_id}").text
    assert f'<div class="prose" id="answer-{run_id}"' in page and "<h3>Head</h3>" in page
    assert "<strong>bold</strong>" in page and "<b>not" not in page
    assert f'href="/logs/{run_id}?view=raw" hx-get="/logs/{run_id}?view=raw"' in page
    for headers in ({}, HTMX):
        raw = signed_in.get(f"/logs/{run_id}?view=raw", headers=headers).text
        assert f'<pre class="text" id="answer-{run_id}"' in raw and "&lt;b&gt;not bold" in raw
        assert ("<html" in raw) == (not headers)
    plain = answered(run, task_id, at(minutes=1), "Just words")
    assert "<pre" in signed_in.get(f"/logs/{plain}").text
    for odd in ("view=json", "view=x", "view=" + "9" * 999, "view=raw&view=json", "whole=7&diff=x"):
        assert signed_in.get(f"/logs/{plain}?{odd}").status_code == 200
    assert 'class="prose"' in signed_in.get(f"/logs/{plain}?view=markdown").text


def test_json_is_a_tree(signed_in: FlaskClient, task, run) -> None:
    value = {"<k>": ["<script>", 1.50, None], "empty": {}, "deep": [[[]]]}
    run_id = answered(run, task(), START, f"```json\n{json.dumps(value)}\n```")
    text = signed_in.get(f"/logs/{run_id}").text
    tree = re.search(r'<div class="json".*?</div>', text, re.S)[0]
    assert "&lt;k&gt;" in tree and "&lt;script&gt;" in tree and "<script" not in tree
    assert tree.count("<details open>") == 4 and tree.count("<summary>") == 4
    assert "{3}" in tree and "[3]" in tree and "{ }" in tree and "1.5" in tree
    wide = answered(run, task(name="Wide"), START, json.dumps(list(range(3_000))))
    text = signed_in.get(f"/logs/{wide}").text
    assert "[3,000]" in text and "1,000 more are not shown here" in text


def test_a_megabyte_in_one_line(signed_in: FlaskClient, task, run) -> None:
    long = "w" * 1_000_000
    run_id = run(
        task(),
        START,
        status="failed",
        reason="rejected",
        texts={
            "response_text": long,
            "error_message": long,
            "request_messages": [{"role": "user", "content": long}],
        },
    )
    text = signed_in.get(f"/logs/{run_id}").text
    assert len(text) < 250_000
    assert text.count("950,000 more characters are not shown.") == 3
    assert f'href="/logs/{run_id}?whole=1"' in text
    assert len(signed_in.get(f"/logs/{run_id}?whole=1").text) > 3_000_000
    assert signed_in.get(f"/logs/{run_id}/answer.txt").text == long


def test_texts_as_files(signed_in: FlaskClient, client: FlaskClient, task, run) -> None:
    run_id = run(
        task(),
        START,
        texts={
            "response_text": "<script>\n“é”",
            "error_message": "E",
            "request_messages": [
                {"role": "system", "content": "S"},
                {"role": "user", "content": "U"},
            ],
        },
    )
    answer = signed_in.get(f"/logs/{run_id}/answer.txt")
    assert answer.text == "<script>\n“é”"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert (
        answer.headers["Content-Disposition"] == f'attachment; filename="run-{run_id}-answer.txt"'
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert signed_in.get(f"/logs/{run_id}/error.txt").text == "E"
    assert signed_in.get(f"/logs/{run_id}/input.txt").text == "[system]\nS\n\n[user]\nU\n"
    without = run(task(name="Other"), START)
    for name in ("answer", "error", "input"):
        for missing in (without, 10**6, 10**17):
            answer = signed_in.get(f"/logs/{missing}/{name}.txt")
            assert answer.status_code == 404, "said, not an empty file"
        assert client.get(f"/logs/{run_id}/{name}.txt").status_code == 302


def test_what_was_sent_is_folded_where_it_is_long(signed_in: FlaskClient, task, run) -> None:
    sent = [
        {"role": "system", "content": "Short"},
        {"role": "user", "content": "Long <i>words</i> " * 200},
        {"role": "user", "content": "line\n" * 20},
        {"role": "odd<b>", "content": None},
    ]
    run_id = run(task(), START, texts={"request_messages": sent, "secrets": ["TOKEN"]})
    text = signed_in.get(f"/logs/{run_id}").text
    assert text.count('<details class="fold message"') == 2
    assert "odd&lt;b&gt;" in text and "3,600 characters" in text
    assert "the secrets TOKEN." in text


def test_the_difference_from_the_run_before(signed_in: FlaskClient, task, run) -> None:
    task_id, other = task(), task(name="Other")
    first = answered(run, task_id, START, "Sun in Bern\nand in Biel")
    run(task_id, at(minutes=1), status="failed", reason="timeout", texts={"response_text": "Half"})
    answered(run, other, at(minutes=2), "Another task's")
    second = answered(run, task_id, at(minutes=3), "Rain in Bern\nand in Biel")
    third = answered(run, task_id, at(minutes=4), "Rain in  Bern\nand in Biel")
    assert "run before" not in signed_in.get(f"/logs/{first}").text
    offered = signed_in.get(f"/logs/{second}").text
    assert f"Compare with run {first}" in offered and "<del>" not in offered
    for headers in ({}, HTMX):
        text = signed_in.get(f"/logs/{second}?diff=previous", headers=headers).text
        assert "<del>Sun </del>" in text and "<ins>Rain </ins>" in text
        assert f'data-before="{first}"' in text
    text = signed_in.get(f"/logs/{third}?diff=previous").text
    assert "It says the same as the answer of" in text and 'class="sides"' not in text
    assert "diff=previous" in re.search(r'rel="prev" href="([^"]+)"', text)[1], "step through them"


def test_json_is_compared_as_such(signed_in: FlaskClient, task, run) -> None:
    task_id = task()
    answered(run, task_id, START, '{"a": 1, "b": 2}')
    run_id = answered(run, task_id, at(minutes=1), '{"b": 3, "a": 1.0}')
    text = signed_in.get(f"/logs/{run_id}?diff=previous").text
    assert "<del>2</del>" in text and "<ins>3</ins>" in text
    assert text.count("<del>") == text.count("<ins>") == 1


def neighbours(signed_in: FlaskClient, run_id: int) -> tuple[int | None, int | None]:
    text = signed_in.get(f"/logs/{run_id}").text
    found = [re.search(rf'rel="{rel}" href="/logs/(\d+)', text) for rel in ("prev", "next")]
    return tuple(int(match[1]) if match else None for match in found)  # type: ignore[return-value]


def test_the_runs_beside_it_by_the_time_they_were_due(signed_in: FlaskClient, task, run) -> None:
    task_id, other = task(), task(name="Other")
    late = run(task_id, at(minutes=9))
    one = run(task_id, START, scheduled_for=None)
    two = run(task_id, START, scheduled_for=None)
    three = run(task_id, START, scheduled_for=None)
    early = run(task_id, at(minutes=-9))
    run(other, START)
    order = [early, one, two, three, late]
    for place, run_id in enumerate(order):
        older = order[place - 1] if place else None
        newer = order[place + 1] if place + 1 < len(order) else None
        assert neighbours(signed_in, run_id) == (older, newer)
    assert f'href="/logs/{one}?view=raw"' in signed_in.get(f"/logs/{two}?view=raw&whole=1").text


def test_every_reason_says_what_to_do_and_where(
    app: Flask, signed_in: FlaskClient, task, run
) -> None:
    with app.app_context():
        account = make_account(runtime(app).ports, name="Team <x>").id
    task_id = task(account_id=account, api_endpoint=...)
    known: set[str] = set()
    for place, reason in enumerate([*Reason, "expired"]):
        what, advice = REASONS[reason]
        assert what and advice, reason
        status = "expired" if reason == "expired" else "failed"
        changes = {"reason": None if reason == "expired" else reason, "account_id": account}
        text = signed_in.get(
            f"/logs/{run(task_id, at(minutes=place), status=status, **changes)}"
        ).text
        hints = re.search(r'<ul class="hints">(.*?)</ul>', text, re.S)
        assert hints or not _WHERE[reason], reason
        known.update(re.findall(r'href="([^"]+)"', hints[1]) if hints else ())
    assert set(_WHERE) == {*Reason, "expired"}
    assert len(known) > 12
    for address in known:
        path, _, anchor = address.partition("#")
        page = signed_in.get(path)
        assert page.status_code == 200, address
        # What a task of this kind has no budget for is no place to go to, but the page says so.
        assert not anchor or f'id="{anchor}"' in page.text, address


def test_a_refusal_is_read_by_its_status(signed_in: FlaskClient, task, run) -> None:
    task_id = task()
    for place, (code, words) in enumerate({404: "no model of this name", 402: "no money"}.items()):
        refused = run(
            task_id, at(minutes=place), status="failed", reason="rejected", http_status=code
        )
        assert words in signed_in.get(f"/logs/{refused}").text
    other = run(task_id, at(minutes=9), status="failed", reason="auth", http_status=404)
    assert "no model of this name" not in signed_in.get(f"/logs/{other}").text


def test_a_link_that_was_shared_leads_there_after_the_login(client: FlaskClient, task, run) -> None:
    run_id = answered(run, task(), START, "# Head")
    asked = client.get(f"/logs/{run_id}?view=raw")
    assert asked.status_code == 302 and asked.location.startswith("/login?next=")
    form = {"password": PASSWORD, "csrf_token": csrf_of(client), "next": f"/logs/{run_id}?view=raw"}
    door = client.get(asked.location).text
    assert f'value="/logs/{run_id}?view=raw"' in door
    entered = client.post("/login", data=form)
    assert entered.location == f"/logs/{run_id}?view=raw"
    assert f'data-copy-link="/logs/{run_id}"' in client.get(entered.location).text
