"""A provider and the other side of its wire, which answers what a test tells it to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from autoai.domain.errors import ProviderError
from autoai.domain.runs import Kind, Reason
from autoai.providers.base import Completion, Connection, Parameters, Provider, Request
from autoai.providers.transport import Call
from tests.dialects import Dialect, Said, sse
from tests.wire import Wire, http

KEY = "sk-0123456789-abcdef"
LIMIT = 256 * 1024
UNUSABLE = (Kind.UNUSABLE_ANSWER, Reason.BAD_RESPONSE)
LOST = (Kind.MAYBE_BILLED, Reason.CONNECTION_LOST)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@dataclass
class Talk:
    """One provider, and what it hears."""

    provider: Provider
    dialect: Dialect
    wire: Wire
    told: list[str] = field(default_factory=list)
    """What `on_text` was told in the last call."""

    def says(self, said: Said, stream: bool) -> None:
        """The other side answers this."""
        if stream:
            self.streams(sse(self.dialect.events(said)))
        else:
            self.wire.reply = http(self.dialect.whole(said))

    def streams(self, body: bytes) -> None:
        """The other side answers these bytes as an event stream."""
        self.wire.reply = http(body, Content_Type="text/event-stream; charset=utf-8")

    def connection(self, **more: Any) -> Connection:
        return Connection(**{"endpoint": self.wire.base_url, "api_key": KEY, **more})

    def ask(
        self,
        stream: bool = False,
        connection: Connection | None = None,
        messages: list[dict[str, str]] | None = None,
        **parameters: Any,
    ) -> Completion:
        self.told = []
        request = Request(
            connection or self.connection(),
            parameters.pop("model", "m-1"),
            messages or [{"role": "user", "content": "Hello"}],
            Parameters(**parameters),
            stream,
        )
        return self.provider.complete(request, Call(10), self.told.append)

    def refused(self, stream: bool = False, **more: Any) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            self.ask(stream, **more)
        return caught.value

    def models(self, **more: Any) -> list[str]:
        return self.provider.models(self.connection(**more), Call(10))
