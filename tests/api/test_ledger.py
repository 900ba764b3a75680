"""Pauses, repeats, cancels, bulk actions, previews and outages, as a program uses them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from autoai.runtime import runtime
from autoai.services.recovery import note_awake, recover
from tests.factories import task_values
from tests.fakes import FakeClock
from tests.ticks import settle, tick


def make(api: FlaskClient, **changes: Any) -> dict[str, Any]:
    answer = api.post("/api/tasks", json=task_values(**changes))
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def logs_of(api: FlaskClient, task_id: int) -> list[dict[str, Any]]:
    return list(api.get(f"/api/tasks/{task_id}/logs").json["items"])


def test_pause_and_resume(app: Flask, api: FlaskClient, clock: FakeClock) -> None:
    task = make(api)
    until = (clock.now() + timedelta(minutes=10)).isoformat()
    paused = api.post(f"/api/tasks/{task['id']}/pause", json={"until": until}).json
    assert paused["paused"] is True and paused["paused_until"].endswith("Z")
    clock.step(minutes=5)
    tick(app)
    (row,) = logs_of(api, task["id"])
    assert (row["status"], row["reason"], row["occurrences"]) == ("skipped", "paused", 5)
    resumed = api.post(f"/api/tasks/{task['id']}/resume").json
    assert resumed["paused"] is False and resumed["paused_until"] is None
    clock.step(minutes=1)
    tick(app)
    assert logs_of(api, task["id"])[0]["status"] == "success"


def test_a_pause_ends_in_the_future(api: FlaskClient) -> None:
    task = make(api)
    for until in ("2001-01-01T00:00:00Z", "soon"):
        answer = api.post(f"/api/tasks/{task['id']}/pause", json={"until": until})
        assert answer.status_code == 422 and set(answer.json["errors"]) == {"until"}
    assert api.post("/api/tasks/999/pause", json={}).status_code == 404


def test_the_same_key_gets_the_same_run(app: Flask, api: FlaskClient, token: str) -> None:
    task = make(api)
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "once"}

    def ask(_: int) -> int:
        return int(
            app.test_client().post(f"/api/tasks/{task['id']}/run", headers=headers).json["id"]
        )

    with ThreadPoolExecutor(20) as threads:
        assert len(set(threads.map(ask, range(20)))) == 1
    assert len(logs_of(api, task["id"])) == 1
    other = api.post(f"/api/tasks/{task['id']}/run", headers={"Idempotency-Key": "twice"})
    assert other.status_code == 202 and len(logs_of(api, task["id"])) == 2
    long = api.post(f"/api/tasks/{task['id']}/run", headers={"Idempotency-Key": "x" * 201})
    assert long.status_code == 422


def test_cancel(app: Flask, api: FlaskClient) -> None:
    task = make(api)
    run = api.post(f"/api/tasks/{task['id']}/run").json
    answer = api.post(f"/api/logs/{run['id']}/cancel")
    assert (answer.status_code, answer.json["status"]) == (202, "cancelled")
    assert api.post(f"/api/logs/{run['id']}/cancel").status_code == 409
    assert settle(app).orders == []
    assert api.post("/api/logs/999/cancel").status_code == 404


def test_retry(app: Flask, api: FlaskClient) -> None:
    task = make(api, message_content="The first text")
    run = api.post(f"/api/tasks/{task['id']}/run").json
    assert api.post(f"/api/logs/{run['id']}/retry", json={}).status_code == 409, "not over yet"
    tick(app)
    api.patch(f"/api/tasks/{task['id']}", json={"message_content": "The second text"})
    answer = api.post(f"/api/logs/{run['id']}/retry", json={"same_input": True})
    assert answer.status_code == 202
    assert (answer.json["source"], answer.json["for_run"]) == ("retry", run["id"])
    tick(app)
    sent = api.get(f"/api/logs/{answer.json['id']}").json["request_messages"]
    assert sent == [{"role": "user", "content": "The first text"}]


def test_bulk(app: Flask, api: FlaskClient) -> None:
    ids = [make(api, name=name, tags=["news"])["id"] for name in ("a", "b")]
    other = make(api, name="c")["id"]
    assert api.post("/api/tasks/bulk", json={"action": "run", "tag": "news"}).json == {"count": 2}
    assert api.post("/api/tasks/bulk", json={"action": "cancel", "ids": ids}).json == {"count": 2}
    assert {logs_of(api, task_id)[0]["status"] for task_id in ids} == {"cancelled"}
    api.post("/api/tasks/bulk", json={"action": "pause", "ids": [*ids, 999]})
    assert [api.get(f"/api/tasks/{i}").json["paused"] for i in (*ids, other)] == [True, True, False]
    api.post("/api/tasks/bulk", json={"action": "resume", "tag": "news"})
    assert not api.get(f"/api/tasks/{ids[0]}").json["paused"]
    listed = api.get("/api/tasks?tag=news").json["items"]
    assert [task["id"] for task in listed] == ids
    for bad in ({"action": "explode", "ids": ids}, {"action": "run"}, {"action": "run", "x": 1}):
        assert api.post("/api/tasks/bulk", json=bad).status_code == 422


def test_preview(api: FlaskClient) -> None:
    answer = api.post(
        "/api/schedules/preview",
        json={
            "schedule_type": "cron",
            "cron": "30 2 * * *",
            "timezone": "Europe/Berlin",
            "after": "2026-03-27T12:00:00Z",
            "count": 3,
        },
    ).json
    assert answer["next"] == [
        "2026-03-28T01:30:00Z",
        "2026-03-29T01:00:00Z",
        "2026-03-30T00:30:00Z",
    ]
    assert [change["at"] for change in answer["clock_changes"]] == [
        "2026-03-29T01:00:00Z",
        "2026-10-25T01:00:00Z",
    ]
    assert answer["per_day"] == 1 and 30 <= answer["per_month"] <= 31
    for bad, field in (
        ({"schedule_type": "cron", "cron": "61 * * * *"}, "cron"),
        ({"schedule_type": "interval", "interval_seconds": 60, "count": 1_001}, "count"),
        ({"schedule_type": "interval", "interval_seconds": 60, "after": "soon"}, "after"),
    ):
        refused = api.post("/api/schedules/preview", json=bad)
        assert refused.status_code == 422 and set(refused.json["errors"]) == {field}


def test_every_field_comes_back(api: FlaskClient) -> None:
    """What is answered can be sent back, and changes nothing."""
    task = make(
        api,
        interval_seconds=...,
        schedule_type="fixed_time",
        fixed_time=["17:30", "09:00"],
        weekdays=["wed", "mon"],
        blackouts=[{"from": "23:00", "to": "07:00"}],
        tags=["b", "a"],
        priority="high",
        pause_after_failures=None,
        starts_at="2026-03-01T00:00:00Z",
    )
    assert task["fixed_time"] == ["09:00", "17:30"] and task["weekdays"] == ["mon", "wed"]
    assert task["tags"] == ["a", "b"] and task["pause_after_failures"] is None
    again = api.put(f"/api/tasks/{task['id']}", json=task)
    assert again.status_code == 200, again.text
    assert again.json == task


def test_outages(app: Flask, api: FlaskClient, clock: FakeClock) -> None:
    task = make(api)
    with app.app_context():
        note_awake(clock.now())
    clock.step(30 * 60 + 30)
    with app.app_context():
        recover(runtime(app).ports, "the next process")
    tick(app)
    (outage,) = api.get("/api/outages").json["items"]
    assert outage["tasks"][0]["missed"] == 29 and outage["tasks"][0]["caught_up"] == 1
    where = f"/api/outages/{outage['id']}"
    decision = {"task_id": task["id"], "choice": "all"}
    assert api.post(where, json=decision).json == {"runs": 29}
    assert api.post(where, json=decision).status_code == 409, "made once"
    chosen = [row for row in logs_of(api, task["id"]) if row["for_run"]]
    assert len({(row["for_run"], row["for_instant"]) for row in chosen}) == 29
    assert api.post(f"{where}/dismiss").status_code == 204
    assert api.post("/api/outages/999", json=decision).status_code == 404
