"""Our request → the Messages API.

https://platform.claude.com/docs/en/api/messages/create

The version is 2023-06-01: the next one, 2026-10-21, refuses `temperature` in any form, and servers
that speak this API for other models do not know it. An extra header `anthropic-version` chooses
another. `seed` does not exist and is not sent. A JSON schema is what `output_config.format` is for;
JSON without a schema has no switch, so the prompt has to ask for it, as it must at OpenAI's too.
"""

from __future__ import annotations

from typing import Any

from ..base import Connection, Request
from ..family import address, outgoing
from ..transport import Outgoing

_VERSION = "2023-06-01"
_PATH = "/messages"
_FULL = (_PATH,)
_DEFAULT_MAX_TOKENS = 8_192
"""One must be sent. Every model on offer takes this one, and an answer that is longer says so."""
_PAGE = 1_000
"""Models in one page, as many as it gives."""


def messages_url(endpoint: str) -> str:
    """A base URL, with or without /v1, or the full one → the full one. A query string stays."""
    return address(endpoint, _PATH, _FULL, "/v1")


def completion(request: Request) -> Outgoing:
    """What asks for a completion."""
    url = messages_url(request.connection.endpoint)
    return outgoing(request.connection, url, _headers(request.connection), _body(request))


def models(connection: Connection, after: str | None) -> Outgoing:
    """What asks for the models after the one named `after`."""
    query = {"limit": str(_PAGE), **({"after_id": after} if after else {})}
    url = address(connection.endpoint, "/models", _FULL, "/v1", query)
    return outgoing(connection, url, _headers(connection))


def _headers(connection: Connection) -> dict[str, str]:
    key = {"x-api-key": connection.api_key} if connection.api_key else {}
    return {"anthropic-version": _VERSION, **key}


def _body(request: Request) -> dict[str, Any]:
    """Messages of one role that follow each other are sent as they are: it takes them as one."""
    wanted = request.parameters
    system = [message["content"] for message in request.messages if message["role"] == "system"]
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [message for message in request.messages if message["role"] != "system"],
        "max_tokens": wanted.max_tokens or _DEFAULT_MAX_TOKENS,
    }
    if system:
        body["system"] = "\n\n".join(system)
    if wanted.temperature is not None:
        body["temperature"] = wanted.temperature
    if wanted.stop:
        body["stop_sequences"] = list(wanted.stop)
    if wanted.response_format == "json_schema":
        form = {"type": "json_schema", "schema": dict(wanted.response_schema or {})}
        body["output_config"] = {"format": form}
    if request.stream:
        body["stream"] = True
    return {**body, **wanted.extra_body}
