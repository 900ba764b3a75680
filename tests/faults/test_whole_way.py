"""From a schedule to the wire, to the row, to the page and the API: one real gunicorn process."""

from __future__ import annotations

import re

import requests

from tests.server import PASSWORD, Api, Instance, Process, wait_until
from tests.upstream import Upstream


def test_a_schedule_becomes_a_request_a_row_and_a_page(
    instance: Instance, upstream: Upstream
) -> None:
    instance.settings["ADMIN_PASSWORD"] = PASSWORD
    server = instance.gunicorn()
    made = instance.command("token", "create", "by the command", ADMIN_PASSWORD="not this one")
    assert made.returncode == 0, made.stderr
    api = Api(server.base, made.stdout.strip())
    base = api.create(
        name="by base URL",
        api_endpoint=upstream.base_url,
        api_key="sk-wire-0123456789abcdef",
        model="ok?text=Twelve+reports+came+in.",
        system_message="You are terse. launch=base",
        message_content="Wie viele Berichte? 多少？",
        interval_seconds=1,
    )
    full = api.create(
        name="by full URL",
        api_endpoint=f"{upstream.base_url}/chat/completions?version=7",
        api_key=None,
        message_content="launch=full",
        interval_seconds=1,
    )
    seen = upstream.wait_for(2, launch="base")[0]

    assert (seen.method, seen.target) == ("POST", "/v1/chat/completions")
    assert seen.headers["authorization"] == "Bearer sk-wire-0123456789abcdef"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["accept"] == "application/json"
    assert seen.json == {
        "model": "ok?text=Twelve+reports+came+in.",
        "messages": [
            {"role": "system", "content": "You are terse. launch=base"},
            {"role": "user", "content": "Wie viele Berichte? 多少？"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }

    other = upstream.wait_for(1, launch="full")[0]
    assert other.target == "/v1/chat/completions?version=7"
    assert "authorization" not in other.headers
    assert other.json["messages"] == [{"role": "user", "content": "launch=full"}]

    found = wait_until(
        lambda: [row for row in api.logs(base["id"]) if row["status"] == "success"],
        10,
        "a row of success",
    )
    row = api.call("GET", f"/logs/{found[-1]['id']}", 200)
    assert row["source"] == "schedule"
    assert row["scheduled_for"] and row["scheduled_for"].endswith("Z")
    assert row["lateness_ms"] >= 0 and row["duration_ms"] >= 0
    assert row["response_text"] == row["response_summary"] == "Twelve reports came in."
    assert (row["input_tokens"], row["output_tokens"]) == (12, 34)
    assert (row["finish_reason"], row["model_answered"]) == ("stop", "scripted")
    assert [attempt["kind"] for attempt in row["attempt_list"]] == ["ok"]
    assert row["request_messages"] == seen.json["messages"]
    assert api.logs(full["id"])

    pages = _log_in(server)
    assert "Twelve reports came in." in pages.get(f"{server.base}/tasks/{base['id']}/logs").text
    assert "by full URL" in pages.get(f"{server.base}/").text
    stats = api.call("GET", "/dashboard/stats", 200)
    assert stats["by_status_today"]["success"] >= 2
    assert stats["tasks"] == stats["enabled_tasks"] == 2


def test_a_key_that_is_echoed_is_stored_and_logged_nowhere(
    instance: Instance, upstream: Upstream
) -> None:
    key = "sk-sentinel-4f1c9e7ab3d2468055aa"
    instance.settings["LOG_LEVEL"] = "DEBUG"
    server = instance.gunicorn()
    task = server.api.create(
        api_endpoint=upstream.base_url, api_key=key, model="echo-key", max_attempts=1
    )
    answered = server.api.ended(server.api.run(task["id"])["id"])
    assert (answered["status"], answered["reason"]) == ("failed", "auth")
    assert "Incorrect API key" in answered["error_message"]
    pages = _log_in(server)
    shown = [str(answered), server.output()]
    for path in ("/", "/logs", f"/tasks/{task['id']}/logs", f"/tasks/{task['id']}/edit"):
        shown.append(pages.get(server.base + path).text)
    files = [path for path in instance.folder.rglob("*") if path.is_file()]
    assert any(path.name.endswith("-wal") for path in files)
    needles = [key.encode(), key[12:].encode(), key[:18].encode()]
    for needle in needles:
        assert not [text for text in shown if needle.decode() in text]
        assert not [path for path in files if needle in path.read_bytes()]
    assert upstream.requests()[0].headers["authorization"] == f"Bearer {key}"


def _log_in(server: Process) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    form = session.get(f"{server.base}/login", timeout=10).text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    assert token, form
    answer = session.post(
        f"{server.base}/login",
        data={"password": PASSWORD, "csrf_token": token.group(1)},
        timeout=10,
        allow_redirects=False,
    )
    assert answer.status_code in (302, 303), answer.text
    return session
