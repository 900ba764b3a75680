"""Reading fields one by one, with every complaint collected: the person mends all at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask_babel import gettext as _

from ..domain.errors import Invalid

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Checker:
    """Collects complaints while it hands out clean values."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self.errors: dict[str, list[str]] = {}

    def complain(self, field: str, message: str) -> None:
        self.errors.setdefault(field, []).append(message)

    def text(self, field: str, longest: int, required: bool = True) -> str:
        value = self.values.get(field)
        text = "" if value is None else str(value)
        if required and not text.strip():
            self.complain(field, _("This field is needed."))
        elif len(text) > longest:
            self.complain(field, _("At most %(count)s characters.", count=longest))
        else:
            self.storable(field, text)
        return text

    def storable(self, field: str, text: str) -> None:
        if _UNSTORABLE.search(text):
            self.complain(field, _("This text holds characters that cannot be stored."))

    def line(self, field: str, longest: int, required: bool = True) -> str:
        text = self.text(field, longest, required).strip()
        if field not in self.errors and _CONTROL.search(text):
            self.complain(field, _("Use one line without control characters."))
        return text

    def number(self, field: str, least: int, most: int, default: int) -> int:
        value = self.values.get(field)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.complain(
                field,
                _("A whole number from %(least)s to %(most)s.", least=least, most=most),
            )
            return default
        return value

    def flag(self, field: str, default: bool) -> bool:
        value = self.values.get(field)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.complain(field, _("Either true or false."))
        return bool(value)

    def choice(self, field: str, choices: Iterable[str], default: str) -> str:
        value = self.values.get(field)
        if value is None:
            return default
        known = list(choices)
        if value not in known:
            self.complain(field, _("Choose one of: %(choices)s.", choices=", ".join(known)))
            return default
        return str(value)

    def optional_number(self, field: str, least: int, most: int) -> int | None:
        if self.values.get(field) is None:
            return None
        return self.number(field, least, most, least)

    def merge(self, check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What another set of rules says, its complaints taken over."""
        try:
            return check()
        except Invalid as error:
            for field, messages in error.errors.items():
                self.errors.setdefault(field, []).extend(messages)
            return {}

    def done(self) -> None:
        if self.errors:
            raise Invalid(self.errors)
