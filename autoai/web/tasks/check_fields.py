"""The form's fields that say what an answer must be like. They have the API's names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import FieldList, Form, FormField, RadioField, SelectField, StringField, TextAreaField

from ...domain.changes import Watch
from ...domain.checks import CheckKind
from ...domain.verdicts import CHOOSABLE, RULES
from ..forms import ServiceForm, newlines, whole_number
from ..verdict_words import JUDGED

DEMANDS = ("checks", "change_watch", "change_fields")
_EMPTY_ROWS = 1
_LEVEL = "level_"


class CheckForm(Form):
    """One check."""

    kind = SelectField(_("The answer …"), choices=list(CheckKind), validate_choice=False)
    path = StringField(_("Path"))
    value = TextAreaField(_("Text or value"))

    def row(self) -> dict[str, Any]:
        """The check as the API takes it; empty where nothing was entered."""
        kind, text = self.kind.data, newlines(self.value.data)
        path = (self.path.data or "").strip()
        if kind == CheckKind.JSON_PATH:
            return {"kind": kind, "path": path, "value": _value(text)} if path or text else {}
        if not text:
            return {}
        return {"kind": kind, "value": whole_number(text) if kind == CheckKind.MIN_LENGTH else text}


class CheckFields(ServiceForm):
    """Is the answer any good, and is it another one? The words of each choice stand in the template."""

    checks = FieldList(FormField(CheckForm), _("The answer must pass"))
    change_watch = RadioField(
        _("Tell me when the answer changes"),
        choices=[watch.value for watch in Watch],
        validate_choice=False,
    )
    change_fields = TextAreaField(_("Only look at"))

    def offer_check_rows(self) -> None:
        """Room for another check."""
        self.offer_rows("checks", _EMPTY_ROWS)

    @property
    def level_fields(self) -> list[Any]:
        """A choice for each thing that a task may call better or worse."""
        return [self[_LEVEL + reason] for reason in CHOOSABLE]

    def check_values(self) -> dict[str, Any]:
        """As the service takes them. A level that is the usual one is not said."""
        levels = {reason: self[_LEVEL + reason].data for reason in CHOOSABLE}
        paths = [line.strip() for line in newlines(self.change_fields.data).split("\n")]
        return {
            "checks": [row for entry in self.checks if (row := entry.form.row())],
            "verdict_rules": {
                str(reason): level
                for reason, level in levels.items()
                if level and level != RULES[reason].level
            },
            "change_watch": self.change_watch.data or None,
            "change_fields": [path for path in paths if path],
        }


for _reason in CHOOSABLE:
    setattr(
        CheckFields,
        _LEVEL + _reason,
        SelectField(
            JUDGED[_reason],
            choices=[level.value for level in RULES[_reason].choices],
            default=RULES[_reason].level.value,
            validate_choice=False,
        ),
    )


def shown_checks(values: Mapping[str, Any]) -> dict[str, Any]:
    """A stored task's fields as the form shows them."""
    levels = values["verdict_rules"] or {}
    return {
        "checks": [_shown(check) for check in values["checks"] or ()],
        "change_fields": "\n".join(values["change_fields"] or ()),
        **{_LEVEL + reason: levels.get(reason, RULES[reason].level) for reason in CHOOSABLE},
    }


def _shown(check: Mapping[str, Any]) -> dict[str, Any]:
    value = check["value"]
    if check["kind"] == CheckKind.JSON_PATH and _value(str(value)) != value:
        value = json.dumps(value, ensure_ascii=False)
    return {**check, "value": str(value)}


def _value(text: str) -> Any:
    """JSON; what is none is a text, so that a word needs no quotes."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
