"""Every family against aimock, which speaks all three and is written in another language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from autoai.domain.errors import ProviderError
from autoai.domain.runs import Kind, Reason
from autoai.providers.base import Completion, Connection, Parameters, Request, Usage
from autoai.providers.registry import PROVIDERS, make_providers
from autoai.providers.transport import Call, Transport
from tests.fakes import START
from tests.peers import AIMOCK, NODE, aimock

pytestmark = [
    pytest.mark.xdist_group("aimock"),
    pytest.mark.skipif(
        not (NODE and AIMOCK.exists()), reason="aimock is not installed (make test does, with npm)"
    ),
]
KEY = "sk-test-0123456789"
TEXT = "The capital of France is Paris. 你好 😀 and so on, for quite a while."
COUNTED = {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}
FIXTURES = [
    {"match": {"userMessage": "capital"}, "response": {"content": TEXT, "usage": COUNTED}},
    {"match": {"userMessage": "half"}, "response": {"content": "Half", "finishReason": "length"}},
    {
        "match": {"userMessage": "tool"},
        "response": {"toolCalls": [{"name": "f", "arguments": {"a": 1}}]},
    },
    {
        "match": {"userMessage": "slower"},
        "response": {"error": {"message": "Slower.", "type": "rate_limit_error"}, "status": 429},
    },
    {
        "match": {"userMessage": "pay"},
        "response": {
            "error": {"message": "Pay.", "type": "x", "code": "insufficient_quota"},
            "status": 429,
        },
    },
    {
        "match": {"userMessage": "overloaded"},
        "response": {"error": {"message": "Busy.", "type": "overloaded_error"}, "status": 529},
    },
    {
        "match": {"userMessage": "cut"},
        "response": {"content": TEXT},
        "truncateAfterChunks": 4,
    },
]

families = pytest.mark.parametrize("name", PROVIDERS)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with aimock(tmp_path_factory.mktemp("aimock"), KEY, FIXTURES) as found:
        yield found


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport(4, 10**6)
    yield transport
    transport.close()


class Side:
    """Our side: asks, and keeps what it was told."""

    def __init__(self, name: str, root: str, transport: Transport) -> None:
        self.provider = make_providers(transport, lambda: START)[name]
        self.connection = Connection(f"{root}/v1", KEY)
        self.told: list[str] = []

    def ask(self, words: str, stream: bool) -> Completion:
        self.told = []
        messages = [
            {"role": "system", "content": "You are terse."},
            {"role": "user", "content": words},
        ]
        request = Request(self.connection, "gpt-4o", messages, Parameters(max_tokens=99), stream)
        return self.provider.complete(request, Call(20), self.told.append)

    def refused(self, words: str, stream: bool) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            self.ask(words, stream)
        return caught.value


@pytest.fixture
def side(name: str, root: str, transport: Transport) -> Side:
    return Side(name, root, transport)


@families
@both_ways
def test_an_answer(side: Side, stream: bool) -> None:
    found = side.ask("What is the capital?", stream)
    assert (found.text, found.finish_reason) == (TEXT, "stop")
    assert found.usage == Usage(11, 2)
    assert "".join(side.told) == TEXT
    assert (len(side.told) > 5) is stream


@families
@both_ways
def test_an_answer_that_was_cut_short(side: Side, stream: bool) -> None:
    found = side.ask("half of it", stream)
    assert (found.text, found.finish_reason) == ("Half", "length")


@families
@both_ways
def test_tool_calls(side: Side, stream: bool) -> None:
    found = side.ask("a tool", stream)
    assert (found.text, found.tool_calls, found.finish_reason) == ("", True, "tool_calls")


@families
@both_ways
@pytest.mark.parametrize(
    ("words", "status", "kind", "reason"),
    [
        ("slower", 429, Kind.THROTTLED, Reason.RATE_LIMITED),
        ("overloaded", 529, Kind.THROTTLED, Reason.SERVER_ERROR),
        ("nobody knows", 404, Kind.REJECTED, Reason.REJECTED),
    ],
)
def test_errors(
    side: Side, stream: bool, words: str, status: int, kind: Kind, reason: Reason
) -> None:
    error = side.refused(words, stream)
    assert (error.kind, error.reason, error.http_status) == (kind, reason, status)
    assert not error.final and not error.stream_refused and side.told == []


@pytest.mark.parametrize("name", ["openai", "openai_responses"])
def test_no_money_left(side: Side) -> None:
    assert side.refused("pay", False).final


@families
@both_ways
def test_a_wrong_key(side: Side, stream: bool) -> None:
    side.connection = replace(side.connection, api_key="sk-wrong-0123456789")
    error = side.refused("What is the capital?", stream)
    assert (error.reason, error.http_status) == (Reason.AUTH, 401)
    assert "sk-wrong" not in error.message


@families
def test_a_stream_that_breaks_off(side: Side) -> None:
    error = side.refused("cut", True)
    assert (error.kind, error.reason) == (Kind.MAYBE_BILLED, Reason.CONNECTION_LOST)
    assert TEXT.startswith("".join(side.told))


@families
def test_models(side: Side) -> None:
    found = side.provider.models(side.connection, Call(20))
    assert "gpt-4o" in found
