"""The task form's fields for what the texts can name, and the preview of what would be sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from autoai.extensions import db
from autoai.models import Task
from autoai.runtime import runtime
from autoai.services.prompt_secrets import open_secrets

from ..fakes import START, ScriptedProvider, completion
from ..ticks import tick
from .conftest import form_values
from .test_task_answers import newest, sent_back

SECRET = "0123456789-very-secret"
Post = Callable[..., Any]


def typed(**more: Any) -> dict[str, Any]:
    return form_values(
        **{
            "message_content": "{{ city }} {{ secrets.PIN }}",
            "language": "zh_Hant",
            "variables-0-name": " city ",
            "variables-0-value": "台北\r\n市",
            "variables-1-name": "",
            "variables-1-value": "",
            "secrets-0-name": "PIN",
            "secrets-0-value": SECRET,
            "conversation_turns": "3",
            "conversation_tokens": "2000",
            **more,
        }
    )


def secrets_of(app: Flask, task: Task) -> dict[str, str]:
    with app.app_context():
        return open_secrets(runtime(app).ports, db.session.get_one(Task, task.id))


def test_every_field_goes_in_and_comes_back(app: Flask, signed_in: FlaskClient, post: Post) -> None:
    assert post("/tasks/new", **typed()).status_code == 303
    made = newest(app)
    expected = {
        "language": "zh_Hant",
        "variables": {"city": "台北\n市"},
        "conversation_turns": 3,
        "conversation_tokens": 2_000,
        "dynamic": True,
    }
    assert {name: getattr(made, name) for name in expected} == expected
    assert secrets_of(app, made) == {"PIN": SECRET}

    page = signed_in.get(f"/tasks/{made.id}/edit").text
    assert SECRET not in page and 'placeholder="012…cret"' in page
    assert "1 variable, 1 secret, 3 earlier runs are sent" in page, "what is set is said"
    assert "Start a new conversation" in page
    assert post(f"/tasks/{made.id}/edit", **sent_back(page)).status_code == 303
    again = newest(app)
    assert {name: getattr(again, name) for name in expected} == expected
    assert secrets_of(app, again) == {"PIN": SECRET}


def test_a_new_task_has_none_of_it(signed_in: FlaskClient) -> None:
    page = signed_in.get("/tasks/new").text
    assert not re.search(r'<details[^>]*id="prompt" open', page)
    assert "{{ last.response }}" in page, "the names that there are"
    assert "Start a new conversation" not in page
    chosen = re.search(r'<option value="(\w+)" selected>繁體中文', signed_in.get(
        "/tasks/new", headers={"Accept-Language": "zh-TW"}
    ).text)  # fmt: skip
    assert chosen and chosen[1] == "zh_Hant"


def test_secrets_change_and_go(app: Flask, post: Post) -> None:
    post("/tasks/new", **typed())
    task = newest(app)
    changed = typed(
        **{"secrets-0-value": "another-secret", "secrets-1-name": "B", "secrets-1-value": "b"}
    )
    assert post(f"/tasks/{task.id}/edit", **changed).status_code == 303
    assert secrets_of(app, task) == {"PIN": "another-secret", "B": "b"}
    gone = typed(**{"message_content": "Hi", "secrets-0-name": "", "secrets-0-value": ""})
    assert post(f"/tasks/{task.id}/edit", **gone).status_code == 303
    assert secrets_of(app, task) == {}


def test_what_is_wrong_stands_beside_its_field(post: Post) -> None:
    page = post("/tasks/new", htmx=True, **typed(message_content="a\n{{ citty }}"))
    assert page.status_code == 422 and "Line 2: There is no “citty”." in page.text
    assert SECRET not in page.text
    twice = post("/tasks/new", **typed(**{"variables-1-name": "city", "variables-1-value": "x"}))
    assert twice.status_code == 422 and "“city” is there twice." in twice.text
    nameless = post("/tasks/new", **typed(**{"secrets-1-value": "x"}))
    assert nameless.status_code == 422 and "A name has up to 50 letters" in nameless.text


class TestPreview:
    def test_a_part_for_htmx_and_a_page_without(self, app: Flask, post: Post) -> None:
        values = typed(preview="prompt", system_message="{{ date }}", name="", api_endpoint="")
        part = post("/tasks/new", htmx=True, **values)
        assert part.status_code == 200 and part.text.lstrip().startswith('<div class="rendered"')
        for words in ("2026年3月2日", "台北\n市 [secret: PIN]", "tokens.", "Nothing was sent."):
            assert words in part.text
        assert SECRET not in part.text
        page = post("/tasks/new", **values)
        assert page.status_code == 200 and "[secret: PIN]" in page.text and "<form id=" in page.text
        with app.app_context():
            assert db.session.query(Task).count() == 0

    def test_what_is_wrong(self, post: Post) -> None:
        part = post("/tasks/new", htmx=True, **typed(preview="prompt", message_content="{% if %}"))
        assert part.status_code == 422
        assert (
            "<strong>Message</strong> Line 1: The template is not written correctly." in part.text
        )
        page = post("/tasks/new", **typed(preview="prompt", message_content="{% if %}"))
        assert page.status_code == 422 and 'id="message_content-error"' in page.text

    def test_of_a_task_that_ran(
        self, signed_in: FlaskClient, post: Post, task: Callable[..., int], run: Callable[..., int]
    ) -> None:
        made = task(secrets={"PIN": SECRET})
        asked = [{"role": "user", "content": "Q?"}]
        run(made, START, texts={"request_messages": asked, "response_text": "<b>A!</b>"})
        values = typed(preview="prompt", message_content="{{ last.response }} {{ secrets.PIN }}")
        part = post(f"/tasks/{made}/edit", htmx=True, **{**values, "secrets-0-value": ""})
        assert part.status_code == 200
        assert "&lt;b&gt;A!&lt;/b&gt; [secret: PIN]" in part.text and "Q?" in part.text
        assert "1 earlier run goes along." in part.text


def test_a_conversation_is_told_and_begins_anew(
    app: Flask, signed_in: FlaskClient, post: Post, task: Callable[..., int]
) -> None:
    made = task(conversation_turns=2)
    for _ in range(2):
        post(f"/tasks/{made}/run")
        tick(app, ScriptedProvider(completion("Nothing.")))
    assert "Earlier runs that went along" in signed_in.get("/logs/2").text
    said = post(f"/tasks/{made}/conversation/reset", htmx=True)
    assert said.status_code == 200 and "begins a new conversation" in said.text
    assert post(f"/tasks/{made}/conversation/reset").headers["Location"] == f"/tasks/{made}/edit"
    with app.app_context():
        assert db.session.get_one(Task, made).conversation_after == 2
    assert post("/tasks/99/conversation/reset").status_code == 404
