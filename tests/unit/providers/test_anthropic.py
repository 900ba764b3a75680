"""The Messages API: what only this family does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from autoai.providers.anthropic import messages_url
from autoai.providers.base import Usage
from autoai.providers.client import MAX_PAGES
from tests.dialects import Said, sse
from tests.talk import Talk
from tests.wire import http

USER = {"role": "user", "content": "Hello"}
ASSISTANT = {"role": "assistant", "content": "Yes?"}
SYSTEM = {"role": "system", "content": "Be brief."}
SCHEMA = {"type": "object", "properties": {}}


@pytest.fixture
def talk(talk_to: Callable[[str], Talk]) -> Talk:
    return talk_to("anthropic")


@pytest.mark.parametrize(
    ("entered", "reached"),
    [
        ("https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1/messages"),
        ("https://a.b/anthropic?x=1", "https://a.b/anthropic/v1/messages?x=1"),
        ("https://a.b/api/messages/", "https://a.b/api/messages"),
    ],
)
def test_addresses(entered: str, reached: str) -> None:
    assert messages_url(entered) == reached
    assert messages_url(reached) == reached


@pytest.mark.parametrize(
    ("parameters", "sent"),
    [
        ({}, {}),
        ({"temperature": 0.5, "max_tokens": 5}, {"temperature": 0.5, "max_tokens": 5}),
        ({"stop": ("a", "b")}, {"stop_sequences": ["a", "b"]}),
        ({"seed": 1, "response_format": "json"}, {}),
        (
            {"response_format": "json_schema", "response_schema": SCHEMA},
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        ),
        ({"extra_body": {"max_tokens": 9, "top_k": 3}}, {"max_tokens": 9, "top_k": 3}),
    ],
)
def test_parameters(talk: Talk, parameters: dict[str, Any], sent: dict[str, Any]) -> None:
    talk.says(Said(), False)
    talk.ask(**parameters)
    base = {"model": "m-1", "messages": [USER], "max_tokens": 8_192}
    assert json.loads(talk.wire.bodies[0]) == {**base, **sent}


@pytest.mark.parametrize(
    ("messages", "system", "rest"),
    [
        ([USER], None, [USER]),
        ([SYSTEM, USER], "Be brief.", [USER]),
        ([SYSTEM, USER, SYSTEM], "Be brief.\n\nBe brief.", [USER]),
        ([USER, USER, ASSISTANT, ASSISTANT], None, [USER, USER, ASSISTANT, ASSISTANT]),
    ],
)
def test_messages(talk: Talk, messages: Any, system: str | None, rest: Any) -> None:
    talk.says(Said(), False)
    talk.ask(messages=messages)
    sent = json.loads(talk.wire.bodies[0])
    assert (sent.get("system"), sent["messages"]) == (system, rest)


def test_the_version_can_be_another(talk: Talk) -> None:
    talk.says(Said(), False)
    talk.ask()
    talk.ask(connection=talk.connection(extra_headers={"Anthropic-Version": "2026-10-21"}))
    versions = [head["anthropic-version"] for head in talk.wire.heads]
    assert versions == ["2023-06-01", "2026-10-21"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "something_new"),
    ],
)
def test_endings(talk: Talk, stream: bool, stop_reason: str, finish_reason: str) -> None:
    talk.says(Said(ended=stop_reason), stream)
    found = talk.ask(stream)
    assert (found.text, found.finish_reason) == ("All is well.", finish_reason)
    assert found.refused is (stop_reason == "refusal")


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        ({"input_tokens": 5, "output_tokens": 3}, Usage(5, 3)),
        ({"input_tokens": 5, "cache_read_input_tokens": 0}, Usage(5, None, 0)),
        ({"input_tokens": 5, "cache_creation_input_tokens": 7}, Usage(12)),
        ({"cache_read_input_tokens": 7}, Usage(None, None, 7)),
        ({"input_tokens": -1, "output_tokens": True}, Usage()),
    ],
)
def test_usage(talk: Talk, usage: Any, found: Usage) -> None:
    talk.wire.reply = http({**talk.dialect.whole(Said()), "usage": usage})
    assert talk.ask().usage == found


def test_the_last_count_is_the_total(talk: Talk) -> None:
    """With tools of its own the input grows while it answers."""
    events = talk.dialect.events(Said())
    events[-2][1]["usage"] = {"input_tokens": 500, "output_tokens": 9}
    talk.streams(sse(events))
    assert talk.ask(True).usage == Usage(550, 9, 40, 7)


class TestPages:
    def test_all_of_them(self, talk: Talk) -> None:
        names = [f"m-{number}" for number in range(5)]

        def reply(body: bytes, head: dict[str, str]) -> bytes:
            query = parse_qs(urlsplit(talk.wire.paths[-1]).query)
            assert query["limit"] == ["1000"]
            first = names.index(query["after_id"][0]) + 1 if "after_id" in query else 0
            page = talk.dialect.models(names[first : first + 2])
            last = page["data"][-1]["id"]
            return http({**page, "has_more": first + 2 < len(names), "last_id": last})

        talk.wire.reply = reply
        assert talk.models() == names
        assert len(talk.wire.paths) == 3

    def test_without_end(self, talk: Talk) -> None:
        def reply(body: bytes, head: dict[str, str]) -> bytes:
            number = len(talk.wire.paths)
            page = talk.dialect.models([f"m-{number}"])
            return http({**page, "has_more": True, "last_id": f"m-{number}"})

        talk.wire.reply = reply
        assert len(talk.models()) == len(talk.wire.paths) == MAX_PAGES

    @pytest.mark.parametrize("last", ["m-1", None, 5])
    def test_that_repeat(self, talk: Talk, last: Any) -> None:
        page = talk.dialect.models(["m-1"])
        talk.wire.reply = http({**page, "has_more": True, "last_id": last})
        assert talk.models() == ["m-1"]
        assert len(talk.wire.paths) <= 2
