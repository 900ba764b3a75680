"""Usage × dated price → money. Decimal, in US dollars, exact to a millionth of a millionth.

Prices come with the package genai-prices, which is asked for nothing at run time; an account may
have its own. An unknown price is None, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Any

from .limits import BYTES_PER_TOKEN

SMALLEST = Decimal("1e-12")
MOST_COST = Decimal(10_000)
"""Dollars of one call. A thousand of that size still add up within what SQLite can count."""
_MILLION = Decimal(10**6)


@dataclass(frozen=True)
class Tokens:
    """What is paid for. `input` includes `cached_input`."""

    input: int
    output: int
    cached_input: int = 0


@dataclass(frozen=True)
class Rates:
    """Dollars for a million tokens."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    """None: as much as any other input."""


FREE = Rates(Decimal(0), Decimal(0), Decimal(0))


@dataclass(frozen=True)
class Priced:
    """What some tokens cost, and by which price."""

    cost: Decimal
    price: dict[str, str]
    """`source` (account, or the package with its version), `model`, and dollars for a million
    tokens as `input`, `output`, `cached_input`: what is frozen on a run."""


def price_tokens(
    tokens: Tokens,
    *,
    provider: str,
    endpoint: str,
    models: tuple[str | None, ...],
    at: datetime,
    own: Mapping[str, Rates] | None = None,
) -> Priced | None:
    """What `tokens` cost at `at`; None where no price is known.

    The first of `models` that has a price counts (the one asked for, the one that answered). `own`
    are an account's prices by model, "*" standing for every other one. Else the endpoint's own
    prices, the provider's, or those of whoever is known for a model of that name. No call costs
    more than `MOST_COST`: a count that would make it is not believed.
    """
    found = _priced(tokens, provider, endpoint, [model for model in models if model], at, own or {})
    return found if found is None or found.cost <= MOST_COST else None


def _priced(
    tokens: Tokens,
    provider: str,
    endpoint: str,
    models: list[str],
    at: datetime,
    own: Mapping[str, Rates],
) -> Priced | None:
    for model in models:
        rates = own.get(model) or own.get("*")
        if rates is not None:
            return _by_own_rates(tokens, rates, model)
    for model in models:
        where = _known_as(provider, endpoint, model)
        if where is not None:
            return _by_package(tokens, dict(where), model, at)
    return None


def plain(amount: Decimal | None) -> str | None:
    """Dollars as decimal text without an exponent; None where unknown."""
    return None if amount is None else f"{amount.normalize():f}"


def estimate(texts: list[str]) -> int:
    """About how many tokens `texts` are, where nobody counted them."""
    return sum(-(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN) for text in texts)


def _by_own_rates(tokens: Tokens, rates: Rates, model: str) -> Priced:
    cached_rate = rates.input if rates.cached_input is None else rates.cached_input
    cached = min(tokens.cached_input, tokens.input)
    cost = (
        (tokens.input - cached) * rates.input + cached * cached_rate + tokens.output * rates.output
    ) / _MILLION
    price = {
        "source": "account",
        "model": model,
        "input": str(rates.input),
        "output": str(rates.output),
        "cached_input": str(cached_rate),
    }
    return Priced(_rounded(cost), price)


def _by_package(tokens: Tokens, where: dict[str, str], model: str, at: datetime) -> Priced | None:
    prices = _package()
    usage = prices.Usage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=min(tokens.cached_input, tokens.input),
    )
    try:
        found = prices.calc_price(usage, model, genai_request_timestamp=at, **where)
    except (LookupError, ValueError):
        return None
    rates = found.model_price
    price = {"source": f"genai-prices {prices.__version__}", "model": found.model.id}
    for ours, theirs in _RATES.items():
        rate = _rate(getattr(rates, theirs, None), tokens.input)
        if rate is not None:
            price[ours] = str(rate)
    return Priced(_rounded(found.total_price), price)


_RATES = {"input": "input_mtok", "output": "output_mtok", "cached_input": "cache_read_mtok"}


def _rate(rate: Any, input_tokens: int) -> Decimal | None:
    """A rate, or the one of its tiers that so many tokens reach."""
    if rate is None or isinstance(rate, Decimal):
        return rate
    reached = [tier.price for tier in rate.tiers if input_tokens > tier.start]
    return Decimal(reached[-1] if reached else rate.base)


@lru_cache(maxsize=4096)
def _known_as(provider: str, endpoint: str, model: str) -> tuple[tuple[str, str], ...] | None:
    """By which name the package knows a model there; None where it does not."""
    prices = _package()
    ways: list[dict[str, str]] = [{"provider_api_url": endpoint}]
    if provider == "anthropic":
        ways.append({"provider_id": "anthropic"})
    ways.append({})
    for way in ways:
        try:
            prices.calc_price(prices.Usage(input_tokens=1, output_tokens=1), model, **way)
        except (LookupError, ValueError):
            continue
        return tuple(way.items())
    return None


def _rounded(cost: Decimal) -> Decimal:
    return cost.quantize(SMALLEST, ROUND_HALF_EVEN)


def load_prices() -> None:
    """Have the prices at hand before a run needs them."""
    _package()


def _package() -> Any:
    """Not imported with the module: it takes a quarter of a second, and 30 MB, which neither a
    command nor gunicorn's master has any use for."""
    import genai_prices

    return genai_prices
