"""The interface's words for budgets: which one, how far it is used, and how it was in the way."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from ..domain.budgets import Obstacle, Scope, Unit
from ..queries.budgets import BudgetState
from . import formats

_NAMES: dict[tuple[str, str, str], LazyString] = {
    ("task", "day", "tokens"): _("the task's daily token budget"),
    ("task", "month", "tokens"): _("the task's monthly token budget"),
    ("task", "day", "cost"): _("the task's daily cost budget"),
    ("task", "month", "cost"): _("the task's monthly cost budget"),
    ("account", "day", "tokens"): _("its account's daily token budget"),
    ("account", "month", "tokens"): _("its account's monthly token budget"),
    ("account", "day", "cost"): _("its account's daily cost budget"),
    ("account", "month", "cost"): _("its account's monthly cost budget"),
    ("instance", "day", "tokens"): _("the instance's daily token budget"),
    ("instance", "month", "tokens"): _("the instance's monthly token budget"),
    ("instance", "day", "cost"): _("the instance's daily cost budget"),
    ("instance", "month", "cost"): _("the instance's monthly cost budget"),
}
_STATES: dict[tuple[str, str], LazyString] = {
    ("day", "tokens"): _("tokens today"),
    ("month", "tokens"): _("tokens this month"),
    ("day", "cost"): _("cost today"),
    ("month", "cost"): _("cost this month"),
}


def amount(value: int | Decimal, unit: str) -> str:
    """Tokens with the reader's separators, or dollars."""
    return formats.money(Decimal(value)) if unit == Unit.COST else formats.number(int(value))


def refusal_words(note: Mapping[str, str]) -> str:
    """Which budget was in the way of a run, and by how much; empty for what is no refusal."""
    name = _NAMES.get((note.get("scope", ""), note.get("period", ""), note.get("unit", "")))
    if name is None:
        return ""
    match note.get("obstacle"):
        case Obstacle.NO_PRICE:
            return gettext(
                "No price is known for this model, so %(budget)s cannot be kept. Enter a price in"
                " the account.",
                budget=name,
            )
        case Obstacle.NO_MAX_TOKENS:
            return gettext(
                "The task does not limit how long an answer may be (“Tokens at most”), so"
                " %(budget)s cannot be kept.",
                budget=name,
            )
        case _:
            unit = note["unit"]
            cap, spent, needed = (
                amount(Decimal(note.get(part, "0")), unit) for part in ("cap", "spent", "needed")
            )
            return gettext(
                "This run would have gone over %(budget)s of %(cap)s: %(spent)s was spent or"
                " reserved already, and it could have needed up to %(needed)s.",
                budget=name,
                cap=cap,
                spent=spent,
                needed=needed,
            )


def overshoot_words(note: Mapping[str, str]) -> str:
    """By how much a run went over what had been set aside for it; empty where it did not."""
    cost, tokens = note.get("overshoot_cost"), note.get("overshoot_tokens")
    if cost:
        over = amount(Decimal(cost), Unit.COST)
    elif tokens:
        over = gettext("%(num)s tokens", num=amount(Decimal(tokens), Unit.TOKENS))
    else:
        return ""
    return gettext(
        "It used %(over)s more than had been reserved for it, because the provider did not keep"
        " to the limit. All of it counts.",
        over=over,
    )


def budget_name(state: BudgetState) -> str:
    """What a budget is for: "Morning news: cost today"."""
    whose = gettext("All tasks") if state.scope is Scope.INSTANCE else state.name or ""
    # Translators: a task, an account or all tasks; then which of its budgets
    return gettext("%(whose)s: %(what)s", whose=whose, what=_STATES[state.period, state.unit])
