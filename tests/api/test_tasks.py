"""/api/tasks, as a program sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.factories import KEY, MASK, task_values
from tests.fakes import FakeClock

HUGE = [str(2**63 - 1), str(2**63), str(10**20), "9" * 5_000]


def create(api: FlaskClient, **changes: Any) -> dict[str, Any]:
    answer = api.post("/api/tasks", json=task_values(**changes))
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def wrong_fields(answer: TestResponse) -> set[str]:
    assert answer.status_code == 422, answer.text
    assert isinstance(answer.json["detail"], str)
    for messages in answer.json["errors"].values():
        assert messages and all(isinstance(m, str) and m for m in messages)
    return set(answer.json["errors"])


def test_create_and_read(api: FlaskClient) -> None:
    answer = api.post("/api/tasks", json=task_values(api_key=KEY, interval_seconds=7_200))
    task = answer.json
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/tasks/{task['id']}"
    assert task["api_key"] == MASK and KEY not in answer.text
    assert task["schedule_description"] == "every 2 hours"
    assert (task["interval_seconds"], task["interval_minutes"]) == (7_200, 120)
    assert task["next_run_at"] == "2026-03-02T14:00:00Z"
    assert task["created_at"] == task["updated_at"] == "2026-03-02T12:00:00Z"
    assert task["last_run_at"] is None and task["last_status"] is None
    assert api.get(f"/api/tasks/{task['id']}").json == task


def test_the_language_of_the_reader(api: FlaskClient) -> None:
    task = create(api, interval_seconds=7_200)
    words = {
        language: api.get(f"/api/tasks/{task['id']}", headers={"Accept-Language": language}).json[
            "schedule_description"
        ]
        for language in ("en", "zh-CN", "zh-TW", "fr")
    }
    assert words == {
        "en": "every 2 hours",
        "zh-CN": "每2小时",
        "zh-TW": "每2小時",
        "fr": "every 2 hours",
    }


def test_what_is_answered_can_be_sent_back(api: FlaskClient) -> None:
    for changes in ({}, {"interval_seconds": 90}, {"api_key": KEY, "system_message": "x"}):
        task = create(api, **changes)
        answer = api.put(f"/api/tasks/{task['id']}", json=task)
        assert answer.status_code == 200, answer.text
        assert answer.json == task


def test_delete(api: FlaskClient) -> None:
    task = create(api)
    answer = api.delete(f"/api/tasks/{task['id']}")
    assert (answer.status_code, answer.data) == (204, b"")
    for call in (api.get, api.delete, api.put, api.patch):
        assert (
            call(
                f"/api/tasks/{task['id']}",
                **({} if call in (api.get, api.delete) else {"json": task_values()}),
            ).status_code
            == 404
        )


def test_duplicate(api: FlaskClient) -> None:
    task = create(api, api_key=KEY)
    answer = api.post(f"/api/tasks/{task['id']}/duplicate")
    assert answer.status_code == 201
    assert answer.json["name"] == "Morning news (copy)"
    assert answer.json["enabled"] is False and answer.json["api_key"] == MASK
    assert answer.headers["Location"] == f"/api/tasks/{answer.json['id']}"


class TestSchedules:
    @pytest.mark.parametrize(
        ("given", "seconds", "minutes"),
        [
            ({"interval_seconds": 1}, 1, None),
            ({"interval_minutes": 5}, 300, 5),
            ({"interval_hours": 2}, 7_200, 120),
            ({"interval_seconds": 300, "interval_minutes": 5}, 300, 5),
            ({"interval_seconds": 3_600, "interval_minutes": 60, "interval_hours": 1}, 3_600, 60),
            ({"interval_seconds": None, "interval_minutes": 5}, 300, 5),
        ],
    )
    def test_units(
        self, api: FlaskClient, given: dict[str, Any], seconds: int, minutes: int | None
    ) -> None:
        task = create(api, **{"interval_seconds": ..., **given})
        assert (task["interval_seconds"], task["interval_minutes"]) == (seconds, minutes)

    @pytest.mark.parametrize(
        ("given", "fields"),
        [
            ({}, {"interval_minutes"}),
            ({"interval_seconds": 0}, {"interval_seconds"}),
            ({"interval_minutes": -5}, {"interval_minutes"}),
            ({"interval_minutes": 10**12}, {"interval_minutes"}),
            ({"interval_seconds": 10**30}, {"interval_seconds"}),
            ({"interval_seconds": 1.5}, {"interval_seconds"}),
            ({"interval_seconds": "60"}, {"interval_seconds"}),
            ({"interval_seconds": True}, {"interval_seconds"}),
            (
                {"interval_seconds": 60, "interval_minutes": 2},
                {"interval_seconds", "interval_minutes"},
            ),
            ({"schedule_type": "cron"}, {"cron"}),
            ({"schedule_type": "sometimes"}, {"schedule_type"}),
            ({"schedule_type": None}, {"schedule_type"}),
            ({"schedule_type": "fixed_time"}, {"fixed_time"}),
            ({"schedule_type": "fixed_time", "fixed_time": "24:00"}, {"fixed_time"}),
            ({"schedule_type": "fixed_time", "fixed_time": "9:00"}, {"fixed_time"}),
            ({"schedule_type": "fixed_time", "fixed_time": "１２:00"}, {"fixed_time"}),
            ({"interval_seconds": 60, "timezone": "Mars/Olympus"}, {"timezone"}),
            ({"interval_seconds": 60, "timezone": "../etc/passwd"}, {"timezone"}),
            ({"interval_seconds": 60, "timezone": "UTC\x00"}, {"timezone"}),
        ],
    )
    def test_bad_ones(self, api: FlaskClient, given: dict[str, Any], fields: set[str]) -> None:
        values = task_values(**{"interval_seconds": ..., **given})
        assert wrong_fields(api.post("/api/tasks", json=values)) == fields

    def test_a_fixed_time(self, api: FlaskClient) -> None:
        fixed = {"schedule_type": "fixed_time", "fixed_time": "09:00", "interval_seconds": ...}
        task = create(api, timezone="Asia/Shanghai", **fixed)
        assert task["next_run_at"] == "2026-03-03T01:00:00Z"
        assert task["interval_seconds"] is None and task["interval_minutes"] is None
        path = f"/api/tasks/{task['id']}"
        assert api.get(path).json["schedule_description"] == "every day at 09:00"
        chinese = api.get(path, headers={"Accept-Language": "zh"}).json
        assert chinese["schedule_description"] == "每天09:00"

    def test_another_unit_replaces_the_stored_one(self, api: FlaskClient) -> None:
        task = create(api, interval_seconds=90)
        path = f"/api/tasks/{task['id']}"
        assert api.patch(path, json={"interval_minutes": 5}).json["interval_seconds"] == 300
        assert api.patch(path, json={"interval_hours": 1}).json["interval_seconds"] == 3_600
        assert api.patch(path, json={"name": "x"}).json["interval_seconds"] == 3_600


class TestPutAndPatch:
    def test_patch_keeps_what_is_absent(self, api: FlaskClient) -> None:
        task = create(api, api_key=KEY, max_attempts=7, retry_statuses=[503, 429])
        found = api.patch(f"/api/tasks/{task['id']}", json={"name": "new"}).json
        assert found == {**task, "name": "new"}
        assert found["retry_statuses"] == [429, 503]

    def test_put_needs_the_whole_task(self, api: FlaskClient) -> None:
        task = create(api, max_attempts=7)
        path = f"/api/tasks/{task['id']}"
        assert wrong_fields(api.put(path, json={"name": "new"})) >= {"model", "schedule_type"}
        assert api.put(path, json=task_values()).json["max_attempts"] == 3

    @pytest.mark.parametrize("method", ["put", "patch"])
    @pytest.mark.parametrize("key", [None, "", MASK])
    def test_the_key_stays(self, api: FlaskClient, method: str, key: str | None) -> None:
        task = create(api, api_key=KEY)
        values = task_values(api_key=key)
        answer = getattr(api, method)(f"/api/tasks/{task['id']}", json=values)
        assert answer.json["api_key"] == MASK

    def test_switching(self, api: FlaskClient, clock: FakeClock) -> None:
        path = f"/api/tasks/{create(api)['id']}"
        assert api.patch(path, json={"enabled": False}).json["next_run_at"] is None
        clock.step(600)
        again = api.patch(path, json={"enabled": True}).json
        assert again["next_run_at"] == "2026-03-02T12:11:00Z"
        assert again["updated_at"] == "2026-03-02T12:10:00Z"


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"name": ""}, {"name"}),
            ({"name": " \t"}, {"name"}),
            ({"name": "n" * 201}, {"name"}),
            ({"name": "two\nlines"}, {"name"}),
            ({"name": "nul\x00"}, {"name"}),
            ({"name": 5}, {"name"}),
            ({"name": None}, {"name"}),
            ({"name": ["x"]}, {"name"}),
            ({"message_content": "m" * 100_001}, {"message_content"}),
            ({"message_content": "\x00"}, {"message_content"}),
            ({"system_message": "\udfff"}, {"system_message"}),
            ({"message_content": ...}, {"message_content"}),
            ({"model": "m" * 201}, {"model"}),
            ({"api_endpoint": "ftp://a.b"}, {"api_endpoint"}),
            ({"api_endpoint": "a.b/v1"}, {"api_endpoint"}),
            ({"api_endpoint": "http://"}, {"api_endpoint"}),
            ({"api_endpoint": "http://a.b:99999"}, {"api_endpoint"}),
            ({"api_endpoint": "http://[::1"}, {"api_endpoint"}),
            ({"api_endpoint": "http://user:pass@a.b"}, {"api_endpoint"}),
            ({"api_endpoint": "http://a.b/" + "x" * 2_000}, {"api_endpoint"}),
            ({"api_endpoint": "file:///etc/passwd"}, {"api_endpoint"}),
            ({"api_key": "k" * 1_001}, {"api_key"}),
            ({"api_key": "new\nline"}, {"api_key"}),
            ({"api_key": "ключ-от-квартиры"}, {"api_key"}),
            ({"api_key": MASK}, {"api_key"}),
            ({"api_key": 5}, {"api_key"}),
            ({"timeout_seconds": 0}, {"timeout_seconds"}),
            ({"timeout_seconds": 3_601}, {"timeout_seconds"}),
            ({"timeout_seconds": 1e400}, {"timeout_seconds"}),
            ({"timeout_seconds": float("nan")}, {"timeout_seconds"}),
            ({"max_attempts": 11}, {"max_attempts"}),
            ({"max_attempts": "3"}, {"max_attempts"}),
            ({"retry_network": "yes"}, {"retry_network"}),
            ({"retry_network": 1}, {"retry_network"}),
            ({"retry_statuses": [404]}, {"retry_statuses"}),
            ({"retry_statuses": 429}, {"retry_statuses"}),
            ({"retry_statuses": [429.0]}, {"retry_statuses"}),
            ({"retry_statuses": [True]}, {"retry_statuses"}),
            ({"enabled": "false"}, {"enabled"}),
            ({"colour": "red"}, {"colour"}),
            ({"secret_id": "x"}, {"secret_id"}),
            ({"api_key_encrypted": "x"}, {"api_key_encrypted"}),
            ({"name": "", "model": "", "max_attempts": 0}, {"name", "model", "max_attempts"}),
        ],
    )
    def test_fields(self, api: FlaskClient, changes: dict[str, Any], fields: set[str]) -> None:
        body = json.dumps(task_values(**changes))
        answer = api.post("/api/tasks", data=body, content_type="application/json")
        assert wrong_fields(answer) == fields
        assert api.get("/api/tasks").json["items"] == []
        task = create(api)
        answer = api.put(f"/api/tasks/{task['id']}", data=body, content_type="application/json")
        # A mask that is nobody's is refused, the task's own keeps the key; this task has none.
        assert wrong_fields(answer) == fields

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"[]",
            b"null",
            b'"x"',
            b"5",
            b"NaN",
            b"\xff\xfe",
            b"\x00",
            b'{"name": "\xff"}',
            b"[" * 200_000,
            b'{"a":' * 100_000,
            b'{"interval_seconds": ' + b"9" * 5_000 + b"}",
        ],
    )
    def test_bodies(self, api: FlaskClient, body: bytes) -> None:
        for path in ("/api/tasks", f"/api/tasks/{create(api)['id']}"):
            call = api.post if path == "/api/tasks" else api.put
            assert call(path, data=body, content_type="application/json").status_code == 422

    def test_lone_surrogates_as_json_escapes_them(self, api: FlaskClient) -> None:
        for field in ("name", "model", "message_content", "system_message", "api_endpoint"):
            body = json.dumps(task_values(**{field: "http://a.b/\ud800"}))
            assert wrong_fields(api.post("/api/tasks", data=body)) == {field}
        answer = api.post("/api/tasks", data=b'{"\\ud800": 1}')
        assert answer.status_code == 422

    def test_a_body_of_more_than_a_mebibyte(self, api: FlaskClient) -> None:
        body = json.dumps(task_values(message_content="x" * 1024 * 1024))
        answer = api.post("/api/tasks", data=body, content_type="application/json")
        assert answer.status_code == 413
        assert isinstance(answer.json["detail"], str)

    def test_the_longest_that_is_allowed(self, api: FlaskClient) -> None:
        texts = {"message_content": "汉" * 100_000, "system_message": "😀" * 100_000}
        body = json.dumps(task_values(**texts), ensure_ascii=False)
        answer = api.post("/api/tasks", data=body, content_type="application/json")
        assert answer.status_code == 201, answer.text
        assert answer.json["system_message"] == texts["system_message"]

    @pytest.mark.parametrize(
        "task_id", ["0", "99", "-1", "x", "1.0", "%00", *HUGE], ids=lambda text: text[:20]
    )
    def test_ids(self, api: FlaskClient, task_id: str) -> None:
        for answer in (
            api.get(f"/api/tasks/{task_id}"),
            api.delete(f"/api/tasks/{task_id}"),
            api.put(f"/api/tasks/{task_id}", json=task_values()),
            api.patch(f"/api/tasks/{task_id}", json={"name": "x"}),
            api.post(f"/api/tasks/{task_id}/run"),
            api.post(f"/api/tasks/{task_id}/duplicate"),
            api.get(f"/api/tasks/{task_id}/logs"),
            api.get(f"/api/logs/{task_id}"),
        ):
            assert answer.status_code == 404, answer.text
            assert isinstance(answer.json["detail"], str)

    def test_a_wrong_method(self, api: FlaskClient) -> None:
        answer = api.delete("/api/tasks")
        assert answer.status_code == 405
        assert "POST" in answer.headers["Allow"]
        assert isinstance(answer.json["detail"], str)


class TestLists:
    def test_paging(self, api: FlaskClient) -> None:
        ids = [create(api, name=str(number))["id"] for number in range(5)]
        found, cursor = [], ""
        for _ in range(3):
            page = api.get(f"/api/tasks?limit=2&cursor={cursor}").json
            found += [task["id"] for task in page["items"]]
            cursor = page["next_cursor"]
        assert found == ids and cursor is None

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=x", "limit"),
            ("limit=-1", "limit"),
            ("limit=²", "limit"),
            ("cursor=x", "cursor"),
            ("cursor=99999999999999999999", "cursor"),
        ],
    )
    def test_bad_pages(self, api: FlaskClient, query: str, field: str) -> None:
        for path in ("/api/tasks", "/api/logs"):
            assert wrong_fields(api.get(f"{path}?{query}")) == {field}


def test_run_now(api: FlaskClient) -> None:
    task = create(api, enabled=False)
    answer = api.post(f"/api/tasks/{task['id']}/run")
    assert answer.status_code == 202
    run = answer.json
    assert (run["task_id"], run["source"], run["status"]) == (task["id"], "manual", "queued")
    assert run["scheduled_for"] is None and run["executed_at"] is None
    assert api.get(f"/api/logs/{run['id']}").json == run
