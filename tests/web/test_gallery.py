"""The gallery's pages, and the task form that begins with one of its prompts."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from autoai.extensions import db
from autoai.models import PromptTemplate, Task
from autoai.runtime import runtime
from autoai.services.gallery import get_template
from autoai.services.own_templates import create_own_template

from .conftest import form_values
from .test_task_answers import sent_back

Post = Callable[..., TestResponse]


@pytest.fixture
def own(app: Flask) -> int:
    """A template of one's own."""
    with app.app_context():
        values = {
            "name": "Mine <b>",
            "description": "What I ask often",
            "system_message": "Use {{ secrets.token }}",
            "messages": [{"role": "user", "content": "Hi"}],
            "message_content": "About {{ topic }}",
            "variables": {"topic": "green tea"},
        }
        made = create_own_template(runtime(app).ports, values).id
        db.session.remove()
    return made


def stored(app: Flask, template_id: int) -> PromptTemplate:
    with app.app_context():
        return db.session.get_one(PromptTemplate, template_id)


def test_all_of_them_as_cards(signed_in: FlaskClient, own: int) -> None:
    page = signed_in.get("/gallery").text
    assert page.count('href="/tasks/new?template=') >= 11
    mine, first = page.index(f'id="template-own-{own}"'), page.index('id="template-daily-digest"')
    assert mine < first and "Mine &lt;b&gt;" in page
    assert "every day at 07:30" in page
    assert 'aria-current="page"' in page[page.index('href="/gallery"') :][:60]


def test_in_the_reader_s_language(signed_in: FlaskClient) -> None:
    for tag, name in (("zh-CN", "网页总结"), ("zh-TW", "網頁摘要")):
        assert name in signed_in.get("/gallery", headers={"Accept-Language": tag}).text


def test_what_leads_there(signed_in: FlaskClient) -> None:
    for path in ("/", "/tasks/new"):
        assert 'href="/gallery"' in signed_in.get(path).text
    empty = signed_in.get("/").text
    assert empty.count('href="/gallery"') == 2, "in the navigation, and as a second choice"


def test_a_card_fills_the_form(signed_in: FlaskClient) -> None:
    page = signed_in.get("/tasks/new?template=price-watch").text
    assert "From the gallery: Price watch" in page
    form = sent_back(page)
    assert form["name"] == ["Price watch"]
    assert form["schedule_type"] == ["interval"] and form["interval_minutes"] == ["360"]
    assert form["response_format"] == ["json_schema"]
    assert form["catch_up"] == ["none"] and form["api_endpoint"] == [""]
    text = html.unescape(page)
    assert "{{ price_limit }}" in text and '"below_limit"' in text


def test_a_fixed_time_and_a_short_answer(signed_in: FlaskClient) -> None:
    form = sent_back(signed_in.get("/tasks/new?template=status-summary").text)
    assert form["schedule_type"] == ["fixed_time"] and form["fixed_time"] == ["17:00"]
    assert form["weekdays"] == ["mon", "tue", "wed", "thu", "fri"]
    ping = sent_back(signed_in.get("/tasks/new?template=keep-alive").text)
    assert ping["max_tokens"] == ["200"] and ping["temperature"] == ["0"]
    assert "stream" not in ping, "the box is empty"


def test_one_s_own_fills_the_form(signed_in: FlaskClient, own: int) -> None:
    page = html.unescape(signed_in.get(f"/tasks/new?template=own-{own}").text)
    assert "About {{ topic }}" in page and "Use {{ secrets.token }}" in page
    assert sent_back(page)["schedule_type"] == ["interval"]


def test_every_card_opens_and_nothing_else(signed_in: FlaskClient) -> None:
    for name in ("nothing", "own-99", "own-x", "..%2Fen", "x" * 3000):
        assert signed_in.get(f"/tasks/new?template={name}").status_code == 404
    assert signed_in.get("/tasks/new?template=").status_code == 200


def test_a_task_is_kept(
    app: Flask, signed_in: FlaskClient, post: Post, task: Callable[..., int]
) -> None:
    task_id = task(name="Good one", message_content="About tea")
    assert "Keep as a template" in signed_in.get(f"/tasks/{task_id}/prompts").text
    answer = post("/gallery/keep", task_id=str(task_id))
    assert answer.status_code == 303 and answer.location == "/gallery/own-1/edit"
    assert stored(app, 1).message_content == "About tea"
    assert 'value="Good one"' in signed_in.get(answer.location).text
    for wrong in ("99", "x", ""):
        assert post("/gallery/keep", task_id=wrong).status_code == 404


def test_one_s_own_is_changed(app: Flask, signed_in: FlaskClient, post: Post, own: int) -> None:
    path = f"/gallery/own-{own}/edit"
    page = html.unescape(signed_in.get(path).text)
    assert "green tea" in page and "What I ask often" in page
    answer = post(
        path,
        **{
            "name": "Renamed",
            "description": "",
            "system_message": "",
            "message_content": "About {{ a }} and\r\n{{ b }}",
            "variables-0-name": "a",
            "variables-0-value": "1",
            "variables-1-name": "b",
            "variables-1-value": "2\r\n3",
            "variables-2-name": "",
            "variables-2-value": "",
        },
    )
    assert answer.status_code == 303 and answer.location == "/gallery"
    row = stored(app, own)
    assert (row.name, row.description, row.messages) == ("Renamed", None, None)
    assert row.message_content == "About {{ a }} and\n{{ b }}"
    assert row.variables == {"a": "1", "b": "2\n3"}


def test_what_is_wrong_stands_beside_its_field(app: Flask, post: Post, own: int) -> None:
    path = f"/gallery/own-{own}/edit"
    twice = {f"variables-{n}-name": "a" for n in (0, 1)}
    answer = post(path, name="", message_content="x", **twice)
    assert answer.status_code == 422
    assert 'id="name-error"' in answer.text and "“a” is there twice." in answer.text
    assert stored(app, own).name == "Mine <b>"


def test_one_s_own_is_deleted(app: Flask, signed_in: FlaskClient, post: Post, own: int) -> None:
    path = f"/gallery/own-{own}/delete"
    assert "Tasks that began with it" in signed_in.get(path).text
    assert post(path).location == "/gallery"
    with app.app_context():
        assert db.session.scalars(select(PromptTemplate)).all() == []
    assert signed_in.get(path).status_code == 404


def test_without_javascript_from_card_to_task(
    app: Flask, signed_in: FlaskClient, post: Post
) -> None:
    page = signed_in.get("/tasks/new?template=vocabulary").text
    form = {name: values for name, values in sent_back(page).items() if name != "csrf_token"}
    where = form_values(api_endpoint="http://127.0.0.1:9/v1", model="m-1")
    answer = post("/tasks/new", **{**form, **{n: where[n] for n in ("api_endpoint", "model")}})
    assert answer.status_code == 303, answer.text
    with app.app_context():
        made = db.session.scalars(select(Task)).one()
        assert (made.name, made.fixed_times) == ("Vocabulary lesson", ["19:00"])
        assert (made.max_tokens, made.temperature, made.language) == (900, 0.7, "en")
        assert made.variables == dict(get_template("vocabulary", "en").variables)
        assert made.message_content == get_template("vocabulary", "en").fields["message_content"]
