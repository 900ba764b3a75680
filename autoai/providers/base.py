"""What every provider speaks: a request and a completion in our words, errors of a kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from .transport import Call


@dataclass(frozen=True)
class Request:
    """One completion to ask for. `messages` are role and content; `timeout` is in seconds."""

    endpoint: str
    api_key: str | None
    model: str
    messages: list[dict[str, str]]
    timeout: float


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counted them; None where it did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True)
class Completion:
    """An answer. `text` is scrubbed of what no database stores."""

    text: str
    model: str | None
    finish_reason: str | None
    http_status: int
    refused: bool = False
    tool_calls: bool = False
    usage: Usage = field(default_factory=Usage)


class Provider(Protocol):
    """One family of API."""

    def complete(self, request: Request, call: Call) -> Completion:
        """Send `request` and read the answer; raise `ProviderError` and nothing else."""
        ...
