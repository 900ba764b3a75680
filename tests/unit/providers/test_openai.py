"""Chat Completions: what only this family does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from autoai.providers.base import Usage
from autoai.providers.openai import chat_completions_url
from autoai.providers.openai.request import is_strict, limit_name
from tests.dialects import Said, sse
from tests.talk import Talk
from tests.wire import http

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.fixture
def talk(talk_to: Callable[[str], Talk]) -> Talk:
    return talk_to("openai")


@pytest.mark.parametrize(
    ("parameters", "sent"),
    [
        ({}, {}),
        ({"temperature": 0.0}, {"temperature": 0.0}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_tokens": 5, "model": "gpt-5-mini"}, {"max_completion_tokens": 5}),
        (
            {"max_tokens": 5, "extra_body": {"max_completion_tokens": 9}},
            {"max_completion_tokens": 9},
        ),
        ({"max_tokens": 5, "model": "o3", "extra_body": {"max_tokens": 9}}, {"max_tokens": 9}),
        ({"seed": 0}, {"seed": 0}),
        ({"stop": ("a", "b")}, {"stop": ["a", "b"]}),
        ({"stop": ()}, {}),
        ({"response_format": "json"}, {"response_format": {"type": "json_object"}}),
        (
            {"response_format": "json_schema", "response_schema": SCHEMA},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
                }
            },
        ),
        ({"extra_body": {"n": 2, "messages": []}}, {"n": 2, "messages": []}),
    ],
)
def test_parameters(talk: Talk, parameters: dict[str, Any], sent: dict[str, Any]) -> None:
    talk.says(Said(), False)
    talk.ask(**parameters)
    base = {
        "model": parameters.get("model", "m-1"),
        "messages": [{"role": "user", "content": "Hello"}],
    }
    assert json.loads(talk.wire.bodies[0]) == {**base, **sent}


def test_a_stream_is_asked_to_count(talk: Talk) -> None:
    talk.says(Said(), True)
    talk.ask(True)
    sent = json.loads(talk.wire.bodies[0])
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize(
    ("endpoint", "model", "name"),
    [
        ("https://api.openai.com/v1", "gpt-4o-mini", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1/chat/completions", "x", "max_completion_tokens"),
        ("https://a.openai.azure.com/openai/v1/", "my-deployment", "max_completion_tokens"),
        ("https://a.openai.azure.com/openai/deployments/x?api-version=2024-02-01", "x", "max_tokens"),
        ("https://api.deepseek.com", "deepseek-chat", "max_tokens"),
        ("http://127.0.0.1:11434/v1", "llama3.2", "max_tokens"),
        ("http://127.0.0.1:11434/v1", "gpt-oss:20b", "max_tokens"),
        ("http://litellm:4000", "gpt-4o", "max_tokens"),
        ("http://litellm:4000", "gpt-5-nano", "max_completion_tokens"),
        ("https://openrouter.ai/api/v1", "openai/o4-mini", "max_completion_tokens"),
        ("https://openrouter.ai/api/v1", "openai/gpt-5.2", "max_completion_tokens"),
        ("https://openrouter.ai/api/v1", "openai/gpt-10", "max_completion_tokens"),
        ("https://notapi.openai.com.example/v1", "omni-1", "max_tokens"),
        ("http://h/v1", "o1x", "max_tokens"),
        ("http://h/v1", "olmo-2", "max_tokens"),
        ("http://h/v1", "", "max_tokens"),
    ],
)  # fmt: skip
def test_which_name_the_limit_has(endpoint: str, model: str, name: str) -> None:
    assert limit_name(endpoint, model) == name


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (SCHEMA, True),
        ({**SCHEMA, "additionalProperties": True}, False),
        ({**SCHEMA, "required": []}, False),
        ({"type": "object"}, False),
        ({**SCHEMA, "properties": {"city": {"type": "object"}}}, False),
        ({**SCHEMA, "properties": {"city": SCHEMA}}, True),
        ({**SCHEMA, "$defs": {"x": {"type": "object"}}}, False),
        ({"type": "array", "items": SCHEMA}, True),
        ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "object"}]}}, False),
        ({"enum": [{"type": "object"}]}, True),
        ({}, True),
    ],
)
def test_strict_only_where_it_would_be_taken(schema: dict[str, Any], strict: bool) -> None:
    assert is_strict(schema) is strict


def test_a_schema_without_a_bottom() -> None:
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"items": deep}
    assert is_strict(deep) is False


@pytest.mark.parametrize(
    ("entered", "reached"),
    [
        ("https://a.b/openai/deployments/x/chat/completions?api-version=1",) * 2,
        ("https://a.b/models", "https://a.b/models/chat/completions"),
        ("https://user:pw@a.b:8443/v1/", "https://user:pw@a.b:8443/v1/chat/completions"),
    ],
)
def test_addresses(entered: str, reached: str) -> None:
    assert chat_completions_url(entered) == reached


class TestStreams:
    def test_usage_in_a_place_of_its_own(self, talk: Talk) -> None:
        usage = {"prompt_tokens": 3, "completion_tokens": 5}
        events = talk.dialect.events(Said(usage=False))
        events[-2][1]["x_groq"] = {"usage": usage}
        talk.streams(sse(events))
        assert talk.ask(True).usage == Usage(3, 5)

    def test_usage_in_every_chunk(self, talk: Talk) -> None:
        events = talk.dialect.events(Said())
        for number, (_, data) in enumerate(events[:-2]):
            data["usage"] = {"prompt_tokens": 100, "completion_tokens": number}
        talk.streams(sse(events))
        assert talk.ask(True).usage == Usage(100, 30, 40, 7)

    def test_other_choices_are_left_out(self, talk: Talk) -> None:
        events = talk.dialect.events(Said())
        other = {"index": 1, "delta": {"content": "NO"}, "finish_reason": "length"}
        for _, data in events[:-2]:
            data["choices"].append(other)
        talk.streams(sse(events))
        found = talk.ask(True)
        assert (found.text, found.finish_reason) == ("All is well.", "stop")

    def test_no_done_at_the_end(self, talk: Talk) -> None:
        talk.streams(sse(talk.dialect.events(Said())[:-1]))
        assert talk.ask(True).usage == Usage(100, 30, 40, 7)

    def test_nothing_is_read_after_done(self, talk: Talk) -> None:
        talk.streams(sse([*talk.dialect.events(Said()), (None, {"error": "too late"})]))
        assert talk.ask(True).text == "All is well."

    def test_comments_and_strange_events_between(self, talk: Talk) -> None:
        body = sse(talk.dialect.events(Said())).replace(b"\n\n", b"\n\n: PROCESSING\n\nid: 5\n\n")
        talk.streams(body)
        assert talk.ask(True).text == "All is well."

    def test_parts(self, talk: Talk) -> None:
        chunk = {
            "choices": [
                {
                    "delta": {"content": [{"type": "thinking"}, {"type": "text", "text": "a"}]},
                    "finish_reason": "stop",
                }
            ]
        }
        talk.streams(sse([(None, chunk)]))
        assert talk.ask(True).text == "a"


def test_the_old_function_call(talk: Talk) -> None:
    message = {"role": "assistant", "content": None, "function_call": {"name": "f"}}
    talk.wire.reply = http({"choices": [{"message": message, "finish_reason": "function_call"}]})
    found = talk.ask()
    assert (found.tool_calls, found.finish_reason) == (True, "tool_calls")


def test_deepseeks_cache(talk: Talk) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 8}
    talk.wire.reply = http({**talk.dialect.whole(Said(usage=False)), "usage": usage})
    assert talk.ask().usage == Usage(9, 1, 8)


@pytest.mark.parametrize(
    "body",
    [
        [{"id": "m-1"}, {"id": "m-2"}],
        {"models": [{"name": "m-2"}, {"name": "m-1"}]},
        {"object": "list", "data": [{"id": "m-1", "owned_by": "library"}, {"id": "m-2"}]},
    ],
)
def test_lists_of_models(talk: Talk, body: Any) -> None:
    talk.wire.reply = http(body)
    assert talk.models() == ["m-1", "m-2"]
