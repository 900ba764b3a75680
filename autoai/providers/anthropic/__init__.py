"""The Messages API of Anthropic, and of the servers that took it over."""

from __future__ import annotations

from typing import Any

from ..base import Completion, Connection, Request
from ..family import Page, Reader
from ..transport import Outgoing
from .answer import EventReader, model_page, whole
from .request import completion, messages_url, models

__all__ = ["Messages", "messages_url"]


class Messages:
    """The family; see `Family`."""

    limits = ("max_tokens",)

    def completion(self, request: Request) -> Outgoing:
        return completion(request)

    def whole(self, data: dict[str, Any], http_status: int) -> Completion:
        return whole(data, http_status)

    def reader(self) -> Reader:
        return EventReader()

    def models(self, connection: Connection, after: str | None) -> Outgoing:
        return models(connection, after)

    def model_page(self, data: Any) -> Page:
        return model_page(data)
