"""/api/logs, /api/dashboard, health: what a program reads about what happened."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autoai.domain.errors import ProviderError
from autoai.domain.runs import Kind, Reason
from autoai.models import Task
from autoai.providers.base import Usage
from autoai.runtime import runtime
from tests.factories import make_run, make_task, run_now
from tests.fakes import START, FakeClock, ScriptedProvider, completion
from tests.ticks import settle, tick

LOG_FIELDS = {
    "id", "task_id", "task_name", "source", "scheduled_for", "queued_at", "executed_at",
    "finished_at", "status", "reason", "duration_ms", "lateness_ms", "attempts", "model",
    "model_answered", "http_status", "finish_reason", "response_summary", "error_message",
    "input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens", "verdict",
    "maybe_double_billed", "blocked_by", "occurrences", "missed_from", "missed_to", "due_at",
}  # fmt: skip


@pytest.fixture
def task(app: Flask) -> Task:
    with app.app_context():
        return make_task(runtime(app).ports)


def add(app: Flask, task: Task, hours_ago: float, **changes: Any) -> int:
    with app.app_context():
        return make_run(task, START - timedelta(hours=hours_ago), **changes)


def ids(api: FlaskClient, query: str) -> list[int]:
    answer = api.get(f"/api/logs?{query}")
    assert answer.status_code == 200, answer.text
    return [run["id"] for run in answer.json["items"]]


def test_a_success(app: Flask, api: FlaskClient, clock: FakeClock, task: Task) -> None:
    clock.step(60.25)
    usage = Usage(3, 5, 1, 2)
    tick(app, ScriptedProvider(completion("  Two\n\nlines " + "x" * 300, usage=usage)))
    (row,) = api.get("/api/logs").json["items"]
    assert set(row) >= LOG_FIELDS
    assert (row["status"], row["verdict"], row["reason"]) == ("success", "ok", None)
    assert row["scheduled_for"] == row["due_at"] == "2026-03-02T12:01:00Z"
    assert row["executed_at"] == "2026-03-02T12:01:00.250000Z"
    assert (row["lateness_ms"], row["duration_ms"], row["attempts"]) == (250, 0, 1)
    assert row["response_summary"].startswith("Two lines xx")
    assert len(row["response_summary"]) == 200
    assert (row["model"], row["model_answered"], row["http_status"]) == ("m-1", "m-1", 200)
    assert [row["input_tokens"], row["output_tokens"]] == [3, 5]
    assert [row["cached_input_tokens"], row["reasoning_tokens"]] == [1, 2]
    whole = api.get(f"/api/logs/{row['id']}").json
    assert {name: whole[name] for name in row} == row
    assert whole["response_text"].startswith("  Two\n\nlines")
    assert whole["request_messages"] == [{"role": "user", "content": "What is new?"}]
    (attempt,) = whole["attempt_list"]
    assert (attempt["number"], attempt["kind"], attempt["http_status"]) == (1, "ok", 200)
    found = api.get(f"/api/tasks/{task.id}").json
    assert (found["last_status"], found["last_run_at"]) == ("success", row["executed_at"])


def test_a_failure(app: Flask, api: FlaskClient, clock: FakeClock, task: Task) -> None:
    clock.step(60)
    tick(app, ScriptedProvider(ProviderError(Kind.MAYBE_BILLED, Reason.TIMEOUT, "e" * 5_000)))
    (row,) = api.get(f"/api/tasks/{task.id}/logs").json["items"]
    assert (row["status"], row["reason"], row["verdict"]) == ("failed", "timeout", None)
    assert row["maybe_double_billed"] is True
    assert row["attempts"] == 3 and row["duration_ms"] == 6_000
    assert len(row["error_message"]) == 500
    whole = api.get(f"/api/logs/{row['id']}").json
    assert whole["error_message"] == "e" * 4_000
    assert [a["kind"] for a in whole["attempt_list"]] == ["maybe_billed"] * 3
    assert whole["response_text"] is None and row["input_tokens"] is None


def test_under_way(app: Flask, api: FlaskClient, task: Task) -> None:
    with app.app_context():
        run_now(runtime(app).ports, task.id)
    settle(app)
    (row,) = api.get("/api/logs?status=running").json["items"]
    assert row["finished_at"] is None and row["duration_ms"] is None
    assert api.get(f"/api/logs/{row['id']}").json["attempt_list"] == []


class TestFilters:
    def test_statuses(self, app: Flask, api: FlaskClient, task: Task) -> None:
        good = add(app, task, 3)
        bad = add(app, task, 2, status="failed")
        missed = add(app, task, 1, status="missed")
        assert ids(api, "") == [missed, bad, good]
        assert ids(api, "status=failed") == [bad]
        assert ids(api, "status=failed,missed") == [missed, bad]
        assert ids(api, "status=failed&status=success") == [bad, good]
        assert ids(api, "status=") == [missed, bad, good]
        answer = api.get("/api/logs?status=failed,done")
        assert answer.status_code == 422 and "status" in answer.json["errors"]

    def test_tasks(self, app: Flask, api: FlaskClient, task: Task) -> None:
        with app.app_context():
            other = make_task(runtime(app).ports, name="other")
        one, two = add(app, task, 1), add(app, other, 1)
        assert ids(api, f"task_id={task.id}") == [one]
        of_other = api.get(f"/api/tasks/{other.id}/logs?task_id={task.id}").json["items"]
        assert [run["id"] for run in of_other] == [two], "the address wins"
        assert ids(api, "task_id=99") == []
        assert api.get("/api/tasks/99/logs").status_code == 404

    def test_times_are_inclusive(self, app: Flask, api: FlaskClient, task: Task) -> None:
        noon, eleven, ten = (add(app, task, hours) for hours in (0, 1, 2))
        assert set(ids(api, "from=2026-03-02T11:00:00Z")) == {noon, eleven}
        assert set(ids(api, "to=2026-03-02T11:00:00Z")) == {eleven, ten}
        assert set(ids(api, "from=2026-03-02T11:00:00Z&to=2026-03-02T11:00:00Z")) == {eleven}
        assert set(ids(api, "from=2026-03-02T13:00:00%2B02:00")) == {noon, eleven}
        assert set(ids(api, "from=2026-03-02T13:00:00+02:00")) == {noon, eleven}, "a bare plus"
        assert set(ids(api, "from=2026-03-02T21:00:00+10:00")) == {noon, eleven}
        assert set(ids(api, "from=2026-03-02T06:00:00-05:00")) == {noon, eleven}
        assert set(ids(api, "from=2026-03-02T11:00:00")) == {noon, eleven}
        assert set(ids(api, "from=2026-03-02 11:00:00")) == {noon, eleven}
        assert set(ids(api, "from=2026-03-02&to=2026-03-02")) == {noon, eleven, ten}
        assert ids(api, "from=2026-03-03") == ids(api, "to=2026-03-01") == []

    @pytest.mark.parametrize("name", ["from", "to"])
    @pytest.mark.parametrize(
        "value",
        ["yesterday", "2026-02-30", "2026-13-01", "1772449200", "%00", "2026-03-02T25:00:00Z"],
    )
    def test_bad_times(self, api: FlaskClient, name: str, value: str) -> None:
        answer = api.get(f"/api/logs?{name}={value}")
        assert answer.status_code == 422 and set(answer.json["errors"]) == {name}

    @pytest.mark.parametrize("name", ["from", "to"])
    @pytest.mark.parametrize(
        "value",
        [
            "0001-01-01",
            "9999-12-31",
            "9999-12-30",
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00%2B14:00",
            "9999-12-31T23:59:59.999999Z",
            "9999-12-31T23:59:59-14:00",
        ],
    )
    def test_the_ends_of_time(
        self, app: Flask, api: FlaskClient, name: str, value: str, task: Task
    ) -> None:
        for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
            object.__setattr__(runtime(app).settings, "timezone", zone)
            assert api.get(f"/api/logs?{name}={value}").status_code in (200, 422)

    def test_days_are_the_instance_s(self, app: Flask, api: FlaskClient, task: Task) -> None:
        object.__setattr__(runtime(app).settings, "timezone", "Asia/Tokyo")
        late, early = add(app, task, -3.5), add(app, task, -2.5)  # 00:30 on the 3rd, 23:30
        assert ids(api, "from=2026-03-03&to=2026-03-03") == [late]
        assert ids(api, "from=2026-03-02&to=2026-03-02") == [early]


def test_paging_is_stable_while_rows_arrive(app: Flask, api: FlaskClient, task: Task) -> None:
    old = [add(app, task, 10 - number / 10) for number in range(5)]
    first = api.get("/api/logs?limit=2").json
    add(app, task, 0)
    second = api.get(f"/api/logs?limit=2&cursor={first['next_cursor']}").json
    third = api.get(f"/api/logs?limit=2&cursor={second['next_cursor']}").json
    found = [run["id"] for page in (first, second, third) for run in page["items"]]
    assert found == old[::-1]
    assert third["next_cursor"] is None


def test_stats(app: Flask, api: FlaskClient, task: Task) -> None:
    empty = api.get("/api/dashboard/stats").json
    assert (empty["tasks"], empty["enabled_tasks"], empty["runs_today"]) == (1, 1, 0)
    assert empty["success_rate_today"] is None and empty["by_status_today"] == {}
    add(app, task, 1), add(app, task, 2), add(app, task, 3)
    add(app, task, 4, status="failed")
    add(app, task, 5, status="missed", started_at=None, finished_at=None)
    add(app, task, 13)  # yesterday
    found = api.get("/api/dashboard/stats").json
    assert (found["runs_today"], found["success_rate_today"]) == (4, 0.75)
    assert found["by_status_today"] == {"success": 3, "failed": 1, "missed": 1}


class TestHealth:
    def test_without_a_login(self, client: FlaskClient) -> None:
        health, ready = client.get("/healthz"), client.get("/readyz")
        assert (health.status_code, health.json["status"]) == (200, "ok")
        assert ready.status_code == 200
        assert ready.json == {
            "status": "ready", "database": True, "migrations": True, "keys": True,
        }  # fmt: skip

    def test_keys_that_cannot_be_read(self, app: Flask, client: FlaskClient) -> None:
        runtime(app).ports.keyring.readable = False
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json["keys"]) == (503, False)
        assert client.get("/healthz").status_code == 200

    def test_a_database_of_another_version(self, app: Flask, client: FlaskClient) -> None:
        from autoai.extensions import db

        with app.app_context(), db.engine.connect() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'other'")
            connection.commit()
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json["migrations"]) == (503, False)
