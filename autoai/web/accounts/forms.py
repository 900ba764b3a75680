"""The account form."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    FieldList,
    Form,
    FormField,
    RadioField,
    StringField,
)

from ...models import BUDGET_COLUMNS, Account
from ...services.accounts import account_fields
from ..budget_fields import BudgetFields
from ..fold_words import Fold, budgets_fold, connection_fold
from ..forms import whole_number
from ..key_fields import KeyFields
from ..words import PROVIDERS

_LIMITS = ("max_concurrent_calls", "requests_per_minute", "tokens_per_minute")
_RATES = ("input", "output", "cached_input")
_MORE = ("extra_headers", "proxy", "prices")
_EMPTY_ROWS = 1


class HeaderForm(Form):
    """One extra header."""

    name = StringField(_("Name"))
    value = StringField(_("Value"))

    def row(self) -> tuple[str, str] | None:
        """Name and value; None where nothing was entered."""
        name, value = (self["name"].data or "").strip(), (self.value.data or "").strip()
        return (name, value) if name or value else None


class PriceForm(Form):
    """One model's own price, in dollars for a million tokens."""

    model = StringField(_("Model"))
    input = StringField(_("Sent"))
    output = StringField(_("Received"))
    cached_input = StringField(_("From cache"))

    def row(self) -> tuple[str, dict[str, str]] | None:
        """The model, and what it costs; None where nothing was entered."""
        model, rates = (self.model.data or "").strip(), {}
        for name in _RATES:
            if text := (self[name].data or "").strip():
                rates[name] = text
        return (model, rates) if model or rates else None


class AccountForm(KeyFields, BudgetFields):
    """Fields have the API's names."""

    name = StringField(_("Name"))
    provider = RadioField(_("Kind of API"), choices=list(PROVIDERS), validate_choice=False)
    api_endpoint = StringField(_("API endpoint"))
    default_model = StringField(_("Default model"))
    extra_headers = FieldList(FormField(HeaderForm), _("Extra headers"))
    proxy = StringField(_("Proxy"))
    max_concurrent_calls = StringField(_("Calls at once"))
    requests_per_minute = StringField(_("Requests per minute"))
    tokens_per_minute = StringField(_("Tokens per minute"))
    prices = FieldList(FormField(PriceForm), _("Prices of its own"))
    enabled = BooleanField(_("Enabled"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_rows("extra_headers", _EMPTY_ROWS)
        self.offer_rows("prices", _EMPTY_ROWS)

    def values(self) -> dict[str, Any]:
        """All fields as the service takes them."""
        return {
            "name": self.name.data,
            "provider": self.provider.data,
            "api_endpoint": self.api_endpoint.data,
            **self.key_values(),
            "default_model": self.default_model.data,
            "extra_headers": self._by_name("extra_headers"),
            "proxy": self.proxy.data,
            **{name: whole_number(self[name].data) for name in _LIMITS},
            "prices": self._by_name("prices"),
            "enabled": self.enabled.data,
            **self.budget_values(),
        }

    def folds(self) -> dict[str, Fold]:
        """The parts that are folded away, by their ids. Open is what holds a mistake."""
        values, wrong = self.values(), self.wrong_in
        whose = gettext("what all tasks of this account may cost together")
        return {
            "more-budgets": budgets_fold(values, whose, open=wrong(*BUDGET_COLUMNS)),
            "more-account": connection_fold(values, open=wrong(*_MORE)),
        }

    def _by_name(self, field: str) -> Any:
        """Rows as a mapping. A name that is there twice leaves a list, for the service to object to."""
        rows = [row for entry in self[field] if (row := entry.form.row())]
        names = [name.lower() for name, _value in rows]
        twice = next((name for name, _value in rows if names.count(name.lower()) > 1), None)
        if twice is None:
            return dict(rows)
        self.own_words[field] = gettext("%(name)s is there twice.", name=twice)
        return rows


def new_form() -> AccountForm:
    """An empty form."""
    return AccountForm(data={"provider": next(iter(PROVIDERS)), "enabled": True})


def edit_form(account: Account) -> AccountForm:
    """A form filled with a stored account, its secrets masked. The key stays where it is."""
    masks = account.extra_header_masks or {}
    rows = [{"name": name, "value": value} for name, value in masks.items()]
    prices = [{"model": model, **rates} for model, rates in (account.prices or {}).items()]
    values = {**account_fields(account), "proxy": account.proxy_mask, "extra_headers": rows}
    return AccountForm(data={**values, "prices": prices})
