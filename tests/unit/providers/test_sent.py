"""What every provider in the registry sends, and the list of models that it asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autoai.domain.errors import ProviderError
from autoai.domain.runs import Reason
from tests.dialects import Said
from tests.talk import KEY, UNUSABLE, Talk, both_ways
from tests.wire import http


@both_ways
def test_headers(talk: Talk, stream: bool) -> None:
    talk.says(Said(), stream)
    talk.ask(stream)
    (head,) = talk.wire.heads
    assert head[talk.dialect.key_header] == talk.dialect.key_prefix + KEY
    assert head["content-type"] == head["accept"] == "application/json"
    assert head["user-agent"] == "AutoAI"
    assert talk.wire.paths == [talk.dialect.completion_path]
    assert json.loads(talk.wire.bodies[0]).get("stream", False) is stream


@pytest.mark.parametrize("key", [None, ""])
def test_no_key(talk: Talk, key: str | None) -> None:
    talk.says(Said(), False)
    talk.ask(connection=talk.connection(api_key=key))
    assert not {"authorization", "x-api-key"} & set(talk.wire.heads[0])


def test_extra_headers_replace_ours(talk: Talk) -> None:
    extra = {
        talk.dialect.key_header.upper(): "mine",
        "USER-AGENT": "me",
        "content-Type": "application/json; charset=utf-8",
        "X-Org": "o",
    }
    talk.says(Said(), False)
    talk.ask(connection=talk.connection(extra_headers=extra))
    talk.wire.reply = http(talk.dialect.models(["m-1"]))
    talk.models(extra_headers=extra)
    for head in talk.wire.heads:
        assert head[talk.dialect.key_header] == "mine"
        assert (head["user-agent"], head["x-org"]) == ("me", "o")
    assert talk.wire.heads[0]["content-type"] == "application/json; charset=utf-8"


def test_extra_body_wins(talk: Talk) -> None:
    talk.says(Said(), False)
    talk.ask(temperature=0.5, extra_body={"temperature": 0.25, "model": "m-2", "x": [1]})
    body = json.loads(talk.wire.bodies[0])
    assert (body["temperature"], body["model"], body["x"]) == (0.25, "m-2", [1])


@pytest.mark.parametrize("base", ["", "/", "?api-version=2", "/?api-version=2"])
def test_base_and_full_url(talk: Talk, base: str) -> None:
    talk.says(Said(), False)
    path, _, query = base.partition("?")
    endpoints = [
        talk.wire.base_url + base,
        f"  {talk.wire.base_url}{talk.dialect.completion_path.removeprefix('/v1')}{base} ",
    ]
    for endpoint in endpoints:
        talk.ask(connection=talk.connection(endpoint=endpoint))
    reached = talk.dialect.completion_path + (f"?{query}" if query else "")
    assert talk.wire.paths == [reached, reached]
    assert path in ("", "/")


def test_the_request_is_left_as_it_was(talk: Talk) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    before = json.dumps(messages)
    talk.says(Said(), False)
    talk.ask(messages=messages, extra_body={"x": 1})
    assert json.dumps(messages) == before


def test_sorted_and_once(talk: Talk) -> None:
    talk.wire.reply = http(talk.dialect.models(["m-2", "m-1", "m-2", "m\x00"]))
    assert talk.models() == ["m-1", "m-2", "m\ufffd"]
    assert talk.wire.paths[0].partition("?")[0] == talk.dialect.models_path
    assert talk.wire.bodies[0] == b""
    assert talk.wire.heads[0][talk.dialect.key_header].endswith(KEY)
    assert "content-type" not in talk.wire.heads[0]


def test_from_the_full_url(talk: Talk) -> None:
    talk.wire.reply = http(talk.dialect.models(["m-1"]))
    path = talk.dialect.completion_path.removeprefix("/v1")
    assert talk.models(endpoint=f"{talk.wire.base_url}{path}?v=2") == ["m-1"]
    assert talk.wire.paths[0].startswith(f"{talk.dialect.models_path}?v=2")


def test_none(talk: Talk) -> None:
    talk.wire.reply = http(talk.dialect.models([]))
    assert talk.models() == []


@pytest.mark.parametrize("body", ["", "no", "{}", "[5]", {"data": 5}, {"data": [None, {"id": 5}]}])
def test_strange_lists(talk: Talk, body: Any) -> None:
    talk.wire.reply = http(body)
    try:
        assert talk.models() == []
    except ProviderError as error:
        assert (error.kind, error.reason) == UNUSABLE


def test_a_wrong_key(talk: Talk) -> None:
    talk.wire.reply = http(talk.dialect.error("who are you?"), 401)
    with pytest.raises(ProviderError) as caught:
        talk.models()
    assert (caught.value.reason, caught.value.http_status) == (Reason.AUTH, 401)
