"""Two versions of a task's texts beside each other."""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.changes import Difference, difference
from ..models import PromptVersion


@dataclass(frozen=True)
class Part:
    """One of the texts, where it differs."""

    field: str
    difference: Difference


@dataclass(frozen=True)
class Comparison:
    """What is another text in the newer of two versions; no parts where all are the same."""

    old: PromptVersion
    new: PromptVersion
    parts: list[Part]


def compare(a: PromptVersion, b: PromptVersion) -> Comparison:
    """`a` is what was, `b` what is compared with it. Bounded, like `domain.changes`."""
    pairs = [
        ("system_message", a.system_message or "", b.system_message or ""),
        ("messages", _as_text(a), _as_text(b)),
        ("message_content", a.message_content, b.message_content),
    ]
    return Comparison(
        a, b, [Part(field, difference(old, new)) for field, old, new in pairs if old != new]
    )


def _as_text(version: PromptVersion) -> str:
    """The earlier messages as one text: who says it on a line of its own before what they say."""
    talk = version.messages or []
    return "\n".join(f"[{message['role']}]\n{message['content']}" for message in talk)
