"""The Responses API of OpenAI, and of the servers that took it over."""

from __future__ import annotations

from typing import Any

from ..base import Completion, Connection, Request
from ..family import Page, Reader
from ..openai.answer import model_page
from ..openai.request import models
from ..transport import Outgoing
from .answer import EventReader, whole
from .request import FULL, completion, responses_url

__all__ = ["Responses", "responses_url"]


class Responses:
    """The family; see `Family`. Its models are listed like those of Chat Completions."""

    limits = ("max_output_tokens",)

    def completion(self, request: Request) -> Outgoing:
        return completion(request)

    def whole(self, data: dict[str, Any], http_status: int) -> Completion:
        return whole(data, http_status)

    def reader(self) -> Reader:
        return EventReader()

    def models(self, connection: Connection, after: str | None) -> Outgoing:
        return models(connection, FULL)

    def model_page(self, data: Any) -> Page:
        return model_page(data)
