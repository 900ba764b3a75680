"""Variables, secrets, conversations and the preview of a prompt, as a program sees them."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

from tests.factories import task_values
from tests.fakes import ScriptedProvider, completion
from tests.ticks import tick

SECRET = "0123456789-very-secret"
SHOWN = "012…cret"


def test_what_a_task_answers(api: FlaskClient) -> None:
    sent = task_values(
        language="zh_Hans",
        variables={"city": "上海"},
        secrets={"PIN": SECRET},
        conversation_turns=3,
        conversation_tokens=500,
        message_content="{{ city }} {{ secrets.PIN }}",
    )
    made = api.post("/api/tasks", json=sent)
    assert made.status_code == 201 and SECRET not in made.text
    task = made.json
    told = {name: task[name] for name in sent if name.startswith(("lang", "var", "conv"))}
    assert told == {name: sent[name] for name in told} and len(told) == 4
    assert task["secrets"] == {"PIN": SHOWN}
    assert api.get("/api/tasks").json["items"] == [task]

    path = f"/api/tasks/{task['id']}"
    again = api.put(path, json={**task, "language": "en"})
    assert again.status_code == 200 and again.json["secrets"] == {"PIN": SHOWN}
    plain = api.put(path, json=task_values(message_content="Hi", secrets={}))
    assert plain.status_code == 200
    assert (plain.json["variables"], plain.json["secrets"]) == ({}, {})
    assert (plain.json["language"], plain.json["conversation_turns"]) == ("en", 0)


def test_what_is_wrong_with_a_task(api: FlaskClient) -> None:
    wrong = api.post(
        "/api/tasks", json=task_values(message_content="{{ citty }}", variables={"if": "x"})
    )
    assert wrong.status_code == 422 and set(wrong.json["errors"]) == {
        "message_content",
        "variables",
    }
    for body in ({"variables": []}, {"secrets": "x"}, {"conversation_turns": "3"}):
        assert api.post("/api/tasks", json=task_values(**body)).status_code == 422


def test_a_preview_sends_nothing(app: Flask, api: FlaskClient) -> None:
    answer = api.post(
        "/api/prompts/preview",
        json={
            "system_message": "{{ date }}",
            "message_content": "{{ city }} {{ secrets.PIN }} {{ now | date: '%H:%M' }}",
            "variables": {"city": "上海"},
            "secrets": {"PIN": SECRET},
            "language": "zh_Hans",
            "timezone": "Asia/Shanghai",
        },
    )
    assert answer.status_code == 200 and SECRET not in answer.text
    assert answer.json == {
        "messages": [
            {"role": "system", "content": "2026年3月2日"},
            {"role": "user", "content": "上海 [secret: PIN] 20:00"},
        ],
        "tokens": 11,
        "turns_sent": None,
        "turns_cut": None,
    }
    wrong = api.post("/api/prompts/preview", json={"message_content": "a\n{{ x"})
    assert wrong.status_code == 422
    assert wrong.json["errors"] == {
        "message_content": ["Line 2: The template is not written correctly."]
    }
    assert api.post("/api/prompts/preview", json={"model": "x"}).status_code == 422


def test_a_run_tells_what_went_along(app: Flask, api: FlaskClient) -> None:
    task = api.post("/api/tasks", json=task_values(conversation_turns=2)).json["id"]
    for _ in range(2):
        run = api.post(f"/api/tasks/{task}/run").json
        tick(app, ScriptedProvider(completion("Nothing.")))
    told = api.get(f"/api/logs/{run['id']}").json
    assert (told["prompt_version"], told["turns_sent"], told["turns_cut"]) == (1, 1, 0)
    assert [m["content"] for m in told["request_messages"]] == [
        "What is new?", "Nothing.", "What is new?",
    ]  # fmt: skip

    reset = api.post(f"/api/tasks/{task}/conversation/reset")
    assert reset.status_code == 200 and reset.json["id"] == task
    run = api.post(f"/api/tasks/{task}/run").json
    tick(app)
    assert api.get(f"/api/logs/{run['id']}").json["turns_sent"] == 0
    assert api.post("/api/tasks/99/conversation/reset").status_code == 404


def test_what_had_secrets_cannot_be_sent_again(app: Flask, api: FlaskClient) -> None:
    values = task_values(message_content="{{ secrets.PIN }}", secrets={"PIN": SECRET})
    task = api.post("/api/tasks", json=values).json["id"]
    run = api.post(f"/api/tasks/{task}/run").json["id"]
    tick(app)
    path = f"/api/logs/{run}/retry"
    assert api.post(path, json={"same_input": True}).status_code == 409
    assert api.post(path, json={}).status_code == 202


def test_a_task_that_is_sent_back_unchanged_keeps_its_draft(api: FlaskClient) -> None:
    task = api.post("/api/tasks", json=task_values()).get_json()
    where = f"/api/tasks/{task['id']}"
    api.post(f"{where}/prompts", json={"message_content": "Draft"})
    versions = api.get(f"{where}/prompts").get_json()
    assert api.put(where, json=api.get(where).get_json()).status_code == 200
    assert api.get(f"{where}/prompts").get_json() == versions
