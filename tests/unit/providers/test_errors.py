"""What every provider in the registry makes of errors, of cut streams and of nonsense."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autoai.domain.errors import CallEnded, ProviderError
from autoai.domain.runs import Kind, Reason
from autoai.providers.base import Request
from autoai.providers.transport import Call
from tests.dialects import Said, sse
from tests.talk import KEY, LIMIT, LOST, UNUSABLE, Talk, both_ways
from tests.wire import http


@both_ways
@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (400, Kind.REJECTED, Reason.REJECTED),
        (401, Kind.REJECTED, Reason.AUTH),
        (403, Kind.REJECTED, Reason.AUTH),
        (404, Kind.REJECTED, Reason.REJECTED),
        (413, Kind.REJECTED, Reason.REJECTED),
        (429, Kind.THROTTLED, Reason.RATE_LIMITED),
        (500, Kind.SERVER_ERROR, Reason.SERVER_ERROR),
        (502, Kind.SERVER_ERROR, Reason.SERVER_ERROR),
        (503, Kind.THROTTLED, Reason.SERVER_ERROR),
        (529, Kind.THROTTLED, Reason.SERVER_ERROR),
        (302, Kind.REJECTED, Reason.REDIRECT),
        (202, Kind.UNUSABLE_ANSWER, Reason.PROTOCOL),
    ],
)
def test_statuses(talk: Talk, stream: bool, status: int, kind: Kind, reason: Reason) -> None:
    talk.wire.reply = http(talk.dialect.error("because"), status, Retry_After="7")
    error = talk.refused(stream)
    assert (error.kind, error.reason, error.http_status) == (kind, reason, status)
    assert error.message == f"HTTP {status}: because"
    assert (error.retry_after, error.final, error.stream_refused) == (7, False, False)
    assert len(talk.wire.paths) == 1 and talk.told == []


@pytest.mark.parametrize(
    ("status", "more"),
    [
        (429, {"code": "insufficient_quota"}),
        (429, {"type": "insufficient_quota"}),
        (429, {"code": "billing_hard_limit_reached"}),
        (400, {"type": "billing_error"}),
        (429, {"details": {"error_code": "enforced_spend_limit_reached"}}),
        (402, {}),
    ],
)
def test_no_money_is_final(talk: Talk, status: int, more: dict[str, Any]) -> None:
    talk.wire.reply = http(talk.dialect.error("pay", **more), status)
    assert talk.refused().final


@pytest.mark.parametrize("code", [["insufficient_quota"], {"a": 1}, 5, None, "rate_limit"])
def test_other_codes_are_not(talk: Talk, code: Any) -> None:
    talk.wire.reply = http(talk.dialect.error("slower", code=code, details=code), 429)
    assert not talk.refused().final


@pytest.mark.parametrize(
    ("status", "message", "streamed", "refused"),
    [
        (400, "Unknown parameter: 'stream_options'.", True, True),
        (400, "Streaming is not supported for this model", True, True),
        (422, '[{"loc": ["body", "stream"], "msg": "extra"}]', True, True),
        (501, "stream: not implemented", True, True),
        (400, "stream", False, False),
        (400, "upstream connect error", True, False),
        (500, "stream", True, False),
        (401, "stream", True, False),
        (403, "stream", True, False),
        (404, "no such stream", True, False),
        (429, "too many streams", True, False),
    ],
)
def test_no_streams_here(
    talk: Talk, status: int, message: str, streamed: bool, refused: bool
) -> None:
    talk.wire.reply = http(talk.dialect.error(message), status)
    assert talk.refused(streamed).stream_refused is refused


def test_the_parameter_says_it(talk: Talk) -> None:
    talk.wire.reply = http(talk.dialect.error("Unsupported value", param="stream"), 400)
    assert talk.refused(True).stream_refused


def test_an_error_in_an_event_of_a_refused_stream(talk: Talk) -> None:
    body = sse([(None, talk.dialect.error("because"))])
    talk.wire.reply = http(body, 400, Content_Type="text/event-stream")
    assert talk.refused(True).message == "HTTP 400: because"


@both_ways
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("plain words", "plain words"),
        ("", "(nothing)"),
        ({"error": "words"}, "words"),
        ({"message": "words", "code": 3}, "words"),
        ({"detail": "words"}, "words"),
        ([{"error": {"message": "words"}}], "words"),
        ({"error": {"message": "a\x00\ud800"}}, "a\ufffd\ufffd"),
        ("[[[[", "[[[["),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_the_words_of_an_error(talk: Talk, stream: bool, body: Any, said: str) -> None:
    talk.wire.reply = http(body, 500)
    assert talk.refused(stream).message == f"HTTP 500: {said}"


@both_ways
def test_a_200_that_is_an_error(talk: Talk, stream: bool) -> None:
    talk.wire.reply = http(talk.dialect.error("out of luck"))
    error = talk.refused(stream)
    assert (error.kind, error.reason) == UNUSABLE
    assert error.http_status == 200 and "out of luck" in error.message


@pytest.mark.parametrize(
    "body",
    ["", "no", "null", "[]", '"x"', "{}", "5", b"\xff", '{"a":' * 5_000, "<html>"],
)
def test_a_200_that_is_nothing(talk: Talk, body: Any) -> None:
    talk.wire.reply = http(body)
    error = talk.refused()
    assert (error.kind, error.reason, error.http_status) == (*UNUSABLE, 200)


def test_an_error_in_the_stream(talk: Talk) -> None:
    begun = talk.dialect.events(Said(["Once "]))[:-3]
    talk.streams(sse([*begun, *talk.dialect.error_event("overloaded")]))
    error = talk.refused(True)
    assert (error.kind, error.reason, error.http_status) == (*UNUSABLE, 200)
    assert "overloaded" in error.message


@pytest.mark.parametrize("data", ["no JSON", "[]", "null", "5", '{"a":' * 5_000])
def test_an_event_that_is_nothing(talk: Talk, data: str) -> None:
    talk.streams(sse([*talk.dialect.events(Said())[:3], (None, data)]))
    error = talk.refused(True)
    assert (error.kind, error.reason) == UNUSABLE


def test_a_stream_that_is_cut(talk: Talk) -> None:
    """After any byte: either the answer had ended, or the error says that it had not."""
    body = sse(talk.dialect.events(Said()))
    complete = 0
    for at in range(0, len(body), 7):
        talk.streams(body[:at])
        try:
            found = talk.ask(True)
        except ProviderError as error:
            assert (error.kind, error.reason) == LOST, at
            assert not complete
            assert Said().text.startswith("".join(talk.told))
        else:
            complete += 1
            assert found.text == "All is well."
            assert found.finish_reason == "stop"


def test_a_connection_that_is_lost_in_the_stream(talk: Talk) -> None:
    body = sse(talk.dialect.events(Said())[:4])
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    talk.wire.reply = head + b"Content-Length: 100000\r\n\r\n" + body
    error = talk.refused(True)
    assert (error.kind, error.reason) == LOST


def test_a_connection_that_is_lost_when_all_was_said(talk: Talk) -> None:
    body = sse(talk.dialect.events(Said()))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    for whole in (body, body.removesuffix(b"data: [DONE]\n\n")):
        talk.wire.reply = head + b"Content-Length: 100000\r\n\r\n" + whole
        assert talk.ask(True).text == "All is well."


def test_a_stream_of_nothing(talk: Talk) -> None:
    for body in (b"", b": hello\n\n", b"event: ping\ndata:\n\n"):
        talk.streams(body)
        error = talk.refused(True)
        assert (error.kind, error.reason) == LOST
    talk.streams(b"data: [DONE]\n\n")
    error = talk.refused(True)
    assert (error.kind, error.reason) == UNUSABLE


def test_strange_shapes_are_no_fault_of_ours(talk: Talk) -> None:
    """Every value of a good answer replaced by a wrong one: an answer or an error, no crash."""
    for wrong in (None, 5, "x", [], {}, [None], [[1]], True, 1e400):
        for data in _replaced(talk.dialect.whole(Said(ended="refusal")), wrong):
            talk.wire.reply = http(json.dumps(data))
            _either(talk, False)
        events = talk.dialect.events(Said(["x"]))
        for at, (name, data) in enumerate(events):
            for changed in _replaced(data, wrong) if isinstance(data, dict) else []:
                talk.streams(sse([*events[:at], (name, changed), *events[at + 1 :]]))
                _either(talk, True)


def test_too_large(talk: Talk) -> None:
    talk.streams(b"data: " + b"x" * LIMIT)
    error = talk.refused(True)
    assert (error.kind, error.reason) == (Kind.UNUSABLE_ANSWER, Reason.TOO_LARGE)


def test_a_call_that_was_ended(talk: Talk) -> None:
    call = Call(10)
    talk.says(Said(["one", "two"]), True)
    request = Request(talk.connection(), "m-1", [], stream=True)
    call.end(Reason.CANCELLED)
    with pytest.raises(CallEnded):
        talk.provider.complete(request, call, lambda text: None)


@pytest.mark.parametrize("key", ["sk-\nsecret", "sk-secret\r\nX: y", "sk-\u2028secret", "sk-钥"])
def test_a_key_that_no_header_can_hold(talk: Talk, key: str) -> None:
    error = talk.refused(connection=talk.connection(api_key=key))
    assert error.kind is Kind.NEVER_SENT and error.final
    assert "secret" not in repr(error) + str(error) and "钥" not in str(error)
    assert talk.wire.paths == []


@both_ways
def test_the_key_is_in_no_error_of_ours(talk: Talk, stream: bool) -> None:
    replies = [http({}, 401), http(b"", 500), http("{}"), b"", b"HTTP/1.1 200 OK\r\n\r\n"]
    replies.append(http(b"data: {}\n\n", Content_Type="text/event-stream"))
    for reply in replies:
        talk.wire.reply = reply
        error = talk.refused(stream)
        assert KEY not in repr(error) + str(error) + repr(error.__cause__)
    assert KEY not in repr(talk.connection())


def _replaced(data: Any, wrong: Any) -> list[Any]:
    """Copies of `data` in which one value each is `wrong`."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    found = []
    for key, value in items:
        for changed in [
            wrong,
            *(_replaced(value, wrong) if isinstance(value, dict | list) else []),
        ]:
            copy = data.copy()
            copy[key] = changed
            found.append(copy)
    return found


def _either(talk: Talk, stream: bool) -> None:
    try:
        found = talk.ask(stream)
    except ProviderError:
        return
    assert isinstance(found.text, str)
    assert found.model is None or isinstance(found.model, str)
    assert found.finish_reason is None or isinstance(found.finish_reason, str)
    assert "".join(talk.told) == found.text
