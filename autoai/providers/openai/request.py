"""Our request → Chat Completions.

https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..base import Connection, Request
from ..family import address, outgoing
from ..transport import Outgoing

_PATH = "/chat/completions"
_FULL = (_PATH,)
LIMITS = ("max_tokens", "max_completion_tokens")
"""Either bounds an answer, see `limit_name`."""
_REASONING_MODEL = re.compile(r"(o[1-9]|gpt-([5-9]|[1-9]\d))(?![a-z0-9])", re.IGNORECASE)


def chat_completions_url(endpoint: str) -> str:
    """A base URL or the full one → the full one. A query string stays."""
    return address(endpoint, _PATH, _FULL)


def completion(request: Request) -> Outgoing:
    """What asks for a completion."""
    url = chat_completions_url(request.connection.endpoint)
    return outgoing(request.connection, url, bearer(request.connection), _body(request))


def models(connection: Connection, full: tuple[str, ...] = _FULL) -> Outgoing:
    """What asks for the models."""
    return outgoing(connection, address(connection.endpoint, "/models", full), bearer(connection))


def bearer(connection: Connection) -> dict[str, str]:
    """How the key is sent, if there is one."""
    return {"Authorization": f"Bearer {connection.api_key}"} if connection.api_key else {}


def _body(request: Request) -> dict[str, Any]:
    wanted = request.parameters
    body: dict[str, Any] = {"model": request.model, "messages": request.messages}
    if wanted.temperature is not None:
        body["temperature"] = wanted.temperature
    if wanted.max_tokens is not None and not any(name in wanted.extra_body for name in LIMITS):
        body[limit_name(request.connection.endpoint, request.model)] = wanted.max_tokens
    if wanted.response_format == "json":
        body["response_format"] = {"type": "json_object"}
    elif wanted.response_format == "json_schema":
        schema = json_schema(wanted.response_schema or {})
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if wanted.seed is not None:
        body["seed"] = wanted.seed
    if wanted.stop:
        body["stop"] = list(wanted.stop)
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return {**body, **wanted.extra_body}


def limit_name(endpoint: str, model: str) -> str:
    """`max_tokens`, or what OpenAI put in its place.

    OpenAI's reasoning models refuse `max_tokens`, most other servers know nothing else. So the new
    name goes to OpenAI itself, to Azure's path that has no dated version, and to whoever passes on
    a model of OpenAI's that reasons (`gpt-5-mini`, `openai/o3`). Either name in `extra_body` wins.
    """
    parts = urlsplit(endpoint.strip())
    host = (parts.hostname or "").rstrip(".")
    if host == "api.openai.com" or host.endswith(".api.openai.com"):
        return "max_completion_tokens"
    if host.endswith(".azure.com") and "/openai/v1" in parts.path:
        return "max_completion_tokens"
    if _REASONING_MODEL.match(model.rpartition("/")[2]):
        return "max_completion_tokens"
    return "max_tokens"


def json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with the name that it must have; strict where it fulfils what strict asks for."""
    return {"name": "answer", "schema": dict(schema), "strict": is_strict(schema)}


def is_strict(schema: Any, depth: int = 0) -> bool:
    """Does every object in it name all of its properties as required, and allow no others?

    Without that a strict schema is refused:
    https://developers.openai.com/api/docs/guides/structured-outputs
    """
    if isinstance(schema, list):
        return depth <= 50 and all(is_strict(item, depth + 1) for item in schema)
    if not isinstance(schema, Mapping):
        return True
    if depth > 50:
        return False
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties")
        required = schema.get("required")
        if schema.get("additionalProperties") is not False or not isinstance(properties, Mapping):
            return False
        if not isinstance(required, list) or set(properties) - {str(name) for name in required}:
            return False
        if not all(is_strict(item, depth + 1) for item in properties.values()):
            return False
    return all(
        is_strict(item, depth + 1)
        for name, item in schema.items()
        if name not in ("properties", "enum", "const", "default", "examples", "required")
    )
