"""Chat Completions over a real socket: what is sent, and what becomes of every odd answer."""

from __future__ import annotations

import gzip
import json
import socket
import threading
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


class TestOnTheWire:
    @pytest.mark.parametrize(
        "reply",
        [
            b"",
            b"HTTP/1.",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nonly this",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        ],
    )
    def test_cut(self, provider: Provider, other_side: Wire, reply: bytes) -> None:
        other_side.reply = reply
        error = refused(provider, other_side.base_url)
        assert (error.kind, error.reason) == (Kind.MAYBE_BILLED, Reason.CONNECTION_LOST)

    @pytest.mark.parametrize(
        "reply",
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: cunked\r\n\r\n2\r\n{}\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}",
            b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 100 Continue\r\n\r\n" * 200,
            b"SSH-2.0-OpenSSH_9\r\n",
            b"HTTP/1.1 abc OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n{}",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n{}",
        ],
    )
    def test_not_http(self, provider: Provider, other_side: Wire, reply: bytes) -> None:
        other_side.reply = reply
        error = refused(provider, other_side.base_url)
        assert (error.kind, error.reason) == (Kind.UNUSABLE_ANSWER, Reason.PROTOCOL)

    def test_interim_answers_are_skipped(self, provider: Provider, other_side: Wire) -> None:
        hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        other_side.reply = b"HTTP/1.1 100 Continue\r\n\r\n" + hint * 99 + http(answer())
        assert ask(provider, other_side.base_url).text == "Good day."

    @pytest.mark.parametrize(
        "reply",
        [
            http(b"x" * (LIMIT + 1)),
            http(gzip.compress(b"x" * 30_000_000), Content_Encoding="gzip"),
            http(b"x" * (LIMIT + 1), 500),
        ],
    )
    def test_too_large(self, provider: Provider, other_side: Wire, reply: bytes) -> None:
        other_side.reply = reply
        error = refused(provider, other_side.base_url)
        assert (error.kind, error.reason) == (Kind.UNUSABLE_ANSWER, Reason.TOO_LARGE)

    def test_compressed(self, provider: Provider, other_side: Wire) -> None:
        packed = gzip.compress(json.dumps(answer("small")).encode())
        other_side.reply = http(packed, Content_Encoding="gzip")
        assert ask(provider, other_side.base_url).text == "small"

    def test_broken_compression(self, provider: Provider, other_side: Wire) -> None:
        other_side.reply = http(b"not gzip", Content_Encoding="gzip")
        error = refused(provider, other_side.base_url)
        assert (error.kind, error.reason) == (Kind.UNUSABLE_ANSWER, Reason.BAD_RESPONSE)

    def test_silence_ends_at_the_deadline(self, provider: Provider) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
            error = refused(provider, url, timeout=0.2)
        assert (error.kind, error.reason) == (Kind.MAYBE_BILLED, Reason.TIMEOUT)

    def test_nobody_listens(self, provider: Provider) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        error = refused(provider, f"http://127.0.0.1:{port}/v1")
        assert (error.kind, error.reason) == (Kind.NEVER_SENT, Reason.NEVER_SENT)
        assert error.message == "Connection refused"

    @pytest.mark.parametrize(
        "endpoint",
        [
            "http://*.example/v1",
            "http://.example/v1",
            "http://exam\u00adple\u2028/v1",
            f"http://{'a' * 70}.example/v1",
            "http://a..b/v1",
            "http://host:99999/v1",
            "http://no-such-name.invalid/v1",
        ],
    )
    def test_an_address_that_leads_nowhere(self, provider: Provider, endpoint: str) -> None:
        error = refused(provider, endpoint)
        assert error.kind is Kind.NEVER_SENT

    def test_a_machine_without_more_threads(self, provider: Provider, other_side: Wire) -> None:
        """A thread's stack of 16 TiB is one that the kernel refuses. Afterwards all is well."""
        other_side.reply = http(answer())
        by_name = other_side.base_url.replace("127.0.0.1", "localhost")
        for url in (other_side.base_url, by_name):
            before = threading.stack_size(1 << 44)
            try:
                error = refused(make_providers(Transport(1, LIMIT), lambda: START)["openai"], url)
            finally:
                threading.stack_size(before)
            assert (error.kind, error.message) == (Kind.NEVER_SENT, "no thread could be started")
        assert ask(provider, other_side.base_url).text == "Good day."
        before = threading.stack_size(1 << 44)
        try:
            error = refused(provider, by_name)
        finally:
            threading.stack_size(before)
        assert error.kind is Kind.NEVER_SENT
        assert ask(provider, by_name).text == "Good day."

    def test_plain_http_where_tls_is_spoken(self, provider: Provider, other_side: Wire) -> None:
        error = refused(provider, other_side.base_url.replace("http:", "https:"), timeout=0.5)
        assert error.kind is Kind.NEVER_SENT
