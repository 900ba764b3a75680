"""Beside the makers' own SDKs: the same input puts the same request on the wire, and the same
answer is read alike. What may differ is listed, everything else must not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from autoai.providers.base import Connection, Parameters, Request
from autoai.providers.transport import Call
from tests.dialects import Said
from tests.talk import KEY, Talk, both_ways
from tests.wire import http

MAY_DIFFER = {
    "user-agent",  # who is speaking
    "accept-encoding",  # each unpacks what it can
    "connection",  # both keep it; HTTP/1.1 needs no word for that
    "content-length",  # the same JSON with other spaces and escapes
    "host",  # every name of loopback
}
OF_THE_SDKS = "x-stainless-"
"""Their platform, their retries, their versions."""

SYSTEM = {"role": "system", "content": "Antworte kurz. 你好 \u2028"}
TURNS = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Yes?"},
    {"role": "user", "content": "First."},
    {"role": "user", "content": "Second."},
]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
NAMED = {"name": "answer", "schema": SCHEMA, "strict": True}
Cases = list[tuple[Parameters, dict[str, Any]]]
"""Our parameters, and the SDK's arguments that mean the same."""

CHAT: Cases = [
    (Parameters(), {}),
    (
        Parameters(temperature=0.5, max_tokens=77, seed=5, stop=("a", "b")),
        {"temperature": 0.5, "max_tokens": 77, "seed": 5, "stop": ["a", "b"]},
    ),
    (Parameters(response_format="json"), {"response_format": {"type": "json_object"}}),
    (
        Parameters(response_format="json_schema", response_schema=SCHEMA),
        {"response_format": {"type": "json_schema", "json_schema": NAMED}},
    ),
    (
        Parameters(temperature=0.5, extra_body={"temperature": 1, "top_p": 0.25, "own": {"x": 1}}),
        {"temperature": 1, "top_p": 0.25, "extra_body": {"own": {"x": 1}}},
    ),
]
RESPONSES: Cases = [
    (Parameters(), {}),
    (Parameters(temperature=0.5, max_tokens=77), {"temperature": 0.5, "max_output_tokens": 77}),
    (Parameters(response_format="json"), {"text": {"format": {"type": "json_object"}}}),
    (
        Parameters(response_format="json_schema", response_schema=SCHEMA),
        {"text": {"format": {"type": "json_schema", **NAMED}}},
    ),
    (Parameters(extra_body={"store": True, "own": 1}), {"store": True, "extra_body": {"own": 1}}),
]
MESSAGES: Cases = [
    (Parameters(), {"max_tokens": 8192}),
    (
        Parameters(temperature=0.5, max_tokens=77, stop=("a", "b")),
        {"temperature": 0.5, "max_tokens": 77, "stop_sequences": ["a", "b"]},
    ),
    (
        Parameters(max_tokens=77, response_format="json_schema", response_schema=SCHEMA),
        {
            "max_tokens": 77,
            "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        },
    ),
    (
        Parameters(max_tokens=77, extra_body={"top_k": 3, "own": 1}),
        {"max_tokens": 77, "top_k": 3, "extra_body": {"own": 1}},
    ),
]
systems = pytest.mark.parametrize("system", [SYSTEM, None], ids=["system", "no system"])


def openai_sdk(talk: Talk) -> openai.OpenAI:
    client = openai.DefaultHttpxClient(trust_env=False)
    return openai.OpenAI(
        api_key=KEY, base_url=talk.wire.base_url, max_retries=0, http_client=client
    )


def anthropic_sdk(talk: Talk) -> anthropic.Anthropic:
    client = anthropic.DefaultHttpxClient(trust_env=False)
    root = talk.wire.base_url.removesuffix("/v1")
    return anthropic.Anthropic(api_key=KEY, base_url=root, max_retries=0, http_client=client)


def assert_same(talk: Talk) -> None:
    """The last two requests are the same."""
    assert len(talk.wire.paths) == 2
    assert talk.wire.methods[0] == talk.wire.methods[1]
    assert talk.wire.paths[0] == talk.wire.paths[1]
    bodies = [json.loads(body) if body else None for body in talk.wire.bodies]
    assert bodies[0] == bodies[1]
    ours, theirs = (
        {
            name: value
            for name, value in head.items()
            if name not in MAY_DIFFER and not name.startswith(OF_THE_SDKS)
        }
        for head in talk.wire.heads
    )
    assert ours == theirs


def ask(talk: Talk, parameters: Parameters, system: dict[str, str] | None, stream: bool) -> str:
    messages = [*([system] if system else []), *TURNS]
    connection = Connection(talk.wire.base_url, KEY)
    request = Request(connection, "m-1", messages, parameters, stream)
    return talk.provider.complete(request, Call(10), talk.told.append).text


@both_ways
@systems
@pytest.mark.parametrize("case", CHAT)
def test_chat_completions(
    talk_to: Callable[[str], Talk], case: Any, system: dict[str, str] | None, stream: bool
) -> None:
    talk = talk_to("openai")
    talk.says(Said(), stream)
    text = ask(talk, case[0], system, stream)
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    with openai_sdk(talk) as sdk:
        found: Any = sdk.chat.completions.create(
            model="m-1", messages=[*([system] if system else []), *TURNS], **case[1], **more
        )
        if stream:
            chunks = list(found)
            read = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
            assert chunks[-1].usage.prompt_tokens == 100
        else:
            read = found.choices[0].message.content
    assert text == read == "All is well."
    assert_same(talk)


def test_the_newer_name_of_the_limit(talk_to: Callable[[str], Talk]) -> None:
    talk = talk_to("openai")
    talk.says(Said(), False)
    talk.ask(model="gpt-5", max_tokens=5)
    with openai_sdk(talk) as sdk:
        sdk.chat.completions.create(
            model="gpt-5",
            messages=[{"role": "user", "content": "Hello"}],
            max_completion_tokens=5,
        )
    assert_same(talk)


@both_ways
@systems
@pytest.mark.parametrize("case", RESPONSES)
def test_responses(
    talk_to: Callable[[str], Talk], case: Any, system: dict[str, str] | None, stream: bool
) -> None:
    talk = talk_to("openai_responses")
    talk.says(Said(), stream)
    text = ask(talk, case[0], system, stream)
    more: dict[str, Any] = {"stream": True} if stream else {}
    if system:
        more["instructions"] = system["content"]
    with openai_sdk(talk) as sdk:
        found: Any = sdk.responses.create(
            model="m-1", input=TURNS, **{"store": False, **case[1]}, **more
        )
        if stream:
            events = list(found)
            read = "".join(e.delta for e in events if e.type == "response.output_text.delta")
            assert events[-1].response.usage.input_tokens == 100
        else:
            read = found.output_text
    assert text == read == "All is well."
    assert_same(talk)


@both_ways
@systems
@pytest.mark.parametrize("case", MESSAGES)
def test_messages(
    talk_to: Callable[[str], Talk], case: Any, system: dict[str, str] | None, stream: bool
) -> None:
    talk = talk_to("anthropic")
    talk.says(Said(), stream)
    text = ask(talk, case[0], system, stream)
    more: dict[str, Any] = {"stream": True} if stream else {}
    if system:
        more["system"] = system["content"]
    with anthropic_sdk(talk) as sdk:
        found: Any = sdk.messages.create(model="m-1", messages=TURNS, **case[1], **more)
        if stream:
            deltas = [e.delta for e in found if e.type == "content_block_delta"]
            read = "".join(d.text for d in deltas if d.type == "text_delta")
        else:
            read = "".join(block.text for block in found.content if block.type == "text")
    assert text == read == "All is well."
    assert_same(talk)


@pytest.mark.parametrize("name", ["openai", "openai_responses", "anthropic"])
def test_models(talk_to: Callable[[str], Talk], name: str) -> None:
    talk = talk_to(name)
    talk.wire.reply = http(talk.dialect.models(["m-1", "m-2"]))
    ours = talk.models()
    if name == "anthropic":
        with anthropic_sdk(talk) as sdk:
            theirs = [model.id for model in sdk.models.list(limit=1000)]
    else:
        with openai_sdk(talk) as sdk_:
            theirs = [model.id for model in sdk_.models.list()]
    assert ours == theirs == ["m-1", "m-2"]
    assert_same(talk)
