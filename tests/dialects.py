"""How each family of API spells the same things on the wire: whole answers, events, errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Events = list[tuple[str | None, Any]]
"""Names of events and their data; a text is sent as it is, everything else as JSON."""


def sse(events: Events, newline: str = "\n") -> bytes:
    """Events as bytes."""
    lines: list[str] = []
    for name, data in events:
        if name:
            lines.append(f"event: {name}")
        text = data if isinstance(data, str) else json.dumps(data)
        lines += [f"data: {part}" for part in text.split("\n")] + [""]
    return "".join(line + newline for line in lines).encode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class Said:
    """An answer in words of no family."""

    pieces: Sequence[str] = ("All ", "is ", "well.")
    ended: str = "stop"
    """stop, length, refusal or tool_calls."""
    usage: bool = True
    model: str = "m-1"

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Dialect:
    """One family. `usage` is always 100 tokens in, 40 of them cached, 30 out, 7 for reasoning."""

    name: str
    completion_path: str
    models_path = "/v1/models"
    key_header = "authorization"
    key_prefix = "Bearer "

    def whole(self, said: Said) -> dict[str, Any]:
        """A whole answer."""
        raise NotImplementedError

    def events(self, said: Said) -> Events:
        """The same as a stream that ends as it should."""
        raise NotImplementedError

    def error(self, message: str, **more: Any) -> dict[str, Any]:
        """An error's body."""
        return {"error": {"message": message, **more}}

    def error_event(self, message: str) -> Events:
        """An error in the midst of a stream."""
        return [(None, self.error(message))]

    def models(self, names: Sequence[str]) -> dict[str, Any]:
        """The list of models."""
        return {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}


class ChatCompletions(Dialect):
    name = "openai"
    completion_path = "/v1/chat/completions"
    _USAGE = {
        "prompt_tokens": 100,
        "completion_tokens": 30,
        "total_tokens": 130,
        "prompt_tokens_details": {"cached_tokens": 40},
        "completion_tokens_details": {"reasoning_tokens": 7},
    }

    def whole(self, said: Said) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": said.text}
        if said.ended == "refusal":
            message.update(content=None, refusal=said.text)
        if said.ended == "tool_calls":
            message.update(content=None, tool_calls=[{"id": "t", "type": "function"}])
        ended = {"refusal": "stop"}.get(said.ended, said.ended)
        found: dict[str, Any] = {
            "id": "c-1",
            "object": "chat.completion",
            "model": said.model,
            "choices": [{"index": 0, "message": message, "finish_reason": ended}],
        }
        return {**found, "usage": self._USAGE} if said.usage else found

    def events(self, said: Said) -> Events:
        def chunk(delta: dict[str, Any], ended: str | None = None) -> dict[str, Any]:
            return {
                "id": "c-1",
                "object": "chat.completion.chunk",
                "model": said.model,
                "choices": [{"index": 0, "delta": delta, "finish_reason": ended}],
                "usage": None,
            }

        found: Events = [(None, chunk({"role": "assistant", "content": "", "refusal": None}))]
        if said.ended == "tool_calls":
            found.append((None, chunk({"tool_calls": [{"index": 0, "id": "t"}]})))
        else:
            field = "refusal" if said.ended == "refusal" else "content"
            found += [(None, chunk({field: piece})) for piece in said.pieces]
        found.append((None, chunk({}, {"refusal": "stop"}.get(said.ended, said.ended))))
        if said.usage:
            found.append((None, {**chunk({}), "choices": [], "usage": self._USAGE}))
        return [*found, (None, "[DONE]")]


