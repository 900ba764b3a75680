"""The task form's fields for where to ask, and how to answer."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import Task
from autoai.runtime import runtime
from autoai.web.tasks.answer_fields import stop_lines, stop_texts

from ..factories import KEY, make_account
from ..wire import Wire, http, wire
from .conftest import form_values

SCHEMA = {"type": "object", "properties": {"标题": {"type": "string"}}}
MODELS = http({"object": "list", "data": [{"id": "m-1"}, {"id": "m-2"}]})


@pytest.fixture
def account(app: Flask) -> Callable[..., int]:
    def make(**changes: Any) -> int:
        with app.app_context():
            try:
                return make_account(runtime(app).ports, **changes).id
            finally:
                db.session.remove()

    return make


@pytest.fixture
def upstream() -> Iterator[Wire]:
    with wire(MODELS) as server:
        yield server


def newest(app: Flask) -> Task:
    with app.app_context():
        return db.session.query(Task).order_by(Task.id.desc()).first()


def sent_back(text: str) -> dict[str, Any]:
    """What a browser would send if the form were saved as it is shown."""
    form = text[text.index('<form id="form"') :]
    form = form[: form.index("</form>")]
    found: dict[str, Any] = {}
    for field in re.findall(r"<input[^>]*>", form):
        values = {n: html.unescape(v) for n, v in re.findall(r'(\w[\w-]*)="([^"]*)"', field)}
        name, kind = values.get("name"), values.get("type", "text")
        if not name or (kind in ("checkbox", "radio") and " checked" not in field):
            continue
        found.setdefault(name, []).append(values.get("value", "on"))
    for name, body in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.S):
        found[name] = html.unescape(re.sub(r"^\r?\n", "", body))
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)"[^>]* selected', body)
        found[name] = chosen[1] if chosen else re.search(r'value="([^"]*)"', body)[1]  # type: ignore[index]
    found.pop("csrf_token", None)
    return found


def test_every_field_goes_in_and_comes_back(app: Flask, signed_in: FlaskClient, post) -> None:
    typed = form_values(
        provider="anthropic",
        temperature="0.7",
        max_tokens="500",
        response_format="json_schema",
        response_schema='{"type": "object",\r\n "properties": {"标题": {"type": "string"}}}',
        seed="-5",
        stop="END\r\n\\n\\n##\r\n\r\n  two blanks",
        extra_body='{"top_p": 0.9, "deep": {"er": [1]}}',
        stream="y",
        **{
            "messages-0-role": "user",
            "messages-0-content": "One\r\nline",
            "messages-1-role": "assistant",
            "messages-1-content": "  Two",
            "messages-2-role": "user",
            "messages-2-content": "   ",
        },
    )
    assert post("/tasks/new", **typed).status_code == 303
    expected = {
        "provider": "anthropic",
        "account_id": None,
        "temperature": 0.7,
        "max_tokens": 500,
        "response_format": "json_schema",
        "response_schema": SCHEMA,
        "seed": -5,
        "stop": ["END", "\n\n##", "  two blanks"],
        "extra_body": {"top_p": 0.9, "deep": {"er": [1]}},
        "stream": True,
        "messages": [
            {"role": "user", "content": "One\nline"},
            {"role": "assistant", "content": "  Two"},
        ],
    }
    made = newest(app)
    assert {name: getattr(made, name) for name in expected} == expected
    page = signed_in.get(f"/tasks/{made.id}/edit").text
    said = "2 earlier messages, temperature 0.7, at most 500 tokens, JSON schema, seed -5, "
    assert said + "3 stop texts, 2 more fields" in page, "what is set is said"
    assert post(f"/tasks/{made.id}/edit", **sent_back(page)).status_code == 303
    again = newest(app)
    assert {name: getattr(again, name) for name in expected} == expected


def test_a_task_without_any_of_it(app: Flask, signed_in: FlaskClient, post) -> None:
    page = signed_in.get("/tasks/new").text
    assert not re.search(r'<details[^>]*id="answer" open', page)
    values = {**sent_back(page), "name": "Plain", "message_content": "Hi"}
    values |= {"api_endpoint": "http://127.0.0.1:9/v1", "model": "m-1"}
    assert post("/tasks/new", **values).status_code == 303
    made = newest(app)
    assert (made.response_format, made.stream, made.provider) == ("text", True, "openai")
    empty = ("messages", "temperature", "max_tokens", "response_schema", "seed", "stop")
    assert [getattr(made, name) for name in (*empty, "extra_body")] == [None] * 7


WRONG = [
    ("provider", "telegraph", "Choose one of"),
    ("temperature", "0,7", "Write it with a point: 0.7."),
    ("temperature", "0，7", "Write it with a point: 0.7."),
    ("temperature", "warm", "A number from 0 to 2."),
    ("temperature", "2.1", "A number from 0 to 2."),
    ("temperature", "-0.1", "A number from 0 to 2."),
    ("temperature", "1e400", "A number from 0 to 2."),
    ("temperature", "nan", "A number from 0 to 2."),
    ("max_tokens", "0", "A whole number from 1"),
    ("max_tokens", "1.5", "A whole number from 1"),
    ("seed", "nine", "A whole number from -"),
    ("seed", "9" * 19, "A whole number from -"),
    ("stop", "\r\n".join("x" * 17), "At most 16 texts"),
    ("stop", "x" * 201, "At most 16 texts"),
    ("extra_body", '{"a": 1,\r\n "b": }', "look at line 2, character 7."),
    ("extra_body", "[1]", "This must be a JSON object."),
    ("extra_body", "null", "This must be a JSON object."),
    ("extra_body", "[" * 50_000, "This must be a JSON object."),
    ("extra_body", '{"a": ' + "9" * 5_000 + "}", "This must be a JSON object."),
    ("extra_body", '{"a": NaN}', "JSON does not have"),
    ("extra_body", '{"a": "\\u0000"}', "cannot be stored"),
    ("extra_body", '{"a": ' * 25 + "1" + "}" * 25, "levels deep"),
    ("response_schema", "{not json", "look at line 1, character 2."),
    ("account_id", "7", "There is no such account."),
    ("account_id", "x", "There is no such account."),
    ("account_id", "9" * 30, "There is no such account."),
    ("messages-0-role", "system", "Each message needs a role"),
]


@pytest.mark.parametrize(("field", "value", "complaint"), WRONG)
def test_what_is_wrong_is_said_and_stays(
    app: Flask, post, field: str, value: str, complaint: str
) -> None:
    typed = form_values(
        response_format="json", **{"messages-0-role": "user", "messages-0-content": "Before"}
    )
    answer = post("/tasks/new", **{**typed, field: value})
    assert answer.status_code == 422 and complaint in answer.text
    own = field.partition("-")[0]
    assert f'id="{own}-error"' in answer.text
    if own != "account_id" and own != "provider":
        assert re.search(r'<details[^>]*id="answer" open', answer.text)
    shown = sent_back(answer.text)
    if own not in ("provider", "account_id", "messages"):
        assert shown[field] in (value, [value])
    assert shown["messages-0-content"] == "Before" and shown["messages-1-content"] == ""
    assert shown["response_format"] == ["json"]
    with app.app_context():
        assert db.session.query(Task).count() == 0


def test_a_schema_is_needed_where_it_is_chosen(post) -> None:
    answer = post("/tasks/new", **form_values(response_format="json_schema"))
    assert answer.status_code == 422 and 'id="response_schema-error"' in answer.text


def test_stop_texts_survive_the_way_through_the_form() -> None:
    for texts in (["a", "b"], ["\n", "\r\n\t"], [" ", "   "], ["\\n", "a\\"], [" x ", "\\s"]):
        assert stop_texts(stop_lines(texts)) == texts


class TestAccounts:
    def test_a_task_asks_through_an_account(
        self, app: Flask, signed_in: FlaskClient, post, account
    ) -> None:
        account_id = account(name="Work")
        page = signed_in.get(f"/tasks/new?account_id={account_id}").text
        assert sent_back(page)["account_id"] == str(account_id)
        assert re.search(r'id="model"[^>]*placeholder="m-1"', page)
        values = form_values(account_id=str(account_id), model="", api_key=KEY)
        assert post("/tasks/new", **values).status_code == 303
        made = newest(app)
        assert (made.account_id, made.model, made.api_endpoint) == (account_id, None, None)
        assert made.api_key_encrypted is None, "what belongs to the other choice does not count"
        page = signed_in.get(f"/tasks/{made.id}/edit").text
        values = {**sent_back(page), "name": "Renamed"}
        assert post(f"/tasks/{made.id}/edit", **values).status_code == 303
        after = newest(app)
        assert (after.name, after.account_id, after.model) == ("Renamed", account_id, None)

    def test_back_to_an_endpoint_of_its_own(self, app: Flask, post, account, task) -> None:
        task_id = task(account_id=account(), api_endpoint=...)
        values = form_values(account_id="", api_key=KEY)
        assert post(f"/tasks/{task_id}/edit", **values).status_code == 303
        after = newest(app)
        assert (after.account_id, after.api_endpoint) == (None, "http://127.0.0.1:9/v1")
        assert after.api_key_encrypted

    def test_an_account_without_a_default_model_needs_one(self, post, account) -> None:
        values = form_values(account_id=str(account(default_model=None)), model="")
        answer = post("/tasks/new", **values)
        assert answer.status_code == 422 and 'id="model-error"' in answer.text

    def test_without_accounts_there_is_no_choice(self, signed_in: FlaskClient) -> None:
        text = signed_in.get("/tasks/new").text
        assert 'name="account_id"' not in text and 'href="/accounts/new"' in text


class TestFetching:
    def test_of_the_endpoint_that_is_typed(self, app: Flask, post, upstream: Wire) -> None:
        typed = form_values(fetch="models", api_endpoint=upstream.base_url, api_key=KEY, name="")
        part = post("/tasks/new", htmx=True, **typed)
        assert part.status_code == 200 and '<option value="m-2">' in part.text
        assert upstream.heads[0]["authorization"] == f"Bearer {KEY}"
        page = post("/tasks/new", **typed)
        assert sent_back(page.text)["message_content"] == "What is new?"
        assert newest(app) is None

    def test_of_an_account(self, post, account, upstream: Wire) -> None:
        account_id = account(api_endpoint=upstream.base_url)
        typed = form_values(fetch="models", account_id=str(account_id), api_endpoint="")
        assert "2 models found" in post("/tasks/new", htmx=True, **typed).text
        assert upstream.heads[0]["authorization"] == f"Bearer {KEY}"
        typed["account_id"] = "77"
        answer = post("/tasks/new", htmx=True, **typed)
        assert answer.status_code == 422 and "There is no such account." in answer.text

    def test_the_stored_key_stays_with_its_host(self, post, task, upstream: Wire) -> None:
        task_id = task(api_endpoint=upstream.base_url, api_key=KEY)
        path = f"/tasks/{task_id}/edit"
        typed = form_values(fetch="models", api_endpoint=upstream.base_url)
        post(path, htmx=True, **typed)
        assert upstream.heads[0]["authorization"] == f"Bearer {KEY}"
        with wire(MODELS) as other:
            post(path, htmx=True, **{**typed, "api_endpoint": other.base_url})
            assert "authorization" not in other.heads[0]
