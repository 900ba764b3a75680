"""Every family against llmock, whole and streamed, and every way in which it breaks a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from autoai.domain.errors import ProviderError
from autoai.domain.runs import Kind, Reason
from autoai.providers.base import Completion, Connection, Parameters, Request
from autoai.providers.registry import PROVIDERS, make_providers
from autoai.providers.transport import Call, Transport
from tests.fakes import START
from tests.peers import LLMock, llmock

pytestmark = pytest.mark.xdist_group("llmock")
BASES = {"openai": "/v1", "openai_responses": "/v1", "anthropic": "/anthropic"}
TEXT = "The capital of France is Paris, and it has been for a long time. 你好 😀"
LOST = (Kind.MAYBE_BILLED, Reason.CONNECTION_LOST)
UNUSABLE = (Kind.UNUSABLE_ANSWER, Reason.BAD_RESPONSE)

families = pytest.mark.parametrize("name", PROVIDERS)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def mock() -> Iterator[LLMock]:
    with llmock() as found:
        yield found


class Side:
    """Our side: asks, and keeps what it was told."""

    def __init__(self, mock: LLMock, transport: Transport) -> None:
        self._mock = mock
        self._providers = make_providers(transport, lambda: START)
        self.told = ""

    def connection(self, name: str) -> Connection:
        return Connection(self._mock.root + BASES[name], "sk-test")

    def ask(self, name: str, stream: bool, timeout: float = 20, **more: Any) -> Completion:
        self.told = ""
        request = Request(
            self.connection(name),
            "claude-sonnet-4-5" if name == "anthropic" else "gpt-4o-mini",
            [
                {"role": "system", "content": "You are terse."},
                {"role": "user", "content": "What is the capital of France?"},
            ],
            Parameters(**more),
            stream,
        )
        return self._providers[name].complete(request, Call(timeout), self._tell)

    def refused(self, name: str, stream: bool, timeout: float = 20) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            self.ask(name, stream, timeout)
        return caught.value

    def models(self, name: str) -> list[str]:
        return self._providers[name].models(self.connection(name), Call(20))

    def _tell(self, text: str) -> None:
        self.told += text


@pytest.fixture
def side(mock: LLMock) -> Iterator[Side]:
    transport = Transport(4, 10**6)
    yield Side(mock, transport)
    transport.close()


@families
@both_ways
def test_an_answer(mock: LLMock, side: Side, name: str, stream: bool) -> None:
    mock.script({"type": "reply", "text": TEXT})
    found = side.ask(name, stream, temperature=0.5, max_tokens=100)
    assert (found.text, found.finish_reason, found.refused) == (TEXT, "stop", False)
    assert side.told == TEXT
    assert found.usage.input_tokens and found.usage.output_tokens
    assert len(mock.requests()) == 1


@families
@both_ways
def test_an_answer_that_was_cut_short(mock: LLMock, side: Side, name: str, stream: bool) -> None:
    reason = {"anthropic": "max_tokens"}.get(name, "length")
    mock.script({"type": "reply", "text": "The capital of", "finish_reason": reason})
    found = side.ask(name, stream)
    assert (found.text, found.finish_reason) == ("The capital of", "length")


@families
@both_ways
def test_tool_calls(mock: LLMock, side: Side, name: str, stream: bool) -> None:
    mock.script({"type": "reply", "tool_calls": [{"name": "f", "arguments": {"a": 1}}]})
    found = side.ask(name, stream)
    assert (found.text, found.tool_calls, found.finish_reason) == ("", True, "tool_calls")


@families
@both_ways
@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (400, Kind.REJECTED, Reason.REJECTED),
        (401, Kind.REJECTED, Reason.AUTH),
        (404, Kind.REJECTED, Reason.REJECTED),
        (429, Kind.THROTTLED, Reason.RATE_LIMITED),
        (500, Kind.SERVER_ERROR, Reason.SERVER_ERROR),
        (503, Kind.THROTTLED, Reason.SERVER_ERROR),
        (529, Kind.THROTTLED, Reason.SERVER_ERROR),
    ],
)
def test_errors(
    mock: LLMock, side: Side, name: str, stream: bool, status: int, kind: Kind, reason: Reason
) -> None:
    mock.script({"type": "fail", "status": status, "message": "because", "retry_after": 3})
    error = side.refused(name, stream)
    assert (error.kind, error.reason, error.http_status) == (kind, reason, status)
    assert error.message == f"HTTP {status}: because"
    assert error.retry_after == 3 and not error.stream_refused


@families
@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("fault", ["disconnect", "truncate"])
def test_a_stream_that_breaks_off(
    mock: LLMock, side: Side, name: str, fault: str, after: int
) -> None:
    """Its maker's own SDK takes a truncated one for an answer."""
    fault_ = {"type": "stream_fault", "kind": fault, "after_chunks": after}
    mock.script({"type": "reply", "text": TEXT}, fault_)
    error = side.refused(name, True)
    assert (error.kind, error.reason) == LOST
    assert TEXT.startswith(side.told) and side.told != TEXT


@families
def test_a_stream_with_a_broken_event(mock: LLMock, side: Side, name: str) -> None:
    fault = {"type": "stream_fault", "kind": "malformed", "after_chunks": 2}
    mock.script({"type": "reply", "text": TEXT}, fault)
    error = side.refused(name, True)
    assert (error.kind, error.reason) == UNUSABLE


@families
def test_a_stream_that_stalls(mock: LLMock, side: Side, name: str) -> None:
    fault = {"type": "stream_fault", "kind": "stall", "after_chunks": 2, "stall_seconds": 30}
    mock.script({"type": "reply", "text": TEXT}, fault)
    error = side.refused(name, True, timeout=1)
    assert (error.kind, error.reason) == (Kind.MAYBE_BILLED, Reason.DEADLINE)


@families
def test_models(side: Side, name: str) -> None:
    found = side.models(name)
    assert found and found == sorted(set(found))
