"""Chat Completions, as OpenAI, Ollama, vLLM, LiteLLM, DeepSeek, Groq and many others speak it."""

from __future__ import annotations

from typing import Any

from ..base import Completion, Connection, Request
from ..family import Page, Reader
from ..transport import Outgoing
from .answer import ChunkReader, model_page, whole
from .request import LIMITS, chat_completions_url, completion, models

__all__ = ["ChatCompletions", "chat_completions_url"]


class ChatCompletions:
    """The family; see `Family`."""

    limits = LIMITS

    def completion(self, request: Request) -> Outgoing:
        return completion(request)

    def whole(self, data: dict[str, Any], http_status: int) -> Completion:
        return whole(data, http_status)

    def reader(self) -> Reader:
        return ChunkReader()

    def models(self, connection: Connection, after: str | None) -> Outgoing:
        return models(connection)

    def model_page(self, data: Any) -> Page:
        return model_page(data)
