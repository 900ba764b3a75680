"""The budgets in the forms of a task, an account and the instance. They have the API's names."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import StringField

from ..models import BUDGET_COLUMNS
from .forms import ServiceForm, whole_number

_WITH_COMMA = re.compile(r"\d*[,，]\d{1,6}")


class BudgetFields(ServiceForm):
    """What may be spent by the day and by the month."""

    cost_budget_day = StringField(_("Dollars a day"))
    cost_budget_month = StringField(_("Dollars a month"))
    token_budget_day = StringField(_("Tokens a day"))
    token_budget_month = StringField(_("Tokens a month"))

    def budget_values(self) -> dict[str, Any]:
        """As the service takes them."""
        return {
            name: self._dollars(name) if name.startswith("cost") else whole_number(self[name].data)
            for name in BUDGET_COLUMNS
        }

    @property
    def budgets_open(self) -> bool:
        """Is any budget set, or wrong?"""
        return any(self[name].data for name in BUDGET_COLUMNS) or self.wrong_in(*BUDGET_COLUMNS)

    def _dollars(self, name: str) -> str | None:
        text = (self[name].data or "").strip().removeprefix("$").strip()
        if _WITH_COMMA.fullmatch(text):
            better = re.sub("[,，]", ".", text)
            self.own_words[name] = gettext("Write it with a point: %(number)s.", number=better)
        return text or None
