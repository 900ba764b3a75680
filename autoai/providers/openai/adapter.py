"""Our request → Chat Completions, and its answer or error → our words.

Wire format: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ...domain.errors import ProviderError
from ...domain.runs import Kind, Reason
from ..base import Completion, OnText, Request, Usage
from ..parsing import as_count, as_text, error_text, parse_retry_after
from ..transport import Answer, Call, Transport
from .endpoint import chat_completions_url

_AUTH = (401, 403)
_THROTTLED = (429, 503)
_HOPELESS = ("insufficient_quota",)


class OpenAIProvider:
    """Speaks Chat Completions. `now` tells the time for a Retry-After that is a date."""

    def __init__(self, transport: Transport, now: Callable[[], datetime]) -> None:
        self._transport = transport
        self._now = now

    def complete(self, request: Request, call: Call, on_text: OnText) -> Completion:
        """See `Provider.complete`."""
        headers = {"Accept": "application/json", "User-Agent": "AutoAI"}
        if request.connection.api_key:
            headers["Authorization"] = f"Bearer {request.connection.api_key}"
        payload = {"model": request.model, "messages": request.messages}
        url = chat_completions_url(request.connection.endpoint)
        answer = self._transport.post_json(url, headers, payload, call)
        if answer.status != 200:
            raise self._refusal(answer)
        return _completion(answer)

    def _refusal(self, answer: Answer) -> ProviderError:
        status = answer.status
        data = _json_or_none(answer.body)
        text = f"HTTP {status}: {error_text(data, answer.body)}"
        wait = parse_retry_after(answer.headers.get("Retry-After"), self._now())
        kind, reason = Kind.REJECTED, Reason.REJECTED
        if status in _AUTH:
            reason = Reason.AUTH
        elif status in _THROTTLED:
            kind = Kind.THROTTLED
            reason = Reason.RATE_LIMITED if status == 429 else Reason.SERVER_ERROR
        elif 500 <= status <= 599:
            kind, reason = Kind.SERVER_ERROR, Reason.SERVER_ERROR
        elif 300 <= status <= 399:
            reason = Reason.REDIRECT
        elif status < 400:
            kind, reason = Kind.UNUSABLE_ANSWER, Reason.PROTOCOL
        return ProviderError(
            kind, reason, text, http_status=status, retry_after=wait, final=_is_hopeless(data)
        )


def _completion(answer: Answer) -> Completion:
    data = _json_or_none(answer.body)
    if not isinstance(data, dict):
        raise _unusable(f"not a JSON object: {error_text(None, answer.body)}")
    if data.get("error"):
        raise _unusable(f"status 200, but an error: {error_text(data, answer.body)}")
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise _unusable("no choices[0].message in the answer")
    return Completion(
        text=_content(message.get("content")),
        model=as_text(data.get("model")),
        finish_reason=as_text(choice.get("finish_reason")),
        http_status=answer.status,
        refused=bool(message.get("refusal")),
        tool_calls=bool(message.get("tool_calls")),
        usage=_usage(data.get("usage")),
    )


def _content(content: Any) -> str:
    """A string, or a list of parts of which those of type text count."""
    if isinstance(content, list):
        content = "".join(
            part["text"]
            for part in content
            if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return as_text(content) or ""


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    prompt, completion = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return Usage(
        input_tokens=as_count(usage.get("prompt_tokens")),
        output_tokens=as_count(usage.get("completion_tokens")),
        cached_input_tokens=as_count(
            prompt.get("cached_tokens") if isinstance(prompt, dict) else None
        ),
        reasoning_tokens=as_count(
            completion.get("reasoning_tokens") if isinstance(completion, dict) else None
        ),
    )


def _is_hopeless(data: Any) -> bool:
    error = data.get("error") if isinstance(data, dict) else None
    return isinstance(error, dict) and (
        error.get("code") in _HOPELESS or error.get("type") in _HOPELESS
    )


def _json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # bad text, bad JSON, absurd numbers or nesting
        return None


def _unusable(text: str) -> ProviderError:
    return ProviderError(Kind.UNUSABLE_ANSWER, Reason.BAD_RESPONSE, text, http_status=200)
