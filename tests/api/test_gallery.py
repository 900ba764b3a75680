"""/api/gallery: the prompts to begin a task with, and a person's own."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from tests.factories import task_values

FIELDS = {
    "id", "own", "name", "description", "category", "icon", "system_message", "messages",
    "message_content", "variables", "task", "created_at", "updated_at",
}  # fmt: skip
OWN = {"name": "Mine", "message_content": "About {{ topic }}", "variables": {"topic": "tea"}}


def test_they_come_in_the_reader_s_language(api: FlaskClient) -> None:
    answer = api.get("/api/gallery")
    assert answer.status_code == 200 and len(answer.json["items"]) >= 10
    first = answer.json["items"][0]
    assert set(first) == FIELDS and first["id"] == "daily-digest" and first["own"] is False
    for tag, name in (("en", "Daily digest"), ("zh-CN", "每日摘要"), ("zh-TW", "每日摘要")):
        found = api.get("/api/gallery/daily-digest", headers={"Accept-Language": tag}).json
        assert found["name"] == name
    assert found["task"]["language"] == "zh_Hant"


def test_each_of_them_can_be_sent_as_a_task(api: FlaskClient) -> None:
    for item in api.get("/api/gallery").json["items"]:
        where = {"api_endpoint": "http://127.0.0.1:9/v1", "model": "m-1"}
        made = api.post("/api/tasks", json={**item["task"], **where})
        assert made.status_code == 201, (item["id"], made.text)
        assert made.json["variables"] or not item["variables"]


def test_one_s_own_is_made_changed_and_deleted(api: FlaskClient) -> None:
    made = api.post("/api/gallery", json=OWN)
    assert made.status_code == 201
    path = made.headers["Location"]
    assert path == f"/api/gallery/{made.json['id']}" and made.json["own"] is True
    assert made.json["created_at"] and made.json["category"] is None
    assert api.get("/api/gallery").json["items"][0] == made.json

    sent_back: dict[str, Any] = {**made.json, "name": "Renamed", "description": "Good for tea"}
    changed = api.put(path, json=sent_back)
    assert changed.status_code == 200, changed.text
    assert (changed.json["name"], changed.json["description"]) == ("Renamed", "Good for tea")
    assert changed.json["variables"] == {"topic": "tea"}

    assert api.delete(path).status_code == 204
    for gone in (api.get(path), api.put(path, json=OWN), api.delete(path)):
        assert gone.status_code == 404


def test_a_task_is_kept(api: FlaskClient) -> None:
    task = api.post("/api/tasks", json=task_values(system_message="Be brief")).json
    kept = api.post("/api/gallery", json={"task_id": task["id"]})
    assert kept.status_code == 201
    assert (kept.json["name"], kept.json["system_message"]) == ("Morning news", "Be brief")
    other = api.post("/api/gallery", json={"task_id": task["id"], "name": "Other"})
    assert (other.json["name"], other.json["message_content"]) == ("Other", "What is new?")
    assert api.post("/api/gallery", json={"task_id": 99}).status_code == 404


def test_what_is_refused(api: FlaskClient) -> None:
    for body, field in (
        ({}, "name"),
        ({**OWN, "name": 5}, "name"),
        ({**OWN, "message_content": ""}, "message_content"),
        ({**OWN, "variables": {"a b": "x"}}, "variables"),
        ({**OWN, "variables": {"a": 5}}, "variables"),
        ({**OWN, "schedule_type": "manual"}, "schedule_type"),
    ):
        answer = api.post("/api/gallery", json=body)
        assert answer.status_code == 422 and field in answer.json["errors"], body
    for path in ("/api/gallery/nothing", "/api/gallery/own-99", "/api/gallery/own-x"):
        assert api.get(path).status_code == 404
    assert api.delete("/api/gallery/daily-digest").status_code == 405
