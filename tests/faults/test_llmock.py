"""Against an OpenAI-compatible server that is not ours: llmock, from the package registry.

What it should do with a request is queued at its control API; it answers in OpenAI's own shapes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests

from tests.server import Api, Instance, free_port, wait_until

pytestmark = pytest.mark.xdist_group("llmock")


class Mock:
    """A running llmock."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self._session.trust_env = False

    def ready(self) -> bool:
        with suppress(requests.RequestException):
            return self._session.get(f"{self.root}/_llmock/scenario", timeout=5).ok
        return False

    def script(self, *behaviors: dict[str, Any]) -> None:
        """What becomes of the next requests. Forgets what was before."""
        self._session.post(f"{self.root}/_llmock/reset", timeout=5).raise_for_status()
        body = {"behaviors": list(behaviors)}
        self._session.post(f"{self.root}/_llmock/scenario", json=body, timeout=5).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """What it served since then."""
        found = self._session.get(f"{self.root}/_llmock/requests", timeout=5).json()
        served: list[dict[str, Any]] = found["requests"] if isinstance(found, dict) else found
        return served


@pytest.fixture(scope="module")
def mock() -> Iterator[Mock]:
    """llmock, as a person would start it."""
    port = free_port()
    command = [sys.executable, "-m", "llmock.cli", "serve", "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--log-level", "warning"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        found = Mock(port)
        wait_until(found.ready, 60, "an answer from llmock")
        yield found
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A real server of ours."""
    with Instance(tmp_path_factory.mktemp("llmock")) as instance:
        yield instance.gunicorn().api


def _run(api: Api, mock: Mock, **fields: Any) -> dict[str, Any]:
    task = api.create(
        **{
            "api_endpoint": f"{mock.root}/v1",
            "model": "gpt-4o-mini",
            "system_message": "You are terse.",
            "message_content": "What is the capital of France?",
            **fields,
        }
    )
    return api.ended(api.run(task["id"])["id"])


def test_completion(api: Api, mock: Mock) -> None:
    mock.script({"type": "reply", "text": "The capital of France is Paris."})
    run = _run(api, mock)
    assert (run["status"], run["reason"], run["verdict"]) == ("success", None, "ok")
    assert run["response_text"] == "The capital of France is Paris."
    assert run["model_answered"].startswith("gpt-4o-mini")
    assert run["finish_reason"] == "stop"
    assert run["input_tokens"] > 0 and run["output_tokens"] > 0
    assert run["attempts"] == len(mock.requests()) == 1


def test_full_url(api: Api, mock: Mock) -> None:
    mock.script({"type": "reply", "text": "Paris."})
    run = _run(api, mock, api_endpoint=f"{mock.root}/v1/chat/completions")
    assert run["response_text"] == "Paris."


def test_wrong_key(api: Api, mock: Mock) -> None:
    mock.script({"type": "fail", "status": 401, "message": "Incorrect API key provided."})
    run = _run(api, mock)
    assert (run["status"], run["reason"], run["http_status"]) == ("failed", "auth", 401)
    assert "Incorrect API key provided." in run["error_message"]
    assert run["attempts"] == len(mock.requests()) == 1


def test_rate_limit_is_the_tasks_choice(api: Api, mock: Mock) -> None:
    limit = {"type": "fail", "status": 429, "retry_after": 1, "times": 1}
    mock.script(limit, {"type": "reply", "text": "At last."})
    run = _run(api, mock)
    assert (run["status"], run["reason"], run["attempts"]) == ("failed", "rate_limited", 1)

    mock.script(limit, {"type": "reply", "text": "At last."})
    run = _run(api, mock, retry_statuses=[429])
    assert (run["status"], run["response_text"]) == ("success", "At last.")
    assert [attempt["kind"] for attempt in run["attempt_list"]] == ["throttled", "ok"]
    assert len(mock.requests()) == 2


def test_used_up_quota_is_never_repeated(api: Api, mock: Mock) -> None:
    mock.script({"type": "fail", "status": 429, "code": "insufficient_quota", "times": 3})
    run = _run(api, mock, retry_statuses=[429])
    assert (run["status"], run["reason"], run["attempts"]) == ("failed", "rate_limited", 1)


def test_slow_answer(api: Api, mock: Mock) -> None:
    mock.script({"type": "delay", "seconds": 2}, {"type": "reply", "text": "Slowly."})
    run = _run(api, mock)
    assert (run["status"], run["response_text"]) == ("success", "Slowly.")
    assert run["duration_ms"] >= 2000


def test_answer_that_is_too_slow(api: Api, mock: Mock) -> None:
    mock.script({"type": "delay", "seconds": 30})
    run = _run(api, mock, timeout_seconds=1, max_attempts=1)
    assert (run["status"], run["reason"]) == ("failed", "timeout")
    assert 900 <= run["duration_ms"] < 11_000


def test_answer_that_was_cut_short(api: Api, mock: Mock) -> None:
    mock.script({"type": "reply", "text": "The capital of", "finish_reason": "length"})
    run = _run(api, mock)
    assert (run["status"], run["verdict"], run["reason"]) == ("success", "degraded", "truncated")
