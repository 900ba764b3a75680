"""Our request → the Responses API.

https://developers.openai.com/api/reference/resources/responses/methods/create

It knows neither `seed` nor `stop`: they are not sent. `store` is false, or the other side would
keep every prompt and answer for 30 days; `extra_body` can say otherwise.
"""

from __future__ import annotations

from typing import Any

from ..base import Parameters, Request
from ..family import address, outgoing
from ..openai.request import bearer, json_schema
from ..transport import Outgoing

_PATH = "/responses"
FULL = (_PATH, "/chat/completions")
"""An account's URL of Chat Completions serves for this family too."""


def responses_url(endpoint: str) -> str:
    """A base URL or a full one → the full one. A query string stays."""
    return address(endpoint, _PATH, FULL)


def completion(request: Request) -> Outgoing:
    """What asks for a completion."""
    url = responses_url(request.connection.endpoint)
    return outgoing(request.connection, url, bearer(request.connection), _body(request))


def _body(request: Request) -> dict[str, Any]:
    wanted = request.parameters
    instructions, messages = _split(request.messages)
    body: dict[str, Any] = {"model": request.model, "input": messages, "store": False}
    if instructions:
        body["instructions"] = instructions
    if wanted.temperature is not None:
        body["temperature"] = wanted.temperature
    if wanted.max_tokens is not None:
        body["max_output_tokens"] = wanted.max_tokens
    if form := _format(wanted):
        body["text"] = {"format": form}
    if request.stream:
        body["stream"] = True
    return {**body, **wanted.extra_body}


def _split(messages: list[dict[str, str]]) -> tuple[str, list[dict[str, str]]]:
    """The system messages at the start are the instructions; later ones stay where they are."""
    first = next(
        (number for number, message in enumerate(messages) if message["role"] != "system"),
        len(messages),
    )
    if first == len(messages):  # nothing else is said: an input there must be
        first = max(0, first - 1)
    return "\n\n".join(message["content"] for message in messages[:first]), messages[first:]


def _format(wanted: Parameters) -> dict[str, Any] | None:
    if wanted.response_format == "json":
        return {"type": "json_object"}
    if wanted.response_format == "json_schema":
        return {"type": "json_schema", **json_schema(wanted.response_schema or {})}
    return None
