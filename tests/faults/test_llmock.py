"""Against an OpenAI-compatible server that is not ours: llmock, from the package registry.

What it should do with a request is queued at its control API; it answers in OpenAI's own shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.peers import LLMock, llmock
from tests.server import Api, Instance

pytestmark = pytest.mark.xdist_group("llmock")


@pytest.fixture(scope="module")
def mock() -> Iterator[LLMock]:
    with llmock() as found:
        yield found


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A real server of ours."""
    with Instance(tmp_path_factory.mktemp("llmock")) as instance:
        yield instance.gunicorn().api


def _run(api: Api, mock: LLMock, **fields: Any) -> dict[str, Any]:
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


def test_completion(api: Api, mock: LLMock) -> None:
    mock.script({"type": "reply", "text": "The capital of France is Paris."})
    run = _run(api, mock)
    assert (run["status"], run["reason"], run["verdict"]) == ("success", None, "ok")
    assert run["response_text"] == "The capital of France is Paris."
    assert run["model_answered"].startswith("gpt-4o-mini")
    assert run["finish_reason"] == "stop"
    assert run["input_tokens"] > 0 and run["output_tokens"] > 0
    assert run["attempts"] == len(mock.requests()) == 1


def test_full_url(api: Api, mock: LLMock) -> None:
    mock.script({"type": "reply", "text": "Paris."})
    run = _run(api, mock, api_endpoint=f"{mock.root}/v1/chat/completions")
    assert run["response_text"] == "Paris."


def test_wrong_key(api: Api, mock: LLMock) -> None:
    mock.script({"type": "fail", "status": 401, "message": "Incorrect API key provided."})
    run = _run(api, mock)
    assert (run["status"], run["reason"], run["http_status"]) == ("failed", "auth", 401)
    assert "Incorrect API key provided." in run["error_message"]
    assert run["attempts"] == len(mock.requests()) == 1


def test_rate_limit_is_the_tasks_choice(api: Api, mock: LLMock) -> None:
    limit = {"type": "fail", "status": 429, "retry_after": 1, "times": 1}
    mock.script(limit, {"type": "reply", "text": "At last."})
    run = _run(api, mock)
    assert (run["status"], run["reason"], run["attempts"]) == ("failed", "rate_limited", 1)

    mock.script(limit, {"type": "reply", "text": "At last."})
    run = _run(api, mock, retry_statuses=[429])
    assert (run["status"], run["response_text"]) == ("success", "At last.")
    assert [attempt["kind"] for attempt in run["attempt_list"]] == ["throttled", "ok"]
    assert len(mock.requests()) == 2


def test_used_up_quota_is_never_repeated(api: Api, mock: LLMock) -> None:
    mock.script({"type": "fail", "status": 429, "code": "insufficient_quota", "times": 3})
    run = _run(api, mock, retry_statuses=[429])
    assert (run["status"], run["reason"], run["attempts"]) == ("failed", "rate_limited", 1)


def test_slow_answer(api: Api, mock: LLMock) -> None:
    mock.script({"type": "delay", "seconds": 2}, {"type": "reply", "text": "Slowly."})
    run = _run(api, mock)
    assert (run["status"], run["response_text"]) == ("success", "Slowly.")
    assert run["duration_ms"] >= 2000


def test_answer_that_is_too_slow(api: Api, mock: LLMock) -> None:
    mock.script({"type": "delay", "seconds": 30})
    run = _run(api, mock, timeout_seconds=1, max_attempts=1)
    assert (run["status"], run["reason"]) == ("failed", "timeout")
    assert 900 <= run["duration_ms"] < 11_000


def test_answer_that_was_cut_short(api: Api, mock: LLMock) -> None:
    mock.script({"type": "reply", "text": "The capital of", "finish_reason": "length"})
    run = _run(api, mock)
    assert (run["status"], run["verdict"], run["reason"]) == ("success", "degraded", "truncated")


def test_a_truncated_stream_is_asked_for_again(api: Api, mock: LLMock) -> None:
    """It ends in good order, but without a reason why: no answer, and perhaps billed."""
    reply = {"type": "reply", "text": "The capital of France is Paris.", "times": 2}
    mock.script(reply, {"type": "stream_fault", "kind": "truncate", "after_chunks": 2})
    run = _run(api, mock)
    assert (run["status"], run["response_text"]) == ("success", "The capital of France is Paris.")
    assert [attempt["kind"] for attempt in run["attempt_list"]] == ["maybe_billed", "ok"]
    assert run["maybe_double_billed"] is True
    assert len(mock.requests()) == 2


def test_a_stream_with_a_broken_event_is_not(api: Api, mock: LLMock) -> None:
    fault = {"type": "stream_fault", "kind": "malformed", "after_chunks": 2}
    mock.script({"type": "reply", "text": "The capital of France is Paris."}, fault)
    run = _run(api, mock)
    assert (run["status"], run["reason"], run["attempts"]) == ("failed", "bad_response", 1)


@pytest.mark.parametrize(
    ("provider", "base"), [("openai_responses", "/v1"), ("anthropic", "/anthropic")]
)
def test_the_other_families(api: Api, mock: LLMock, provider: str, base: str) -> None:
    mock.script({"type": "reply", "text": "The capital of France is Paris."})
    run = _run(api, mock, provider=provider, api_endpoint=mock.root + base)
    assert (run["status"], run["response_text"]) == ("success", "The capital of France is Paris.")
    assert run["input_tokens"] > 0 and run["output_tokens"] > 0
