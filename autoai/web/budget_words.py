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
    ("task", "day", "tokens"): _("the task's tokens for a day"),
    ("task", "month", "tokens"): _("the task's tokens for a month"),
    ("task", "day", "cost"): _("the task's money for a day"),
    ("task", "month", "cost"): _("the task's money for a month"),
    ("account", "day", "tokens"): _("its account's tokens for a day"),
    ("account", "month", "tokens"): _("its account's tokens for a month"),
    ("account", "day", "cost"): _("its account's money for a day"),
    ("account", "month", "cost"): _("its account's money for a month"),
    ("instance", "day", "tokens"): _("the instance's tokens for a day"),
    ("instance", "month", "tokens"): _("the instance's tokens for a month"),
    ("instance", "day", "cost"): _("the instance's money for a day"),
    ("instance", "month", "cost"): _("the instance's money for a month"),
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
                "There is a cap on %(budget)s, and no price is known for this model. Enter one in"
                " the account.",
                budget=name,
            )
        case Obstacle.NO_MAX_TOKENS:
            return gettext(
                "There is a cap on %(budget)s, and the task does not say how many tokens an answer"
                " may have at most.",
                budget=name,
            )
        case _:
            unit = note["unit"]
            cap, spent, needed = (
                amount(Decimal(note.get(part, "0")), unit) for part in ("cap", "spent", "needed")
            )
            return gettext(
                "The cap on %(budget)s is %(cap)s. %(spent)s were spent or set aside, and this run"
                " could have come to %(needed)s.",
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
        "It came to %(over)s more than the most that had been set aside for it: the other side did"
        " not keep to the bound. It counts in full.",
        over=over,
    )


def budget_name(state: BudgetState) -> str:
    """What a budget is for: "Morning news: cost today"."""
    whose = gettext("All tasks") if state.scope is Scope.INSTANCE else state.name or ""
    # Translators: a task, an account or all tasks; then which of its budgets
    return gettext("%(whose)s: %(what)s", whose=whose, what=_STATES[state.period, state.unit])
