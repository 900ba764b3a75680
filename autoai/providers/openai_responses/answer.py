"""The Responses API's answers and events → our words.

https://developers.openai.com/api/reference/resources/responses/streaming-events
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..base import Completion, Usage
from ..family import UnusableAnswer
from ..parsing import Pieces, as_count, as_dict, as_dicts, as_text

_ENDINGS = ("response.completed", "response.incomplete", "response.failed")
_TEXTS = ("response.output_text.delta", "response.refusal.delta")
_TOOL_CALLS = ("function_call", "custom_tool_call")
"""What the caller would have to carry out. Tools of the other side's own are its own affair."""


def whole(data: dict[str, Any], http_status: int) -> Completion:
    """A response that has ended. A refusal's words are the answer's text."""
    status = data.get("status")
    if not isinstance(data.get("output"), list):
        raise UnusableAnswer("no output in the answer")
    if status not in (None, "completed", "incomplete"):
        raise UnusableAnswer(f"the response is not complete: its status is {as_text(status)}")
    text, refused, tool_calls = _output(data["output"])
    if status == "incomplete":  # whatever the reason: it was cut short
        reason = as_dict(data.get("incomplete_details")).get("reason")
        finish_reason = "content_filter" if reason == "content_filter" else "length"
    else:
        finish_reason = "tool_calls" if tool_calls else "stop"
    return Completion(
        text=text,
        model=as_text(data.get("model")),
        finish_reason=finish_reason,
        http_status=http_status,
        refused=refused,
        tool_calls=tool_calls,
        usage=_usage(as_dict(data.get("usage"))),
    )


def _output(items: Any) -> tuple[str, bool, bool]:
    pieces = Pieces()
    refused = tool_calls = False
    for item in as_dicts(items):
        tool_calls |= item.get("type") in _TOOL_CALLS
        if item.get("type") != "message":
            continue
        for part in as_dicts(item.get("content")):
            refused |= part.get("type") == "refusal"
            pieces.add(part.get("refusal" if part.get("type") == "refusal" else "text"))
    pieces.end()
    return pieces.text, refused, tool_calls


def _usage(usage: dict[str, Any]) -> Usage:
    return Usage(
        input_tokens=as_count(usage.get("input_tokens")),
        output_tokens=as_count(usage.get("output_tokens")),
        cached_input_tokens=as_count(
            as_dict(usage.get("input_tokens_details")).get("cached_tokens")
        ),
        reasoning_tokens=as_count(
            as_dict(usage.get("output_tokens_details")).get("reasoning_tokens")
        ),
    )


class EventReader:
    """Tells the text as it comes; the last event holds the whole response. See `Reader`."""

    def __init__(self) -> None:
        self.closed = False
        self._text = Pieces()
        self._last: dict[str, Any] | None = None

    @property
    def answered(self) -> bool:
        return self._last is not None

    def take(self, name: str, data: dict[str, Any]) -> str:
        """One event; its type stands in its data as well as in its name."""
        kind = data.get("type") or name
        if kind in _TEXTS:
            return self._text.add(data.get("delta"))
        if kind not in _ENDINGS:
            return ""
        self._last = as_dict(data.get("response"))
        self.closed = True
        if kind == "response.failed":
            text = as_text(as_dict(self._last.get("error")).get("message"))
            raise UnusableAnswer(f"the response failed: {text or '(nothing)'}")
        # Some servers send no pieces at all.
        return "" if self._text.text else self._text.add(_output(self._last.get("output"))[0])

    def end(self) -> str:
        return self._text.end()

    def completion(self, http_status: int) -> Completion:
        if self._last is None:
            raise UnusableAnswer("no response in the stream")
        output = self._last.get("output")
        found = whole({**self._last, "output": output if isinstance(output, list) else []}, 200)
        return replace(found, text=self._text.text, http_status=http_status)
