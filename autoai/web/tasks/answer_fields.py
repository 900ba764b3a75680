"""The form's fields that say how to answer. They have the API's names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    FieldList,
    Form,
    FormField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)

from ...services.parameter_rules import FORMATS, ROLES
from ..forms import ServiceForm, newlines, whole_number

ANSWER_FIELDS = (
    "messages",
    "temperature",
    "max_tokens",
    "response_format",
    "response_schema",
    "seed",
    "stop",
    "extra_body",
    "stream",
)
_EMPTY_ROWS = 1
_DECIMAL = re.compile(r"-?(\d+\.?\d*|\.\d+)", re.ASCII)
_WITH_COMMA = re.compile(r"\d*[,，]\d+")
_WHOLE = re.compile(r"-?\d{1,19}", re.ASCII)
_SIGNS = {"\\": "\\", "n": "\n", "r": "\r", "t": "\t", "s": " "}


class MessageForm(Form):
    """One earlier message."""

    role = SelectField(_("Who says it"), choices=list(ROLES), validate_choice=False)
    content = TextAreaField(_("Text"))

    def row(self) -> dict[str, str]:
        """The message as the API takes it; empty where nothing was entered."""
        text = newlines(self.content.data)
        return {"role": self.role.data or "", "content": text} if text.strip() else {}


class AnswerFields(ServiceForm):
    """How the model is to answer. The words of each choice stand in the template."""

    messages = FieldList(FormField(MessageForm), _("Earlier messages"))
    temperature = StringField(_("Temperature"))
    max_tokens = StringField(_("Tokens at most"))
    response_format = RadioField(_("Answer in"), choices=list(FORMATS), validate_choice=False)
    response_schema = TextAreaField(_("JSON schema"))
    seed = StringField(_("Seed"))
    stop = TextAreaField(_("Stop at"))
    extra_body = TextAreaField(_("More fields of the request"))
    stream = BooleanField(_("Let the answer come piece by piece"))

    def offer_message_rows(self) -> None:
        """Room for another message."""
        self.offer_rows("messages", _EMPTY_ROWS)

    def answer_values(self) -> dict[str, Any]:
        """As the service takes them."""
        return {
            "messages": [row for entry in self.messages if (row := entry.form.row())],
            "temperature": self._temperature(),
            "max_tokens": whole_number(self.max_tokens.data),
            "response_format": self.response_format.data or None,
            "response_schema": self.json_value("response_schema"),
            "seed": _signed(self.seed.data),
            "stop": stop_texts(self.stop.data),
            "extra_body": self.json_value("extra_body"),
            "stream": self.stream.data,
        }

    def _temperature(self) -> Any:
        text = (self.temperature.data or "").strip()
        if _DECIMAL.fullmatch(text):
            return float(text)
        if _WITH_COMMA.fullmatch(text):
            better = re.sub("[,，]", ".", text)
            self.own_words["temperature"] = gettext(
                "Write it with a point: %(number)s.", number=better
            )
        return text or None


def shown_answer(values: Mapping[str, Any]) -> dict[str, Any]:
    """A stored task's fields as the form shows them."""
    temperature = values["temperature"]
    return {
        "messages": values["messages"] or [],
        "temperature": None if temperature is None else f"{temperature:.15g}",
        "response_schema": _pretty(values["response_schema"]),
        "stop": stop_lines(values["stop"] or ()),
        "extra_body": _pretty(values["extra_body"]),
    }


def stop_texts(text: str | None) -> list[str]:
    r"""One text per line; `\n` stands for a line break, `\s` for a blank where there is nothing else."""
    lines = [line for line in newlines(text).split("\n") if line.strip()]
    return [re.sub(r"\\([\\nrts])", lambda sign: _SIGNS[sign[1]], line) for line in lines]


def stop_lines(texts: Sequence[str]) -> str:
    """The other way round."""
    signs = {sign: f"\\{letter}" for letter, sign in _SIGNS.items() if sign != " "}

    def line(text: str) -> str:
        shown = "".join(signs.get(sign, sign) for sign in text)
        return shown if shown.strip() else "\\s" * len(shown)

    return "\n".join(line(text) for text in texts)


def _pretty(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, indent=2)


def _signed(value: str | int | None) -> Any:
    """An int that may be negative; what is none stays as it is."""
    text = "" if value is None else str(value).strip()
    return int(text) if _WHOLE.fullmatch(text) else text or None
