"""Verdicts and changes as a program sees them."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import task_values
from tests.fakes import ScriptedProvider, completion
from tests.ticks import tick

DEMANDS: dict[str, Any] = {
    "checks": [{"kind": "json_path", "path": "$.price", "value": 5}],
    "verdict_rules": {"truncated": "failed"},
    "change_watch": "json",
    "change_fields": ["$.price"],
}


def make(api: FlaskClient, **changes: Any) -> int:
    body = task_values(schedule_type="manual", interval_seconds=..., **{**DEMANDS, **changes})
    answer = api.post("/api/tasks", json=body)
    assert answer.status_code == 201, answer.text
    return int(answer.json["id"])


def answers(app: Flask, api: FlaskClient, task_id: int, text: str, **more: Any) -> dict[str, Any]:
    run_id = api.post(f"/api/tasks/{task_id}/run").json["id"]
    tick(app, ScriptedProvider(completion(text, **more)))
    found: dict[str, Any] = api.get(f"/api/logs/{run_id}").json
    return found


def test_the_fields_of_a_task(api: FlaskClient) -> None:
    task_id = make(api)
    task = api.get(f"/api/tasks/{task_id}").json
    assert {name: task[name] for name in DEMANDS} == DEMANDS
    assert task["last_verdict"] is None
    assert api.put(f"/api/tasks/{task_id}", json=task).json == task
    task = api.patch(f"/api/tasks/{task_id}", json={"checks": []}).json
    assert (task["checks"], task["change_watch"]) == (None, "json")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("checks", "contains"),
        ("checks", [{"kind": "regex", "value": "(?=a)"}]),
        ("verdict_rules", {"empty": "ok"}),
        ("verdict_rules", {"truncated": 1}),
        ("change_watch", "yes"),
        ("change_fields", [1]),
    ],
)
def test_what_is_refused(api: FlaskClient, field: str, value: Any) -> None:
    answer = api.post("/api/tasks", json=task_values(**{field: value}))
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]


def test_a_run_says_what_was_found_and_what_changed(app: Flask, api: FlaskClient) -> None:
    task_id = make(api)
    first = answers(app, api, task_id, '{"price": 5}')
    assert (first["verdict"], first["findings"]) == ("ok", [])
    assert (first["changed"], first["compared_with"]) == (None, None)
    other = answers(app, api, task_id, '{"price": 6}')
    assert (other["status"], other["verdict"], other["reason"]) == (
        "success",
        "degraded",
        "check_failed",
    )
    (finding,) = other["findings"]
    detail = {**DEMANDS["checks"][0], "what": "another_value", "found": "6"}
    assert finding == {"reason": "check_failed", "level": "degraded", "check": 1, "detail": detail}
    assert (other["changed"], other["compared_with"]) == (True, first["id"])
    cut = answers(app, api, task_id, '{"price": 5', finish_reason="length")
    assert (cut["status"], cut["reason"]) == ("failed", "truncated")
    assert [found["reason"] for found in cut["findings"]] == ["truncated", "check_failed"]
    listed = api.get("/api/logs").json["items"]
    assert [row["changed"] for row in listed] == [None, True, None]
    assert "findings" not in listed[0]


def test_a_baseline_is_accepted(app: Flask, api: FlaskClient) -> None:
    task_id = make(api, checks=None)
    answers(app, api, task_id, '{"price": 5}')
    other = answers(app, api, task_id, '{"price": 6}')
    answer = api.post(f"/api/logs/{other['id']}/accept")
    assert (answer.status_code, answer.json["id"]) == (200, other["id"])
    again = answers(app, api, task_id, '{"price": 6}')
    assert (again["changed"], again["compared_with"]) == (False, other["id"])
    empty = answers(app, api, task_id, " ")
    assert api.post(f"/api/logs/{empty['id']}/accept").status_code == 409
    assert api.post("/api/logs/999999/accept").status_code == 404


def test_filters_and_figures(app: Flask, api: FlaskClient) -> None:
    task_id = make(api)
    good = answers(app, api, task_id, '{"price": 5}')["id"]
    bad = answers(app, api, task_id, '{"price": 6}')["id"]
    same = answers(app, api, task_id, '{"price": 5.0}')["id"]

    def ids(query: str) -> list[int]:
        answer = api.get(f"/api/logs?{query}")
        assert answer.status_code == 200, answer.text
        return [run["id"] for run in answer.json["items"]]

    assert ids("verdict=degraded") == [bad]
    assert ids("verdict=ok") == [same, good]
    assert ids("changed=true") == [bad]
    assert ids("changed=false") == [same]
    assert ids("changed=true&verdict=ok") == []
    for wrong in ("verdict=bad", "changed=1"):
        assert api.get(f"/api/logs?{wrong}").status_code == 422
    stats = api.get("/api/dashboard/stats").json
    assert (stats["degraded_today"], stats["runs_today"]) == (1, 3)
    assert stats["by_status_today"] == {"success": 3}
    assert api.get(f"/api/tasks/{task_id}").json["last_verdict"] == "ok"
