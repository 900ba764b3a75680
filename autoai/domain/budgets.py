"""What may be spent by the day and by the month, and the most that a run can come to.

A run's worst case is reserved when it is claimed and settled when it ends, so what was spent never
passes a cap, whatever runs at the same time. What nobody knows the use of stays reserved.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from .costs import plain

MOST_TOKENS = 10**12
MOST_BUDGET = Decimal(1_000_000)
"""Dollars."""
_PER_MESSAGE = 8
"""Tokens that a provider adds around each message, and once more before the answer."""


class Scope(StrEnum):
    """What a budget is for."""

    TASK = "task"
    ACCOUNT = "account"
    INSTANCE = "instance"


class Period(StrEnum):
    """How long a budget lasts: a day or a month on the instance's clocks."""

    DAY = "day"
    MONTH = "month"


class Unit(StrEnum):
    """What it is counted in."""

    TOKENS = "tokens"
    COST = "cost"


class Obstacle(StrEnum):
    """Why a budget cannot be kept: nothing is sent where nobody knows what it may come to."""

    NO_PRICE = "no_price"
    NO_MAX_TOKENS = "no_max_tokens"


@dataclass(frozen=True)
class Caps:
    """Of one task, account or instance; None is no cap. Costs are dollars."""

    token_budget_day: int | None = None
    token_budget_month: int | None = None
    cost_budget_day: Decimal | None = None
    cost_budget_month: Decimal | None = None

    def __iter__(self) -> Iterator[tuple[Period, Unit, int | Decimal]]:
        """Those that are set."""
        for period, unit, cap in (
            (Period.DAY, Unit.TOKENS, self.token_budget_day),
            (Period.MONTH, Unit.TOKENS, self.token_budget_month),
            (Period.DAY, Unit.COST, self.cost_budget_day),
            (Period.MONTH, Unit.COST, self.cost_budget_month),
        ):
            if cap is not None:
                yield period, unit, cap


@dataclass(frozen=True)
class Amount:
    """Tokens, and dollars where they are known."""

    tokens: int = 0
    cost: Decimal | None = None

    def __add__(self, other: Amount) -> Amount:
        """Dollars that are not known add nothing."""
        known = [cost for cost in (self.cost, other.cost) if cost is not None]
        return Amount(self.tokens + other.tokens, sum(known, Decimal(0)) if known else None)

    def less(self, other: Amount) -> Amount:
        """What is left of it, and never less than nothing."""
        cost = None if self.cost is None else max(Decimal(0), self.cost - (other.cost or 0))
        return Amount(max(0, self.tokens - other.tokens), cost)

    def times(self, number: int) -> Amount:
        """So often."""
        return Amount(self.tokens * number, None if self.cost is None else self.cost * number)

    def in_unit(self, unit: Unit) -> int | Decimal | None:
        """As many as a cap in `unit` counts."""
        return self.tokens if unit is Unit.TOKENS else self.cost


NOTHING = Amount()


@dataclass(frozen=True)
class Refusal:
    """Which budget is in the way of a claim. `cap`, `spent` and `needed` are in `unit`; they are
    None where an obstacle says that the need is not known."""

    scope: Scope
    period: Period
    unit: Unit
    cap: int | Decimal
    spent: int | Decimal | None = None
    needed: int | Decimal | None = None
    obstacle: Obstacle | None = None

    def note(self) -> dict[str, str]:
        """As it is kept on the row that was skipped: numbers as plain decimal text."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: _plain(value) for name, value in found.items() if value is not None}


def refuse(
    scope: Scope,
    caps: Caps,
    spent: Mapping[Period, Amount],
    need: Amount | None,
) -> Refusal | None:
    """The first cap that a claim of `need` would break, `spent` being what was spent and reserved
    before it. A `need` of None, or without dollars under a cap in dollars, breaks every cap that
    counts it: a budget that cannot be kept lets nothing through. Who needs nothing more, because it
    is free or was reserved before, is in nobody's way."""
    for period, unit, cap in caps:
        if need is None:
            return Refusal(scope, period, unit, cap, obstacle=Obstacle.NO_MAX_TOKENS)
        needed = need.in_unit(unit)
        before = spent[period].in_unit(unit) or 0
        if needed is None:
            return Refusal(scope, period, unit, cap, obstacle=Obstacle.NO_PRICE)
        if needed and before + needed > cap:
            return Refusal(scope, period, unit, cap, before, needed)
    return None


def most_input(messages: Sequence[Mapping[str, Any]], *extra: Any) -> int:
    """No tokenizer makes more tokens of a text than it has bytes. `extra` is what else is sent and
    counted, such as a JSON schema."""
    texts = [str(message["content"]) for message in messages]
    more = [json.dumps(item, ensure_ascii=False, default=str) for item in extra if item]
    total = sum(len(text.encode("utf-8", "surrogatepass")) for text in (*texts, *more))
    return total + _PER_MESSAGE * (len(texts) + 1)


_CHOICES = ("n", "best_of")


def most_output(
    max_tokens: int | None, extra_body: Mapping[str, Any], limits: Collection[str]
) -> int | None:
    """Tokens that one call may answer; None where nothing bounds them. `extra_body` wins over
    `max_tokens` in a request, and may ask for several answers. `limits` are the names that the
    family of API gives to the bound: another family's bounds nothing."""
    given = [extra_body[name] for name in limits if name in extra_body]
    bounds = given or [max_tokens]
    choices = [extra_body.get(name, 1) for name in _CHOICES]
    if not all(_is_count(number) for number in (*bounds, *choices)):
        return None
    return min(max(bounds) * max(choices), MOST_TOKENS)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _plain(value: Any) -> str:
    return str(plain(value)) if isinstance(value, Decimal) else str(value)
