"""Message templates → rendered messages. Liquid's braces, bounded in everything that they can do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date

from ..errors import Fault, TemplateError
from . import engine
from .filters import names_of as filter_names
from .markup import MAX_MARKUPS, needs_rendering
from .secrets import Marks
from .values import Group, Moment
from .work import MAX_RENDERED, Work

__all__ = [
    "MAX_MARKUPS",
    "MAX_RENDERED",
    "NAME",
    "RESERVED",
    "LastRun",
    "PromptContext",
    "RenderedPrompt",
    "any_needs_rendering",
    "check_template",
    "filter_names",
    "known_names",
    "render_messages",
]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,49}", re.ASCII)
"""Of a variable or a secret."""
_OF_A_TEXT = frozenset({"size"})
_LAST = frozenset({"response", "status", "finished_at"})
_GROUPS: dict[str, frozenset[str]] = {"last": _LAST, "task": frozenset({"name"})}
_WORDS = frozenset(
    [
        "and",
        "assign",
        "blank",
        "by",
        "case",
        "contains",
        "continue",
        "cols",
        "empty",
        "false",
        "for",
        "forloop",
        "if",
        "in",
        "limit",
        "nil",
        "not",
        "null",
        "offset",
        "or",
        "reversed",
        "true",
        "unless",
        "when",
        "with",
    ]
)
RESERVED = frozenset({"now", "scheduled_for", "date", "variables", "secrets", *_GROUPS, *_WORDS})
"""Names that no variable can have."""


@dataclass(frozen=True)
class LastRun:
    """What the runs of a task before this one came to."""

    response: str | None = None
    """The answer of the newest success."""
    status: str | None = None
    """Of the newest run that was started and has ended."""
    finished_at: datetime | None = None


@dataclass(frozen=True)
class PromptContext:
    """All that a task's texts may speak of. Instants are aware."""

    now: datetime
    scheduled_for: datetime
    zone: ZoneInfo
    language: str = "en"
    """One that Babel knows: en, zh_Hans, zh_Hant."""
    task_name: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    last: LastRun = LastRun()


@dataclass(frozen=True)
class RenderedPrompt:
    """Messages with the values of secrets, and with their names in their place."""

    messages: list[dict[str, str]] = field(repr=False)
    stored: list[dict[str, str]]
    secrets: tuple[str, ...] = ()
    """The names of those that are in the messages, in alphabetical order."""


def any_needs_rendering(texts: Iterable[str | None]) -> bool:
    """Is there a template among them?"""
    return any(needs_rendering(text) for text in texts if text)


def known_names(variables: Iterable[str], secrets: Iterable[str]) -> dict[str, frozenset[str]]:
    """The names that a task's texts may use, each with the names in it."""
    names = frozenset(variables)
    return {
        **dict.fromkeys(names, _OF_A_TEXT),
        "now": frozenset(),
        "scheduled_for": frozenset(),
        "date": _OF_A_TEXT,
        **_GROUPS,
        "variables": names,
        "secrets": frozenset(secrets),
    }


def check_template(text: str, names: Mapping[str, frozenset[str]]) -> None:
    """Raise `TemplateError` for what is wrong in a text before anything is put into it: its writing,
    its size, a name that is none of `names`."""
    if needs_rendering(text):
        engine.check_names(text, names)


def render_messages(
    messages: Sequence[Mapping[str, str]], context: PromptContext, fields: Sequence[str] = ()
) -> RenderedPrompt:
    """The messages as they are sent, and as they are kept. `TemplateError` where that cannot be done;
    `fields` has the name of each message's field, for the error."""
    marks, work = Marks(context.secrets), Work()
    values = _values(context, marks)
    shown = {name: f"[secret: {name}]" for name in context.secrets}
    real, stored, used = [], [], set()
    for number, message in enumerate(messages):
        where = fields[number] if fields else ""
        text = message["content"]
        try:
            if needs_rendering(text):
                text = engine.render(text, values, work, marks, context.language)
            used |= marks.used_in(text)
            sent, kept = marks.put(text, context.secrets), marks.put(text, shown)
            work.finish(max(len(sent), len(kept)))
            if marks.is_in(sent):
                raise TemplateError(Fault.ALTERED)
            if message["role"] == "user" and not sent.strip():
                raise TemplateError(Fault.EMPTY)
        except TemplateError as error:
            raise error.at(where) from error
        if sent.strip():
            real.append({"role": message["role"], "content": sent})
            stored.append({"role": message["role"], "content": kept})
    return RenderedPrompt(real, stored, tuple(sorted(used)))


def _values(context: PromptContext, marks: Marks) -> dict[str, object]:
    def moment(instant: datetime | None) -> Moment | None:
        return None if instant is None else Moment.of(instant.astimezone(context.zone))

    today = context.now.astimezone(context.zone).date()
    last = context.last
    return {
        **context.variables,
        "now": moment(context.now),
        "scheduled_for": moment(context.scheduled_for),
        "date": format_date(today, "long", locale=context.language),
        "last": Group(
            "last",
            {
                "response": last.response,
                "status": last.status,
                "finished_at": moment(last.finished_at),
            },
        ),
        "task": Group("task", {"name": context.task_name}),
        "variables": Group("variables", context.variables),
        "secrets": marks.group(),
    }
