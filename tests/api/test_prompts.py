"""/api/tasks/{id}/prompts: the versions of a task's texts, as a program sees them."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.factories import task_values
from tests.fakes import START, FakeClock

FIELDS = {
    "number", "system_message", "messages", "message_content", "created_at", "published_at",
    "restored_from", "live", "draft",
}  # fmt: skip
NOW = START.isoformat().replace("+00:00", "Z")


@pytest.fixture
def path(api: FlaskClient) -> str:
    """A task's prompts."""
    made = api.post("/api/tasks", json=task_values(system_message="Be kind"))
    return f"/api/tasks/{made.json['id']}/prompts"


def task_of(api: FlaskClient, path: str) -> dict[str, Any]:
    return dict(api.get(path.removesuffix("/prompts")).json)


def change(api: FlaskClient, path: str, **fields: Any) -> None:
    answer = api.patch(path.removesuffix("/prompts"), json=fields)
    assert answer.status_code == 200, answer.text


def test_a_task_says_which_version_is_live(api: FlaskClient, path: str) -> None:
    assert task_of(api, path)["prompt_version"] == 1
    change(api, path, message_content="Second", prompt_version=77)
    assert task_of(api, path)["prompt_version"] == 2
    whole = task_of(api, path)
    whole["message_content"] = "Third"
    answer = api.put(path.removesuffix("/prompts"), json=whole)
    assert answer.status_code == 200 and answer.json["prompt_version"] == 3


def test_they_are_listed_newest_first(api: FlaskClient, path: str, clock: FakeClock) -> None:
    for text in ("Second", "Third"):
        change(api, path, message_content=text)
    answer = api.get(path).json
    assert [item["number"] for item in answer["items"]] == [3, 2, 1]
    assert answer["next_cursor"] is None
    assert set(answer["items"][0]) == FIELDS
    assert answer["items"][2] == {
        "number": 1,
        "system_message": "Be kind",
        "messages": None,
        "message_content": "What is new?",
        "created_at": NOW,
        "published_at": NOW,
        "restored_from": None,
        "live": False,
        "draft": False,
    }
    first = api.get(f"{path}?limit=2").json
    assert [item["number"] for item in first["items"]] == [3, 2]
    rest = api.get(f"{path}?limit=2&cursor={first['next_cursor']}").json
    assert [item["number"] for item in rest["items"]] == [1]
    assert api.get(f"{path}/2").json["message_content"] == "Second"


def test_a_draft_is_made_changed_and_published(api: FlaskClient, path: str) -> None:
    made = api.post(path, json={"message_content": "Draft"})
    assert made.status_code == 201 and made.headers["Location"] == f"{path}/2"
    assert made.json["draft"] is True and made.json["live"] is False
    assert (made.json["system_message"], made.json["published_at"]) == ("Be kind", None)
    changed = api.post(path, json={"system_message": None})
    assert changed.status_code == 200
    assert (changed.json["number"], changed.json["message_content"]) == (2, "Draft")
    assert changed.json["system_message"] is None
    assert task_of(api, path)["message_content"] == "What is new?"

    published = api.post(f"{path}/publish")
    assert published.status_code == 200
    assert published.json["number"] == 2 and published.json["live"] is True
    task = task_of(api, path)
    assert (task["message_content"], task["system_message"]) == ("Draft", None)
    assert task["prompt_version"] == 2


def test_a_draft_is_discarded(api: FlaskClient, path: str) -> None:
    api.post(path, json={"message_content": "Draft"})
    assert api.delete(f"{path}/draft").status_code == 204
    assert [item["number"] for item in api.get(path).json["items"]] == [1]
    for answer in (api.delete(f"{path}/draft"), api.post(f"{path}/publish")):
        assert answer.status_code == 409 and answer.json["detail"]


def test_an_old_version_is_restored(api: FlaskClient, path: str) -> None:
    change(api, path, message_content="Second")
    answer = api.post(f"{path}/1/restore")
    assert answer.status_code == 200
    assert (answer.json["number"], answer.json["restored_from"]) == (3, 1)
    assert answer.json["live"] is True
    assert task_of(api, path)["message_content"] == "What is new?"


def test_two_versions_are_compared(api: FlaskClient, path: str) -> None:
    talk = [{"role": "user", "content": "Hi"}]
    change(api, path, message_content="What is old?\nTell me.", messages=talk)
    answer = api.get(f"{path}/compare?a=1&b=2")
    assert answer.status_code == 200
    assert (answer.json["a"], answer.json["b"], answer.json["same"]) == (1, 2, False)
    parts = {part["field"]: part for part in answer.json["parts"]}
    assert set(parts) == {"messages", "message_content"}
    changed, added = parts["message_content"]["rows"]
    assert changed["kind"] == "changed"
    marked = [piece["text"] for piece in changed["new"]["pieces"] if piece["marked"]]
    assert "".join(marked).strip() == "old"
    assert added == {
        "kind": "added",
        "old": None,
        "new": {"number": 2, "pieces": [{"text": "Tell me.", "marked": True}]},
    }
    assert api.get(f"{path}/compare?a=1&b=1").json["same"] is True


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 422),
        ("?a=1", 422),
        ("?a=x&b=1", 422),
        ("?a=1&b=99999999999999999999", 422),
        ("?a=1&b=9", 404),
    ],
)
def test_what_cannot_be_compared(api: FlaskClient, path: str, query: str, status: int) -> None:
    assert api.get(f"{path}/compare{query}").status_code == status


def test_what_is_refused(api: FlaskClient, path: str) -> None:
    answer = api.post(path, json={"message_content": "", "system_message": "x" * 100_001})
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == {"message_content", "system_message"}
    assert api.post(path, json={"name": "Other"}).json["errors"]["name"]
    assert api.post(path, json={"message_content": 5}).status_code == 422
    for missing in (
        api.get("/api/tasks/99/prompts"),
        api.post("/api/tasks/99/prompts", json={}),
        api.post("/api/tasks/99/prompts/publish"),
        api.delete("/api/tasks/99/prompts/draft"),
        api.post("/api/tasks/99/prompts/1/restore"),
        api.post(f"{path}/99/restore"),
        api.get(f"{path}/99"),
    ):
        assert missing.status_code == 404
