"""A provider: one family's translation, spoken over HTTP. What all families have in common."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..domain.errors import ProviderError
from ..domain.runs import Kind, Reason
from .base import Completion, Connection, OnText, Request
from .events import EventParser, EventTooLarge, is_event_stream
from .failures import failure
from .family import Family, Outgoing, Reader, UnusableAnswer
from .parsing import error_text, json_or_none, scrub
from .transport import Call, Incoming, Transport

MAX_PAGES = 20
"""Of a list of models."""
_DONE = "[DONE]"


class Client:
    """Speaks `family`. `now` tells the time for a Retry-After that is a date."""

    def __init__(self, family: Family, transport: Transport, now: Callable[[], datetime]) -> None:
        self._family = family
        self._transport = transport
        self._now = now

    def complete(self, request: Request, call: Call, on_text: OnText) -> Completion:
        """See `Provider.complete`."""
        outgoing = self._family.completion(request)
        with self._transport.open(outgoing, call) as incoming:
            self._check_status(incoming, request.stream)
            if is_event_stream(incoming.headers.get("Content-Type")):
                return self._streamed(incoming, on_text)
            return self._whole(incoming, on_text)

    def models(self, connection: Connection, call: Call) -> list[str]:
        """See `Provider.models`."""
        names: set[str] = set()
        after: str | None = None
        for _ in range(MAX_PAGES):
            outgoing = self._family.models(connection, after)
            page = self._page(outgoing, call)
            names.update(scrub(name) for name in page.names)
            if page.after is None or page.after == after:
                break
            after = page.after
        return sorted(names)

    def _page(self, outgoing: Outgoing, call: Call) -> Any:
        with self._transport.open(outgoing, call) as incoming:
            self._check_status(incoming, False)
            body = incoming.body()
        try:
            return self._family.model_page(json_or_none(body))
        except UnusableAnswer as error:
            raise _unusable(f"{error}: {error_text(None, body)}") from error

    def _check_status(self, incoming: Incoming, streamed: bool) -> None:
        if incoming.status != 200:
            raise failure(incoming.status, incoming.headers, incoming.body(), streamed, self._now())

    def _whole(self, incoming: Incoming, on_text: OnText) -> Completion:
        body = incoming.body()
        data = json_or_none(body)
        if not isinstance(data, dict):
            raise _unusable(f"not a JSON object: {error_text(None, body)}")
        if data.get("error"):
            raise _unusable(f"status 200, but an error: {error_text(data, body)}")
        try:
            completion = self._family.whole(data, incoming.status)
        except UnusableAnswer as error:
            raise _unusable(str(error)) from error
        if completion.text:
            on_text(completion.text)
        return completion

    def _streamed(self, incoming: Incoming, on_text: OnText) -> Completion:
        reader = self._family.reader()
        try:
            self._read(incoming, reader, on_text)
            if text := reader.end():
                on_text(text)
            if not (reader.answered or reader.closed):
                raise ProviderError(
                    Kind.MAYBE_BILLED,
                    Reason.CONNECTION_LOST,
                    "the stream ended before the answer did",
                    http_status=incoming.status,
                )
            return reader.completion(incoming.status)
        except UnusableAnswer as error:
            raise _unusable(str(error)) from error

    def _read(self, incoming: Incoming, reader: Reader, on_text: OnText) -> None:
        parser = EventParser()
        try:
            for piece in incoming.chunks():
                for event in parser.feed(piece):
                    if text := _take(reader, event.name, event.data):
                        on_text(text)
                    if reader.closed:
                        incoming.finish()
                        return
        except EventTooLarge as error:
            raise ProviderError(
                Kind.UNUSABLE_ANSWER, Reason.TOO_LARGE, str(error), http_status=incoming.status
            ) from error
        except ProviderError as error:
            # The connection went when all had been said: asking again would only be billed again.
            if not (reader.answered and error.kind is Kind.MAYBE_BILLED):
                raise


def _take(reader: Reader, name: str, text: str) -> str:
    if not text:
        return ""
    if text.strip() == _DONE:
        reader.closed = True
        return ""
    data = json_or_none(text)
    if not isinstance(data, dict):
        raise UnusableAnswer(f"an event is not a JSON object: {scrub(text)}")
    if data.get("error") or name == "error" or data.get("type") == "error":
        raise UnusableAnswer(f"an error in the stream: {error_text(data, text.encode())}")
    return reader.take(name, data)


def _unusable(text: str) -> ProviderError:
    return ProviderError(Kind.UNUSABLE_ANSWER, Reason.BAD_RESPONSE, text, http_status=200)
