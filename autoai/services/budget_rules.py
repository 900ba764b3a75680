"""What makes the budgets of a task, an account and the instance valid."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import gettext as _

from ..domain.budgets import MOST_BUDGET, MOST_TOKENS, Caps, most_output
from ..extensions import db
from ..models import BUDGET_COLUMNS, Account
from ..providers.registry import ANSWER_LIMITS
from .budgets import caps_of, instance_caps
from .checker import Checker

_DECIMALS = 6
_NONE = Caps()


def check_budgets(check: Checker) -> dict[str, Any]:
    """The four columns of what may be spent; each is None where there is no cap."""
    return {
        name: check_cost(check, name)
        if name.startswith("cost")
        else check.optional_number(name, 1, MOST_TOKENS)
        for name in BUDGET_COLUMNS
    }


def check_cost(check: Checker, field: str) -> Decimal | None:
    """Dollars, as text or as a number; None where there are none."""
    value = check.values.get(field)
    if value is None or value == "":
        return None
    cost = _decimal(value)
    if cost is None or not 0 <= cost <= MOST_BUDGET or cost != round(cost, _DECIMALS):
        check.complain(
            field,
            _(
                "Dollars from 0 to %(most)s with at most %(count)s decimals.",
                most=f"{MOST_BUDGET:f}",
                count=_DECIMALS,
            ),
        )
        return None
    return cost


def check_bounded(check: Checker, columns: Mapping[str, Any], account: Account | None) -> None:
    """A run under any budget must say how long its answer may get: else nobody knows what it may
    come to, and nothing would ever be sent."""
    own = Caps(*(columns.get(name) for name in BUDGET_COLUMNS))
    capped = any(caps != _NONE for caps in (own, caps_of(account), instance_caps(db.session())))
    provider = columns.get("provider") if account is None else account.provider
    most = most_output(
        columns.get("max_tokens"),
        columns.get("extra_body") or {},
        ANSWER_LIMITS.get(str(provider), ()),
    )
    if capped and most is None and "max_tokens" not in check.errors:
        check.complain(
            "max_tokens",
            _("There is a budget, so this is needed: it bounds what an answer can cost.")
            if own != _NONE
            else _(
                "Its account, or the whole instance, has a budget, so this is needed: it bounds"
                " what an answer can cost."
            ),
        )


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
