"""The families of API that AutoAI speaks, by the names that accounts and tasks use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from .anthropic import Messages
from .base import Provider
from .client import Client
from .family import Family
from .openai import ChatCompletions
from .openai_responses import Responses
from .transport import Transport

_FAMILIES: dict[str, Callable[[], Family]] = {
    "openai": ChatCompletions,
    "openai_responses": Responses,
    "anthropic": Messages,
}

PROVIDERS = tuple(_FAMILIES)
"""Their names, in the order in which they are offered."""
ANSWER_LIMITS = {name: family().limits for name, family in _FAMILIES.items()}
"""By which fields of its body each of them bounds an answer's length."""


def make_providers(transport: Transport, now: Callable[[], datetime]) -> Mapping[str, Provider]:
    """All of them, over one transport. `now` tells the time for a Retry-After that is a date."""
    return {name: Client(family(), transport, now) for name, family in _FAMILIES.items()}
