"""The Messages API's answers and events → our words.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from typing import Any

from ..base import Completion, Usage
from ..family import Page, UnusableAnswer
from ..parsing import Pieces, as_count, as_dict, as_dicts, as_text

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",  # it would go on if it were asked to: what is here was cut short
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def whole(data: dict[str, Any], http_status: int) -> Completion:
    """A whole message."""
    if not isinstance(data.get("content"), list):
        raise UnusableAnswer("no content in the answer")
    reader = EventReader()
    reader.take("message_start", {"message": data})
    reader.take("message_delta", {"delta": data})
    reader.end()
    return reader.completion(http_status)


class EventReader:
    """Adds up the blocks of text; see `Reader`. What the model thought is not its answer."""

    def __init__(self) -> None:
        self.closed = False
        self._seen = False
        self._text = Pieces()
        self._model: str | None = None
        self._stop_reason: str | None = None
        self._tool_calls = False
        self._usage: dict[str, Any] = {}

    @property
    def answered(self) -> bool:
        return self._stop_reason is not None

    def take(self, name: str, data: dict[str, Any]) -> str:
        """One event; its type stands in its data as well as in its name."""
        kind = data.get("type") or name
        text = ""
        if kind == "message_start":
            message = as_dict(data.get("message"))
            self._seen = True
            self._model = as_text(message.get("model"))
            self._count(message.get("usage"))
            text = "".join(self._block(block) for block in as_dicts(message.get("content")))
        elif kind == "content_block_start":
            self._seen = True
            text = self._block(as_dict(data.get("content_block")))
        elif kind == "content_block_delta":
            text = self._block(as_dict(data.get("delta")))
        elif kind == "message_delta":
            self._stop_reason = as_text(as_dict(data.get("delta")).get("stop_reason"))
            self._count(data.get("usage"))
        elif kind == "message_stop":
            self.closed = True
        return text

    def end(self) -> str:
        return self._text.end()

    def completion(self, http_status: int) -> Completion:
        if not self._seen:
            raise UnusableAnswer("no message in the stream")
        reason = self._stop_reason
        return Completion(
            text=self._text.text,
            model=self._model,
            finish_reason=_FINISH_REASONS.get(reason, reason) if reason else None,
            http_status=http_status,
            refused=reason == "refusal",
            tool_calls=self._tool_calls,
            usage=_usage(self._usage),
        )

    def _block(self, block: dict[str, Any]) -> str:
        """A block of content, or a piece of one."""
        self._tool_calls |= block.get("type") == "tool_use"
        return self._text.add(block.get("text")) if _is_text(block) else ""

    def _count(self, usage: Any) -> None:
        """The counts of later events are totals: each replaces the one before."""
        self._usage.update({k: v for k, v in as_dict(usage).items() if v is not None})


def _is_text(block: dict[str, Any]) -> bool:
    return block.get("type") in ("text", "text_delta")


def _usage(usage: dict[str, Any]) -> Usage:
    """Its `input_tokens` are those that came neither from nor into the cache; ours are all."""
    fresh = as_count(usage.get("input_tokens"))
    read = as_count(usage.get("cache_read_input_tokens"))
    written = as_count(usage.get("cache_creation_input_tokens"))
    return Usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        output_tokens=as_count(usage.get("output_tokens")),
        cached_input_tokens=read,
        reasoning_tokens=as_count(
            as_dict(usage.get("output_tokens_details")).get("thinking_tokens")
        ),
    )


def model_page(data: Any) -> Page:
    """A page, and whether there are more: https://platform.claude.com/docs/en/api/models/list"""
    found = as_dict(data).get("data")
    if not isinstance(found, list):
        raise UnusableAnswer("no list of models")
    names = [item["id"] for item in as_dicts(found) if isinstance(item.get("id"), str)]
    last = data.get("last_id") or (names[-1] if names else None)
    return Page(names, last if data.get("has_more") is True and isinstance(last, str) else None)
