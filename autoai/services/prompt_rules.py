"""What makes a task's texts valid: templates, variables, secrets, language and conversation. Decided
once, for the form, the API and the import alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import gettext as _

from ..domain.errors import Fault, TemplateError
from ..domain.prompts import (
    NAME,
    RESERVED,
    any_needs_rendering,
    check_template,
    known_names,
)
from .checker import Checker

LANGUAGES = ("en", "zh_Hans", "zh_Hant")
MAX_VARIABLES, VARIABLE_LENGTH = 50, 20_000
MAX_SECRETS, SECRET_LENGTH = 20, 4_000
MAX_TURNS = 50
LEAST_CONVERSATION, MOST_CONVERSATION = 100, 1_000_000
"""Tokens."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def check_prompt(
    check: Checker, texts: Mapping[str, Any], stored_secrets: Iterable[str]
) -> dict[str, Any]:
    """The columns of a task that say how its texts are made. `texts` are its three columns of texts;
    `stored_secrets` are the names of those that it has."""
    columns: dict[str, Any] = {
        "language": check.choice("language", LANGUAGES, LANGUAGES[0]),
        "variables": check_variables(check),
        "conversation_turns": check.number("conversation_turns", 0, MAX_TURNS, 0),
        "conversation_tokens": check.optional_number(
            "conversation_tokens", LEAST_CONVERSATION, MOST_CONVERSATION
        ),
    }
    given = _secrets(check)
    secrets = stored_secrets if given is None else given
    check_texts(check, texts, columns["variables"] or {}, secrets)
    said = [texts["system_message"], texts["message_content"]]
    said += [message["content"] for message in texts["messages"] or ()]
    columns["dynamic"] = any_needs_rendering(said) or columns["conversation_turns"] > 0
    return columns


def check_texts(
    check: Checker, texts: Mapping[str, Any], variables: Iterable[str], secrets: Iterable[str]
) -> None:
    """Complain, beside its field, about each text that is no good template."""
    names = known_names(variables, secrets)
    for field in ("system_message", "message_content"):
        _template(check, field, texts[field], names)
    for number, message in enumerate(texts["messages"] or (), 1):
        _template(check, "messages", message["content"], names, number)


def check_secrets(
    values: Mapping[str, Any], stored: Mapping[str, str]
) -> dict[str, str | None] | None:
    """What the secrets of a task become: name → new value, or None where the stored one is kept.
    None altogether: nothing changes. `stored`: name → mask. Raises `Invalid`."""
    check = Checker(values)
    given = _secrets(check)
    if given is None:
        check.done()
        return None
    wanted: dict[str, str | None] = {}
    for name, value in given.items():
        keep = value in (None, "", stored.get(name))
        if keep and name not in stored:
            check.complain("secrets", _("%(name)s needs a value.", name=name))
        wanted[name] = None if keep else value
    check.done()
    return wanted


def explain_fault(error: TemplateError) -> str:
    """What is wrong with a template, in the reader's language."""
    sentences = {
        Fault.SYNTAX: _("The template is not written correctly."),
        Fault.UNKNOWN_NAME: _("There is no “%(name)s”.", name=error.name),
        Fault.UNKNOWN_FILTER: _("There is no filter “%(name)s”.", name=error.name),
        Fault.UNKNOWN_TAG: _("There is no tag “%(name)s”.", name=error.name),
        Fault.NOT_A_TEXT: _(
            "“%(name)s” stands for several things; name one of them.", name=error.name
        ),
        Fault.TOO_MUCH_MARKUP: _("There is too much between the braces."),
        Fault.TOO_MUCH_WORK: _("This template takes too much work."),
        Fault.TOO_LONG: _("The message becomes too long."),
        Fault.ALTERED: _("A secret cannot go through a filter."),
        Fault.FAILED: _("This cannot be carried out: %(name)s", name=error.name or "?"),
        Fault.EMPTY: _("The message comes out empty."),
    }
    sentence = sentences[error.fault]
    return _("Line %(line)s: %(what)s", line=error.line, what=sentence) if error.line else sentence


def _template(
    check: Checker,
    field: str,
    text: str | None,
    names: Mapping[str, frozenset[str]],
    number: int | None = None,
) -> None:
    """`number` is that of one of several messages."""
    if not text or field in check.errors:
        return
    try:
        check_template(text, names)
    except TemplateError as error:
        what = explain_fault(error)
        if number is not None:
            what = _("Message %(number)s: %(what)s", number=number, what=what)
        check.complain(field, what)


def check_variables(check: Checker) -> dict[str, str] | None:
    value = check.values.get("variables")
    if value is None or value == {}:
        return None
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        check.complain("variables", _("This must be a JSON object of names and texts."))
        return None
    _names(check, "variables", value, MAX_VARIABLES)
    for name, text in value.items():
        if name in RESERVED:
            check.complain("variables", _("“%(name)s” means something already.", name=name))
        _length(check, "variables", name, text, VARIABLE_LENGTH)
    return dict(value)


def _secrets(check: Checker) -> dict[str, str | None] | None:
    value = check.values.get("secrets")
    if value is None:
        return None
    if not isinstance(value, dict) or not all(
        text is None or isinstance(text, str) for text in value.values()
    ):
        check.complain("secrets", _("This must be a JSON object of names and texts."))
        return None
    _names(check, "secrets", value, MAX_SECRETS)
    for name, text in value.items():
        _length(check, "secrets", name, text or "", SECRET_LENGTH)
    return dict(value)


def _names(check: Checker, field: str, names: Mapping[str, Any], most: int) -> None:
    if len(names) > most:
        check.complain(field, _("At most %(count)s names.", count=most))
    if not all(NAME.fullmatch(name) for name in names):
        check.complain(
            field,
            _("A name has up to 50 letters, digits and _, and does not begin with a digit."),
        )


def _length(check: Checker, field: str, name: str, text: str, longest: int) -> None:
    if len(text) > longest:
        what = _("At most %(count)s characters.", count=longest)
        check.complain(field, f"{name[:50]}: {what}")
    elif _UNSTORABLE.search(text):
        what = _("This text holds characters that cannot be stored.")
        check.complain(field, f"{name[:50]}: {what}")
