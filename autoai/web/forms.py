"""What forms have in common. They parse types; what is valid is decided by the services."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from flask_babel import gettext as _
from wtforms import FieldList, Form

SUMMARIES = "shared/_summaries.html"
"""The part that a form asks for while somebody types, with `summaries` in its address."""


class ServiceForm(Form):
    """A form whose values a service checks. Its fields have the API's names."""

    form_errors: list[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own_words: dict[str, str] = {}
        """Field → what the form knows better than the service about what is wrong in it."""

    def show_errors(self, errors: Mapping[str, Sequence[str]]) -> None:
        """Put the service's messages beside their fields; what has no field goes on top."""
        for name, texts in errors.items():
            if name in self._fields:
                better = self.own_words.get(name)
                self[name].errors = [*self[name].errors, *([better] if better else texts)]
            else:
                self.form_errors += list(texts)

    def offer_rows(self, name: str, empty: int) -> None:
        """Room for more in a list of rows, so that it can be filled without JavaScript."""
        rows = cast(FieldList, self[name])
        for _number in range(sum(not entry.form.row() for entry in rows), empty):
            rows.append_entry()

    def wrong_in(self, *names: str) -> bool:
        """Is something wrong in one of these fields?"""
        return any(self[name].errors for name in names)

    def json_value(self, name: str) -> Any:
        """The JSON in a text field; None for nothing. What is no JSON stays text, for the service to
        object to, and the form says where it stops being JSON."""
        text = (self[name].data or "").strip()
        if not text:
            return None
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            self.own_words[name] = _(
                "This is not JSON: look at line %(line)s, character %(column)s.",
                line=error.lineno,
                column=error.colno,
            )
            return text
        except (ValueError, RecursionError):  # a number of thousands of digits, endless brackets
            return text
        return text if value is None else value


def whole_number(text: Any) -> Any:
    """An int; None for nothing; what is neither stays as it is, for the service to object to."""
    text = str(text or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    return text or None


def newlines(value: str | None) -> str:
    """Browsers send CR LF; a text has the line ends that the person saw."""
    return (value or "").replace("\r\n", "\n")
