"""The form's fields that say how the texts are made. They have the API's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    FieldList,
    Form,
    FormField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
)

from ...services.prompt_preview import PromptPreview
from ...services.prompt_rules import LANGUAGES
from ..forms import ServiceForm, newlines, whole_number

PROMPT_FIELDS = ("language", "variables", "secrets", "conversation_turns", "conversation_tokens")
_TEXTS = ("system_message", "message_content", "messages")
_EMPTY_ROWS = 1


@dataclass(frozen=True)
class Shown:
    """What the preview shows: what would be sent, or what is wrong."""

    preview: PromptPreview | None = None
    errors: Mapping[str, list[str]] = field(default_factory=dict)
    """The label of each field → what is wrong in it."""


class VariableForm(Form):
    """One variable."""

    name = StringField(_("Variable"))
    value = TextAreaField(_("Value"))

    def row(self) -> dict[str, str]:
        """Its name and text; empty where nothing was entered."""
        name, text = (self.name.data or "").strip(), newlines(self.value.data)
        return {"name": name, "value": text} if name or text.strip() else {}


class SecretForm(Form):
    """One secret. What is stored is never shown; an empty value keeps it."""

    name = StringField(_("Secret"))
    value = PasswordField(_("Value"))

    def row(self) -> dict[str, str]:
        """Its name and text; empty where nothing was entered."""
        name, text = (self.name.data or "").strip(), self.value.data or ""
        return {"name": name, "value": text} if name or text else {}


class PromptFields(ServiceForm):
    """What the texts can name, and what goes along. What is valid is decided by the service."""

    language = SelectField(_("Language of dates"), choices=list(LANGUAGES), validate_choice=False)
    variables = FieldList(FormField(VariableForm), _("Variables"))
    secrets = FieldList(FormField(SecretForm), _("Secrets"))
    conversation_turns = StringField(_("Earlier runs that go along"))
    conversation_tokens = StringField(_("… with tokens at most"))

    def offer_prompt_rows(self) -> None:
        """Room for another variable, and another secret."""
        self.secrets_sent = len(self.secrets) > 0
        self.offer_rows("variables", _EMPTY_ROWS)
        self.offer_rows("secrets", _EMPTY_ROWS)

    def prompt_values(self) -> dict[str, Any]:
        """As the service takes them. Without any row of theirs secrets are left as they are."""
        values = {
            "language": self.language.data or None,
            "variables": self._named("variables"),
            "conversation_turns": whole_number(self.conversation_turns.data),
            "conversation_tokens": whole_number(self.conversation_tokens.data),
        }
        return {**values, "secrets": self._named("secrets")} if self.secrets_sent else values

    def preview_values(self, task_id: int | None) -> dict[str, Any]:
        """What a preview goes by."""
        return {
            **self.prompt_values(),
            "system_message": self["system_message"].data,
            "message_content": newlines(self["message_content"].data),
            "messages": [row for entry in self["messages"] if (row := entry.form.row())],
            "name": self["name"].data,
            "timezone": (self["timezone"].data or "").strip() or None,
            "task_id": task_id,
        }

    def labelled(self, errors: Mapping[str, list[str]]) -> dict[str, list[str]]:
        """`errors` by the words that stand beside the fields."""
        return {
            str(self[name].label.text) if name in self._fields else name: texts
            for name, texts in errors.items()
        }

    def _named(self, which: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for entry in self[which]:
            row = entry.form.row()
            if not row:
                continue
            if row["name"] in found:
                self.own_words[which] = gettext("“%(name)s” is there twice.", name=row["name"])
            # A name that is there twice must not get lost: one with a blank is none.
            found[row["name"] + " " * (row["name"] in found)] = row["value"]
        return found


def shown_prompt(values: Mapping[str, Any], secret_names: Mapping[str, str]) -> dict[str, Any]:
    """A stored task's fields as the form shows them."""
    return {
        "variables": [{"name": n, "value": text} for n, text in values["variables"].items()],
        "secrets": [{"name": name} for name in secret_names],
        "conversation_turns": values["conversation_turns"] or None,
    }
