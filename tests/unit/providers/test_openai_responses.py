"""The Responses API: what only this family does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from autoai.providers.openai_responses import responses_url
from tests.dialects import Said, sse
from tests.talk import UNUSABLE, Talk
from tests.wire import http

USER = {"role": "user", "content": "Hello"}
SYSTEM = {"role": "system", "content": "Be brief."}
SCHEMA = {"type": "object", "properties": {}}


@pytest.fixture
def talk(talk_to: Callable[[str], Talk]) -> Talk:
    return talk_to("openai_responses")


@pytest.mark.parametrize(
    ("parameters", "sent"),
    [
        ({}, {}),
        ({"temperature": 0.5, "max_tokens": 5}, {"temperature": 0.5, "max_output_tokens": 5}),
        ({"seed": 1, "stop": ("a",)}, {}),
        ({"response_format": "json"}, {"text": {"format": {"type": "json_object"}}}),
        (
            {"response_format": "json_schema", "response_schema": SCHEMA},
            {
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "answer",
                        "schema": SCHEMA,
                        "strict": False,
                    }
                }
            },
        ),
        ({"extra_body": {"store": True, "reasoning": {"effort": "low"}}},
         {"store": True, "reasoning": {"effort": "low"}}),
    ],
)  # fmt: skip
def test_parameters(talk: Talk, parameters: dict[str, Any], sent: dict[str, Any]) -> None:
    talk.says(Said(), False)
    talk.ask(**parameters)
    assert json.loads(talk.wire.bodies[0]) == {
        "model": "m-1",
        "input": [USER],
        "store": False,
        **sent,
    }


@pytest.mark.parametrize(
    ("messages", "instructions", "input_"),
    [
        ([USER], None, [USER]),
        ([SYSTEM, USER], "Be brief.", [USER]),
        ([SYSTEM, SYSTEM, USER], "Be brief.\n\nBe brief.", [USER]),
        ([SYSTEM, USER, SYSTEM, USER], "Be brief.", [USER, SYSTEM, USER]),
        ([SYSTEM], None, [SYSTEM]),
    ],
)
def test_messages(talk: Talk, messages: Any, instructions: str | None, input_: Any) -> None:
    talk.says(Said(), False)
    talk.ask(messages=messages)
    sent = json.loads(talk.wire.bodies[0])
    assert (sent.get("instructions"), sent["input"]) == (instructions, input_)


def test_the_address_of_chat_completions_serves(talk: Talk) -> None:
    assert responses_url("https://a.b/v1/chat/completions?v=1") == "https://a.b/v1/responses?v=1"
    talk.wire.reply = http(talk.dialect.models(["m-1"]))
    assert talk.models(endpoint=f"{talk.wire.base_url}/chat/completions") == ["m-1"]
    assert talk.wire.paths == ["/v1/models"]


@pytest.mark.parametrize(
    ("change", "finish_reason"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
         "content_filter"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_messages"}}, "length"),
        ({"status": "incomplete", "incomplete_details": None}, "length"),
        ({"status": None}, "stop"),
    ],
)  # fmt: skip
def test_endings(talk: Talk, change: dict[str, Any], finish_reason: str) -> None:
    talk.wire.reply = http({**talk.dialect.whole(Said()), **change})
    assert talk.ask().finish_reason == finish_reason


@pytest.mark.parametrize("status", ["failed", "queued", "in_progress", "cancelled"])
def test_what_has_not_ended(talk: Talk, status: str) -> None:
    talk.wire.reply = http({**talk.dialect.whole(Said()), "status": status})
    error = talk.refused()
    assert (error.kind, error.reason) == UNUSABLE
    assert status in error.message


def test_a_response_that_failed(talk: Talk) -> None:
    failed = {"status": "failed", "error": {"code": "server_error", "message": "out of luck"}}
    for stream in (False, True):
        if stream:
            begun = talk.dialect.events(Said())[:3]
            event = {"type": "response.failed", "response": failed}
            talk.streams(sse([*begun, ("response.failed", event)]))
        else:
            talk.wire.reply = http({**talk.dialect.whole(Said()), **failed})
        error = talk.refused(stream)
        assert (error.kind, error.reason) == UNUSABLE
        assert "out of luck" in error.message


def test_a_stream_without_pieces(talk: Talk) -> None:
    events = [event for event in talk.dialect.events(Said()) if "delta" not in str(event[0])]
    talk.streams(sse(events))
    assert talk.ask(True).text == "All is well."
    assert talk.told == ["All is well."]


def test_events_without_names(talk: Talk) -> None:
    talk.streams(sse([(None, data) for _, data in talk.dialect.events(Said())]))
    assert talk.ask(True).text == "All is well."


def test_several_messages(talk: Talk) -> None:
    data = talk.dialect.whole(Said(["one"]))
    data["output"].append({"type": "web_search_call", "status": "completed"})
    data["output"].append({"type": "message", "content": [{"type": "output_text", "text": " two"}]})
    talk.wire.reply = http(data)
    found = talk.ask()
    assert (found.text, found.tool_calls) == ("one two", False)
