"""Views of the log under a name, and what is done to several runs."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from autoai.extensions import db
from autoai.models import Run, SavedView
from autoai.services import bulk_runs, saved_views

from ..fakes import START
from .conftest import HTMX
from .test_logs import ids


def tabs(text: str) -> list[str]:
    found = re.search(r'<nav class="pills" aria-label="Views">(.*?)</nav>', text, re.S)
    assert found
    return [unescape(name.strip()) for name in re.findall(r">([^<>]+)</a>", found[1])]


def current(text: str) -> list[str]:
    found = re.search(r'<nav class="pills" aria-label="Views">(.*?)</nav>', text, re.S)
    assert found
    here = re.findall(r'aria-current="page"[^>]*>(?:<svg.*?</svg>)?([^<]+)</a>', found[1])
    return [unescape(name) for name in here]


def test_views_that_are_always_there(signed_in: FlaskClient, task, run) -> None:
    task_id = task()
    good = run(task_id, START)
    bad = run(task_id, START - timedelta(minutes=1), status="failed")
    cut = run(task_id, START - timedelta(minutes=2), status="interrupted")
    waits = run(task_id, START - timedelta(minutes=3), status="queued", started_at=None)
    poor = run(task_id, START - timedelta(minutes=4), verdict="degraded")
    other = run(task_id, START - timedelta(minutes=5), changed=True)
    for base in ("/logs", f"/tasks/{task_id}/logs"):
        text = signed_in.get(base).text
        assert tabs(text) == ["All", "Failed", "Degraded", "Under way", "Changed"]
        assert current(text) == ["All"]
        links = dict(
            re.findall(r'<a href="([^"]+)"[^>]*>(Failed|Degraded|Under way|Changed)<', text)
        )
        found = {name: signed_in.get(unescape(link)).text for link, name in links.items()}
        assert {name: ids(page) for name, page in found.items()} == {
            "Failed": [bad, cut],
            "Degraded": [poor],
            "Under way": [waits],
            "Changed": [other],
        }
        assert all(current(page) == [name] for name, page in found.items())
    assert good


def test_a_view_is_saved_changed_and_deleted(
    app: Flask, signed_in: FlaskClient, task, run, post
) -> None:
    task_id = task()
    run(task_id, START)
    bad = run(task_id, START - timedelta(minutes=1), status="failed", reason="timeout")
    query = "status=failed&period=7d&status=nonsense&evil=1&columns=task,cost"
    answer = post("/logs/views", name="  My   <b>view</b> ", query=query)
    assert answer.status_code == 303
    page = signed_in.get(answer.location)
    assert page.request.args.to_dict(flat=False) == {
        "status": ["failed"],
        "period": ["7d"],
        "columns": ["task,cost"],
        "view": ["1"],
    }
    assert ids(page.text) == [bad]
    assert current(page.text) == ["My <b>view</b>"] and "<b>view" not in page.text
    assert "Save this filter over it" not in page.text

    changed = signed_in.get(answer.location + "&reason=auth").text
    assert current(changed) == ["My <b>view</b>"] and "Save this filter over it" in changed
    hidden = re.search(r'name="query" value="([^"]*)"', changed)
    assert hidden
    answer = post("/logs/views/1", action="over", query=unescape(hidden[1]))
    assert "reason=auth" in answer.location
    assert ids(signed_in.get(answer.location).text) == []

    post("/logs/views", name="Other", query="")
    answer = post("/logs/views/1", action="rename", name="Other", query="model=x")
    assert answer.status_code == 422
    assert "There is a view of this name already." in answer.text
    assert 'name="model" value="x"' in answer.text, "what was being looked at stays"
    post("/logs/views/1", action="rename", name="Neu 你好", query="")
    assert tabs(signed_in.get("/logs").text)[5:] == ["Neu 你好", "Other"]
    answer = post("/logs/views/1", action="delete", query="status=failed")
    assert answer.location == "/logs?status=failed"
    assert tabs(signed_in.get("/logs").text)[5:] == ["Other"]
    assert post("/logs/views/1", action="delete").status_code == 404
    assert signed_in.get("/logs?view=1").status_code == 200, "a bookmark of it still works"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (" ", "Give the view a name."),
        ("x" * 101, "At most 100 characters."),
        ("a\x00b", "a character that cannot be shown"),
        ("\u202eevil", "a character that cannot be shown"),
    ],
)
def test_a_name_that_will_not_do(signed_in: FlaskClient, post, name: str, words: str) -> None:
    answer = post("/logs/views", name=name, query="status=failed")
    assert answer.status_code == 422 and words in answer.text
    assert 'value="failed" checked' in answer.text
    assert re.search(r'<details class="menu keep" id="menu-keep" open>', answer.text)


def test_views_are_bounded(
    app: Flask, signed_in: FlaskClient, post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MOST", 10)
    for number in range(10):
        assert post("/logs/views", name=f"View {number}", query="").status_code == 303
    answer = post("/logs/views", name="One more", query="")
    assert answer.status_code == 422 and "At most 10 views." in answer.text
    text = signed_in.get("/logs").text
    assert len(tabs(text)) == 5 + 8 and "More views" in text
    long = "&".join(f"status=failed&x{n}=1" for n in range(3000))
    assert post("/logs/views/1", action="over", query=long).location == "/logs?status=failed&view=1"
    with app.app_context():
        assert db.session.scalar(select(func.count(SavedView.id))) == 10


class TestSeveral:
    def test_chosen_ones_are_cancelled_and_run_again(
        self, app: Flask, signed_in: FlaskClient, task, run, post
    ) -> None:
        task_id = task()
        waits = run(task_id, START, status="queued", started_at=None, finished_at=None)
        going = run(task_id, START - timedelta(hours=1), status="running", finished_at=None)
        over = run(task_id, START - timedelta(hours=2), status="failed")
        gap = run(task_id, START - timedelta(hours=3), status="missed", occurrences=9)
        chosen = [waits, going, over, gap, 999, "x", 2**63]
        answer = post("/logs/bulk", action="cancel", ids=chosen, next="/logs?status=failed")
        assert (answer.status_code, answer.location) == (303, "/logs?status=failed")
        text = signed_in.get("/logs").text
        assert "2 runs are cancelled." in text and "2 were left alone: they are over." in text
        assert "1 is not there any more." in text
        with app.app_context():
            assert db.session.get_one(Run, waits).status == "cancelled"
            assert db.session.get_one(Run, going).cancel_requested

        answer = post("/logs/bulk", htmx=True, action="retry", ids=[waits, going, over, gap])
        assert "2 runs were started." in answer.text
        assert "1 was left alone: it is not over yet." in answer.text
        assert "1 was left alone: it stands for several due times." in answer.text
        assert '"#runs"' in answer.headers["HX-Trigger"]
        with app.app_context():
            new = db.session.scalars(select(Run).where(Run.source == "retry").order_by(Run.id))
            assert [(one.for_run, one.status) for one in new] == [
                (waits, "queued"),
                (over, "queued"),
            ]

    def test_all_that_fit_are_asked_about_first(
        self, app: Flask, signed_in: FlaskClient, task, run, post
    ) -> None:
        one, other = task(name="One"), task(name="Other")
        bad = [run(one, START - timedelta(minutes=n), status="failed") for n in range(45)]
        run(one, START - timedelta(days=1)), run(other, START, status="failed")
        form = {"all": "y", "filter": "status=failed&columns=cost", "task": str(one)}
        text = signed_in.get(f"/tasks/{one}/logs?status=failed").text
        assert "all that fit the filter" in text
        asked = post("/logs/bulk", htmx=True, action="retry", ids=bad[:2], **form)
        assert asked.status_code == 200 and "Run 45 runs again?" in asked.text
        assert "<html" not in asked.text
        page = post("/logs/bulk", action="retry", next=f"/tasks/{one}/logs", **form)
        assert "<h1" in page.text and "Run 45 runs again?" in page.text
        with app.app_context():
            assert db.session.scalar(select(func.count(Run.id))) == 47, "nothing was done yet"
        run(one, START + timedelta(minutes=1), status="failed")  # came later: not meant
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        answer = post(
            "/logs/bulk",
            action="retry",
            **{n: unescape(v) for n, v in hidden.items() if n != "csrf_token"},
        )
        assert answer.location == f"/tasks/{one}/logs"
        assert "45 runs were started." in signed_in.get(answer.location).text
        nothing = post("/logs/bulk", action="cancel", htmx=True, **form)
        assert "None of the runs that fit the filter is queued or running." in nothing.text
        assert 'name="action"' not in nothing.text
        stop = post("/logs/bulk", action="cancel", all="y", filter="", htmx=True)
        assert "Cancel 45 runs?" in stop.text

    def test_it_is_bounded(
        self, signed_in: FlaskClient, task, run, post, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk_runs, "MOST", 3)
        task_id = task()
        made = [run(task_id, START - timedelta(minutes=n)) for n in range(5)]
        text = post("/logs/bulk", action="retry", all="y", filter="", htmx=True).text
        assert "Run 3 runs again?" in text and "these are the newest 3" in text
        assert post("/logs/bulk", action="retry", ids=made).status_code == 400

    def test_what_makes_no_sense(self, signed_in: FlaskClient, task, run, post) -> None:
        run(task(), START)
        assert post("/logs/bulk", action="explode", ids=[1]).status_code == 400
        assert post("/logs/bulk", action="retry", all="y", filter="from=soon").status_code == 400
        answer = post("/logs/bulk", action="retry", next="//evil.test")
        assert answer.location == "/logs"
        assert "No run was chosen." in signed_in.get("/logs").text
        assert signed_in.post("/logs/bulk", data={"action": "retry"}).status_code == 403
        assert signed_in.get("/logs/bulk", headers=HTMX).status_code == 405
