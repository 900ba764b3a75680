"""Chat Completions' answers and chunks → our words.

https://developers.openai.com/api/reference/resources/chat/subresources/completions
"""

from __future__ import annotations

from typing import Any

from ..base import Completion, Usage
from ..family import Page, UnusableAnswer
from ..parsing import Pieces, as_count, as_dict, as_dicts, as_text

_FINISH_REASONS = {
    "function_call": "tool_calls",
    "model_length": "length",  # Mistral's
    # Broken off on the other side: DeepSeek's, vLLM's, and what OpenRouter makes of all such.
    "insufficient_system_resource": "length",
    "abort": "length",
    "error": "length",
}
_TEXT_PARTS = (None, "text", "output_text")


def whole(data: dict[str, Any], http_status: int) -> Completion:
    """A whole answer."""
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = as_dict(choice).get("message")
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise UnusableAnswer("no choices[0].message in the answer")
    reader = ChunkReader()
    reader.take_choice(choice, message)
    reader.end()
    reader.take_head(data)
    return reader.completion(http_status)


class ChunkReader:
    """Adds up the first choice; see `Reader`. A refusal's words are the answer's text."""

    def __init__(self) -> None:
        self.closed = False
        self._seen = False
        self._text = Pieces()
        self._model: str | None = None
        self._finish_reason: str | None = None
        self._refused = False
        self._tool_calls = False
        self._usage = Usage()

    @property
    def answered(self) -> bool:
        return self._finish_reason is not None

    def take(self, name: str, data: dict[str, Any]) -> str:
        """One chunk. The last one has no choices, and the usage."""
        self.take_head(data)
        text = ""
        for choice in as_dicts(data.get("choices")):
            if choice.get("index") in (0, None):
                text += self.take_choice(choice, as_dict(choice.get("delta")))
        return text

    def take_head(self, data: dict[str, Any]) -> None:
        """What stands beside the choices. Groq hides a stream's usage in a place of its own."""
        self._model = as_text(data.get("model")) or self._model
        found = data.get("usage") or as_dict(data.get("x_groq")).get("usage")
        if isinstance(found, dict):
            self._usage = _usage(found)

    def take_choice(self, choice: dict[str, Any], message: dict[str, Any]) -> str:
        """A choice's message, or a part of it → its text."""
        self._seen = True
        self._finish_reason = as_text(choice.get("finish_reason")) or self._finish_reason
        self._tool_calls |= bool(message.get("tool_calls") or message.get("function_call"))
        refusals = [message.get("refusal"), *_refusals(message.get("content"))]
        self._refused |= any(refusals)
        texts = [_content(message.get("content")), *refusals]
        return "".join(self._text.add(text) for text in texts)

    def end(self) -> str:
        return self._text.end()

    def completion(self, http_status: int) -> Completion:
        if not self._seen:
            raise UnusableAnswer("no choices in the answer")
        ended = self._finish_reason
        return Completion(
            text=self._text.text,
            model=self._model,
            finish_reason=_FINISH_REASONS.get(ended, ended) if ended else None,
            http_status=http_status,
            refused=self._refused,
            tool_calls=self._tool_calls,
            usage=self._usage,
        )


def model_page(data: Any) -> Page:
    """OpenAI's `data`; some servers answer the list itself, or call it `models`."""
    found = data
    if isinstance(data, dict):
        found = data.get("data") if isinstance(data.get("data"), list) else data.get("models")
    if not isinstance(found, list):
        raise UnusableAnswer("no list of models")
    names = [item.get("id") or item.get("name") for item in as_dicts(found)]
    return Page([name for name in names if isinstance(name, str)])


def _content(content: Any) -> str:
    """A string, or a list of parts of which those of type text count: others hold what the model
    thought, or its refusal."""
    if isinstance(content, list):
        return "".join(
            part["text"]
            for part in as_dicts(content)
            if part.get("type") in _TEXT_PARTS and isinstance(part.get("text"), str)
        )
    return content if isinstance(content, str) else ""


def _refusals(content: Any) -> list[Any]:
    """The refusals among the parts; OpenAI documents them there as well as beside the content."""
    return [part.get("refusal") for part in as_dicts(content) if part.get("type") == "refusal"]


def _usage(usage: dict[str, Any]) -> Usage:
    """DeepSeek names the cached ones on its own."""
    cached = as_dict(usage.get("prompt_tokens_details")).get("cached_tokens")
    return Usage(
        input_tokens=as_count(usage.get("prompt_tokens")),
        output_tokens=as_count(usage.get("completion_tokens")),
        cached_input_tokens=as_count(
            usage.get("prompt_cache_hit_tokens") if cached is None else cached
        ),
        reasoning_tokens=as_count(
            as_dict(usage.get("completion_tokens_details")).get("reasoning_tokens")
        ),
    )
