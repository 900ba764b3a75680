"""Chat Completions over a real socket: what is sent, and what becomes of every odd answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from autoai.domain.errors import ProviderError
from autoai.domain.runs import Kind, Reason
from autoai.providers.base import Completion, Connection, Provider, Request, Usage
from autoai.providers.openai import chat_completions_url
from autoai.providers.registry import make_providers
from autoai.providers.transport import Call, Transport
from tests.fakes import START
from tests.wire import Wire, answer, http, wire

LIMIT = 64 * 1024


@pytest.fixture
def other_side() -> Iterator[Wire]:
    with wire() as server:
        yield server


@pytest.fixture
def provider() -> Iterator[Provider]:
    transport = Transport(4, LIMIT)
    yield make_providers(transport, lambda: START)["openai"]
    transport.close()


def ask(provider: Provider, endpoint: str, timeout: float = 10, **more: Any) -> Completion:
    values = {"model": "m-1", "messages": [], **more}
    request = Request(Connection(endpoint, values.pop("api_key", "sk-test")), **values)
    return provider.complete(request, Call(timeout), lambda text: None)


def refused(provider: Provider, endpoint: str, timeout: float = 10) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask(provider, endpoint, timeout)
    return caught.value


@pytest.mark.parametrize(
    ("entered", "reached"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
        (" https://a.b/v1/chat/completions ", "https://a.b/v1/chat/completions"),
        ("https://a.b/v1/chat/completions/", "https://a.b/v1/chat/completions"),
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434/chat/completions"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1/chat/completions"),
        ("https://a.b/v1?api-version=2", "https://a.b/v1/chat/completions?api-version=2"),
        ("https://a.b/v1/chat/completions?v=2#x", "https://a.b/v1/chat/completions?v=2"),
    ],
)
def test_base_and_full_url_reach_the_same_place(entered: str, reached: str) -> None:
    assert chat_completions_url(entered) == reached
    assert chat_completions_url(reached) == reached


def test_what_is_sent(provider: Provider, other_side: Wire) -> None:
    other_side.reply = http(answer())
    messages = [{"role": "user", "content": "Grüß Gott, 你好 \u2028"}]
    ask(provider, other_side.base_url, messages=messages)
    ask(provider, other_side.base_url + "/chat/completions", messages=messages, api_key=None)
    assert other_side.paths == ["/v1/chat/completions"] * 2
    first, second = other_side.heads
    assert first["authorization"] == "Bearer sk-test"
    assert "authorization" not in second
    assert first["content-type"] == "application/json"
    assert json.loads(other_side.bodies[0]) == {"model": "m-1", "messages": messages}


def test_the_environment_has_no_say(
    provider: Provider, other_side: Wire, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """A .netrc would replace the key, a proxy would see it."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login thief password thief")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    other_side.reply = http(answer())
    ask(provider, other_side.base_url)
    assert other_side.heads[0]["authorization"] == "Bearer sk-test"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (answer("Hi."), "Hi."),
        (answer([{"type": "text", "text": "a"}, {"type": "x"}, 5, {"text": "b"}]), "ab"),
        (answer("a\x00b\ud800c"), "a\ufffdb\ufffdc"),
        (answer(None), ""),
        (answer(5), ""),
        (answer({"no": "text"}), ""),
        ("\ufeff" + json.dumps(answer("BOM")), "BOM"),
    ],
)
def test_texts(provider: Provider, other_side: Wire, body: Any, text: str) -> None:
    other_side.reply = http(body)
    assert ask(provider, other_side.base_url).text == text


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        (None, Usage()),
        ("many", Usage()),
        ({"prompt_tokens": 3, "completion_tokens": 5}, Usage(3, 5)),
        ({"prompt_tokens": -1, "completion_tokens": 1e30}, Usage()),
        ({"prompt_tokens": True, "completion_tokens": 10**30}, Usage()),
        (
            {
                "prompt_tokens_details": {"cached_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(None, None, 2, 7),
        ),
        ({"prompt_tokens_details": [], "completion_tokens_details": 4}, Usage()),
    ],
)
def test_usage(provider: Provider, other_side: Wire, usage: Any, found: Usage) -> None:
    other_side.reply = http(answer(usage=usage))
    assert ask(provider, other_side.base_url).usage == found


