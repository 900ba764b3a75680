"""What every provider speaks: a request and a completion in our words, errors of a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .transport import Call

OnText = Callable[[str], None]
"""Told each piece of the answer's text as it arrives, scrubbed; pieces joined are the text."""


@dataclass(frozen=True)
class Connection:
    """Where an API is and how to get in. Its secrets are in plain text: for the length of a call,
    never to be stored, logged or shown."""

    endpoint: str
    """What a person entered: a base URL, or the full one."""
    api_key: str | None = field(default=None, repr=False)
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request; they replace headers of ours of the same name in any case."""
    proxy: str | None = field(default=None, repr=False)
    """http://… or https://…, perhaps with a name and a password."""


@dataclass(frozen=True)
class Parameters:
    """How to answer. None and empty mean: not sent, the provider's own default."""

    temperature: float | None = None
    max_tokens: int | None = None
    """Of the answer."""
    response_format: str = "text"
    """text, json, or json_schema with `response_schema`."""
    response_schema: Mapping[str, Any] | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the body last, over what we put there."""


@dataclass(frozen=True)
class Request:
    """One completion to ask for.

    `messages` are {"role": "system" | "user" | "assistant", "content": text}, in order.
    """

    connection: Connection
    model: str
    messages: list[dict[str, str]]
    parameters: Parameters = Parameters()
    stream: bool = False
    """Ask for the answer in pieces. An answer that comes whole is taken as well."""


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counted them; None where it did not say.

    `input_tokens` includes the cached ones, `output_tokens` those of reasoning.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True)
class Completion:
    """An answer. `text` is scrubbed of what no database stores.

    `finish_reason` is in OpenAI's words where there is one: stop, length, content_filter,
    tool_calls; any other word is the provider's own.
    """

    text: str
    model: str | None
    finish_reason: str | None
    http_status: int
    refused: bool = False
    tool_calls: bool = False
    usage: Usage = field(default_factory=Usage)


class Provider(Protocol):
    """One family of API. Its methods raise `ProviderError` or `CallEnded` and nothing else."""

    def complete(self, request: Request, call: Call, on_text: OnText) -> Completion:
        """Send `request` and read the answer.

        Where the API refuses to stream, the error says so in `stream_refused`: the caller asks
        again without.
        """
        ...

    def models(self, connection: Connection, call: Call) -> list[str]:
        """The models that the API offers, sorted; asking costs no tokens."""
        ...