class Responses(Dialect):
    name = "openai_responses"
    completion_path = "/v1/responses"

    def whole(self, said: Said) -> dict[str, Any]:
        output: list[dict[str, Any]] = [{"type": "reasoning", "id": "r", "summary": []}]
        if said.ended == "tool_calls":
            output.append({"type": "function_call", "name": "f", "arguments": "{}"})
        else:
            part: dict[str, Any] = {"type": "output_text", "text": said.text, "annotations": []}
            if said.ended == "refusal":
                part = {"type": "refusal", "refusal": said.text}
            output.append({"type": "message", "role": "assistant", "content": [part]})
        cut = said.ended == "length"
        found = {
            "id": "resp-1",
            "object": "response",
            "status": "incomplete" if cut else "completed",
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "model": said.model,
            "output": output,
            "usage": None,
        }
        if said.usage:
            found["usage"] = {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 40},
                "output_tokens": 30,
                "output_tokens_details": {"reasoning_tokens": 7},
                "total_tokens": 130,
            }
        return found

    def events(self, said: Said) -> Events:
        last = self.whole(said)
        begun = {**last, "status": "in_progress", "output": [], "usage": None}
        found: list[dict[str, Any]] = [
            {"type": "response.created", "response": begun},
            {"type": "response.output_item.added", "item": {"type": "message", "content": []}},
        ]
        kind = "refusal" if said.ended == "refusal" else "output_text"
        if said.ended != "tool_calls":
            found += [{"type": f"response.{kind}.delta", "delta": piece} for piece in said.pieces]
            found.append({"type": "response.output_text.done", "text": said.text})
        found.append({"type": f"response.{last['status']}", "response": last})
        return [
            (event["type"], {**event, "sequence_number": number})
            for number, event in enumerate(found)
        ]

    def error_event(self, message: str) -> Events:
        return [("error", {"type": "error", "code": "server_error", "message": message})]


class Messages(Dialect):
    name = "anthropic"
    completion_path = "/v1/messages"
    key_header = "x-api-key"
    key_prefix = ""
    _ENDED = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
    _USAGE = {
        "input_tokens": 50,
        "cache_read_input_tokens": 40,
        "cache_creation_input_tokens": 10,
        "output_tokens": 30,
        "output_tokens_details": {"thinking_tokens": 7},
    }

    def whole(self, said: Said) -> dict[str, Any]:
        content: list[dict[str, Any]] = [{"type": "thinking", "thinking": "Hm.", "signature": "x"}]
        if said.ended == "tool_calls":
            content.append({"type": "tool_use", "id": "t", "name": "f", "input": {}})
        else:
            content.append({"type": "text", "text": said.text})
        return {
            "id": "msg-1",
            "type": "message",
            "role": "assistant",
            "model": said.model,
            "content": content,
            "stop_reason": self._ENDED.get(said.ended, said.ended),
            "usage": self._USAGE if said.usage else None,
        }

    def events(self, said: Said) -> Events:
        start = {**self.whole(said), "content": [], "stop_reason": None}
        start["usage"] = {**self._USAGE, "output_tokens": 1} if said.usage else None
        found: list[dict[str, Any]] = [
            {"type": "message_start", "message": start},
            {"type": "ping"},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "thinking", "thinking": ""},
            },
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "thinking_delta", "thinking": "Hm."},
            },
            {"type": "content_block_stop", "index": 0},
        ]
        if said.ended == "tool_calls":
            block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
            found.append({"type": "content_block_start", "index": 1, "content_block": block})
        else:
            block = {"type": "text", "text": ""}
            found.append({"type": "content_block_start", "index": 1, "content_block": block})
            found += [
                {
                    "type": "content_block_delta",
                    "index": 1,
                    "delta": {"type": "text_delta", "text": piece},
                }
                for piece in said.pieces
            ]
        found += [
            {"type": "content_block_stop", "index": 1},
            {
                "type": "message_delta",
                "delta": {"stop_reason": self._ENDED.get(said.ended, said.ended)},
                "usage": {"output_tokens": 30} if said.usage else None,
            },
            {"type": "message_stop"},
        ]
        return [(event["type"], event) for event in found]

    def error(self, message: str, **more: Any) -> dict[str, Any]:
        return {"type": "error", "error": {"type": "api_error", "message": message, **more}}

    def error_event(self, message: str) -> Events:
        return [("error", self.error(message, type="overloaded_error"))]

    def models(self, names: Sequence[str]) -> dict[str, Any]:
        data = [{"type": "model", "id": name, "display_name": name.title()} for name in names]
        return {"data": data, "has_more": False, "first_id": None, "last_id": None}


DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (ChatCompletions(), Responses(), Messages())
}