def test_flags(provider: Provider, other_side: Wire) -> None:
    other_side.reply = http(
        answer(None, message={"refusal": "no", "tool_calls": [{}]}, choice={"finish_reason": 5})
    )
    found = ask(provider, other_side.base_url)
    assert (found.refused, found.tool_calls, found.finish_reason) == (True, True, None)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not JSON",
        "null",
        "[]",
        '"text"',
        "{}",
        {"choices": []},
        {"choices": {}},
        {"choices": [None]},
        {"choices": [{}]},
        {"choices": [{"message": "text"}]},
        {"error": {"message": "out of luck"}},
        {"error": "out of luck", **answer()},
        '{"a":' * 5_000,
        '{"n": ' + "9" * 5_000 + "}",
        b"\xff\xfe\x00",
        "<html>502</html>",
    ],
)
def test_a_200_that_is_no_completion(provider: Provider, other_side: Wire, body: Any) -> None:
    other_side.reply = http(body)
    error = refused(provider, other_side.base_url)
    assert (error.kind, error.reason) == (Kind.UNUSABLE_ANSWER, Reason.BAD_RESPONSE)
    assert error.http_status == 200


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (400, Kind.REJECTED, Reason.REJECTED),
        (401, Kind.REJECTED, Reason.AUTH),
        (403, Kind.REJECTED, Reason.AUTH),
        (404, Kind.REJECTED, Reason.REJECTED),
        (408, Kind.REJECTED, Reason.REJECTED),
        (429, Kind.THROTTLED, Reason.RATE_LIMITED),
        (500, Kind.SERVER_ERROR, Reason.SERVER_ERROR),
        (502, Kind.SERVER_ERROR, Reason.SERVER_ERROR),
        (503, Kind.THROTTLED, Reason.SERVER_ERROR),
        (504, Kind.SERVER_ERROR, Reason.SERVER_ERROR),
        (599, Kind.SERVER_ERROR, Reason.SERVER_ERROR),
        (204, Kind.UNUSABLE_ANSWER, Reason.PROTOCOL),
        (206, Kind.UNUSABLE_ANSWER, Reason.PROTOCOL),
        (301, Kind.REJECTED, Reason.REDIRECT),
        (307, Kind.REJECTED, Reason.REDIRECT),
        (600, Kind.REJECTED, Reason.REJECTED),
        (999, Kind.REJECTED, Reason.REJECTED),
    ],
)
def test_statuses(
    provider: Provider, other_side: Wire, status: int, kind: Kind, reason: Reason
) -> None:
    body = {"error": {"message": "because"}} if status != 204 else b""
    other_side.reply = http(body, status, Location="http://127.0.0.1:1/steal")
    error = refused(provider, other_side.base_url)
    assert (error.kind, error.reason, error.http_status) == (kind, reason, status)
    assert len(other_side.paths) == 1, "nothing is followed"
    assert status == 204 or error.message == f"HTTP {status}: because"


@pytest.mark.parametrize("where", ["code", "type"])
def test_no_money_is_final(provider: Provider, other_side: Wire, where: str) -> None:
    other_side.reply = http({"error": {"message": "pay", where: "insufficient_quota"}}, 429)
    assert refused(provider, other_side.base_url).final


def test_retry_after_is_read(provider: Provider, other_side: Wire) -> None:
    other_side.reply = http({}, 429, Retry_After="7")
    assert refused(provider, other_side.base_url).retry_after == 7
    other_side.reply = http({}, 503, Retry_After="Mon, 02 Mar 2026 12:00:09 GMT")
    assert refused(provider, other_side.base_url).retry_after == 9
    other_side.reply = http({}, 429, Retry_After="soon")
    assert refused(provider, other_side.base_url).retry_after is None
