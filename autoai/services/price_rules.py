"""What makes an account's own prices valid."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import gettext as _

from .checker import Checker
from .connection_rules import MODEL_LENGTH

MOST_PRICES = 200
HIGHEST = Decimal(1_000_000)
_DECIMALS = 6
_NEEDED, _KNOWN = {"input", "output"}, {"input", "output", "cached_input"}


def check_prices(check: Checker, field: str, value: Any) -> dict[str, dict[str, str]] | None:
    """{model or "*": {"input": …, "output": …, "cached_input"?: …}}, in dollars for a million
    tokens, each as text or as a number → the same as plain decimal texts."""
    if value is None or value == {}:
        return None
    if not isinstance(value, dict) or not all(
        isinstance(rates, dict) and _NEEDED <= set(rates) <= _KNOWN for rates in value.values()
    ):
        check.complain(
            field, _("Each model needs the price of input and of output, for a million tokens.")
        )
        return None
    if len(value) > MOST_PRICES or any(not 0 < len(model) <= MODEL_LENGTH for model in value):
        check.complain(
            field,
            _(
                "At most %(count)s models, with names of at most %(length)s characters.",
                count=MOST_PRICES,
                length=MODEL_LENGTH,
            ),
        )
        return None
    for model in value:
        check.storable(field, model)
    rates = {
        model: {name: _rate(rate) for name, rate in rates.items() if rate is not None}
        for model, rates in value.items()
    }
    if any(rate is None for found in rates.values() for rate in found.values()):
        check.complain(
            field,
            _("A price is a number from 0 to %(most)s with at most 6 decimals.", most=HIGHEST),
        )
        return None
    return {
        model: {name: rate for name, rate in found.items() if rate is not None}
        for model, found in rates.items()
    }


def _rate(value: Any) -> str | None:
    """A price as plain decimal text; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        rate = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not rate.is_finite() or not 0 <= rate <= HIGHEST:
        return None
    if rate != round(rate, _DECIMALS):
        return None
    return f"{rate.normalize():f}"
