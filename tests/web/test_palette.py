"""What the palette and its page find, and what they leave out."""

from __future__ import annotations

import re
import time

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, inspect

from autoai.extensions import db
from autoai.models import Task, write_transaction
from autoai.queries.task_names import tasks_named

from .conftest import csrf_of


def labels(client: FlaskClient, text: str) -> list[str]:
    """What the palette offers for `text`."""
    answer = client.get("/find/items", query_string={"q": text})
    assert answer.status_code == 200 and answer.mimetype == "application/json"
    return [item["label"] for item in answer.json["items"]]


def test_a_task_is_found_by_parts_of_its_name(signed_in: FlaskClient, task) -> None:
    one = task(name="Morning news")
    task(name="News of the evening")
    task(name="100 % _certain_")
    items = signed_in.get("/find/items?q=NEWS").json["items"]
    assert items[0]["label"] == "News of the evening", "it begins with that"
    news = {item["label"]: item for item in items}
    assert news["Run now: Morning news"]["post"] == f"/tasks/{one}/run"
    assert news["Run now: Morning news"]["fields"] == {"next": f"/tasks/{one}/logs"}
    assert news["Edit: Morning news"]["href"] == f"/tasks/{one}/edit"
    assert news["Logs: Morning news"]["href"] == f"/tasks/{one}/logs"
    assert labels(signed_in, "news mor")[0] == "Morning news", "every word, in any order"
    assert labels(signed_in, "% _")[0] == "100 % _certain_", "a sign stands for itself"
    assert "Morning news" not in labels(signed_in, "m_rning")


def test_a_word_says_what_to_do_with_it(signed_in: FlaskClient, task) -> None:
    task(name="Morning news")
    task(name="早间新闻")
    task(name="Runner's diary")
    assert labels(signed_in, "run morning")[0] == "Run now: Morning news"
    assert labels(signed_in, "edit news")[0] == "Edit: Morning news"
    assert labels(signed_in, "logs 新闻")[0] == "Logs: 早间新闻"
    assert labels(signed_in, "runner")[0] == "Runner's diary"


def test_pages_filters_and_preferences(signed_in: FlaskClient) -> None:
    everything = labels(signed_in, "")
    assert everything[0] == "Dashboard" and {"New task", "Degraded", "繁體中文"} <= set(everything)
    found = {i["label"]: i for i in signed_in.get("/find/items?q=failed today").json["items"]}
    assert list(found) == ["Failed today"]
    address = found["Failed today"]["href"]
    assert re.fullmatch(r"/logs\?status=failed&from=\d{4}-\d\d-\d\d", address)
    for item in signed_in.get("/find/items").json["items"]:
        if item["href"]:
            assert signed_in.get(item["href"]).status_code == 200, item
        else:
            token = csrf_of(signed_in, "/health")
            fields = {**item["fields"], "csrf_token": token, "next": "/health"}
            assert signed_in.post(item["post"], data=fields).location == "/health"
    # By its English name too, whatever the language is by now.
    signed_in.set_cookie("locale", "zh_Hans")
    assert signed_in.get("/find/items?q=dark").json["items"][0]["fields"] == {"theme": "dark"}


@pytest.mark.parametrize("text", ["x" * 5000, "\x00\ud800", "%", "_", "' OR 1=1 --", "run ", "🙂"])
def test_whatever_is_typed(signed_in: FlaskClient, task, text: str) -> None:
    task()
    query = {"q": text.encode("utf-8", "surrogatepass")}
    assert signed_in.get("/find/items", query_string=query).status_code == 200
    assert signed_in.get("/find", query_string=query).status_code == 200


def test_the_page_does_the_same_by_links_and_buttons(signed_in: FlaskClient, task) -> None:
    one = task(name="<b>Bold</b>")
    text = signed_in.get("/find?q=bold").text
    assert "&lt;b&gt;Bold&lt;/b&gt;" in text and "<b>Bold" not in text
    assert f'action="/tasks/{one}/run"' in text and f'href="/tasks/{one}/edit"' in text
    assert "Nothing fits" in signed_in.get("/find?q=zzz").text
    for target, leads in (("/logs?page=2", "/logs?page=2"), ("//evil.test", "/")):
        page = signed_in.get("/find", query_string={"next": target}).text
        assert set(re.findall(r'name="next" value="([^"]*)"', page)) >= {leads}
        assert 'value="//evil' not in page
    answer = signed_in.post(
        f"/tasks/{one}/run",
        data={"csrf_token": csrf_of(signed_in, "/find"), "next": f"/tasks/{one}/logs"},
    )
    assert answer.location == f"/tasks/{one}/logs"


def test_ten_thousand_tasks(in_app: Flask, ports, task) -> None:
    """A bounded answer, in little time: 5 to 10 ms on one core here."""
    stored = db.session.get_one(Task, task(name="Number zero"))
    columns = {c.key: getattr(stored, c.key) for c in inspect(Task).column_attrs if c.key != "id"}
    with write_transaction() as session:
        rows = [{**columns, "name": f"Number {n}", "secret_id": f"s{n}"} for n in range(10_000)]
        session.execute(insert(Task), rows)
    for text in ("number", "9999", "nothing like it", "1 2 3 4"):
        best = min(_seconds(text) for _ in range(5))
        assert best < 0.1, (text, best)
    assert len(tasks_named("number", 8)) == 8
    assert [t.name for t in tasks_named("9999", 8)] == ["Number 9999"]


def _seconds(text: str) -> float:
    begin = time.perf_counter()
    tasks_named(text, 8)
    return time.perf_counter() - begin


def test_keys_are_switched_off_and_on(signed_in: FlaskClient) -> None:
    assert " data-shortcuts" in signed_in.get("/health").text
    assert "kbd" in signed_in.get("/shortcuts").text
    for value, there in (("off", False), ("perhaps", False), ("on", True)):
        token = csrf_of(signed_in, "/health")
        data = {"shortcuts": value, "csrf_token": token, "next": "/shortcuts"}
        assert signed_in.post("/shortcuts", data=data).location == "/shortcuts"
        assert (" data-shortcuts" in signed_in.get("/health").text) is there
