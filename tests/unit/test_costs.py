"""What tokens cost: against prices copied by hand from the makers' lists, and an account's own."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai.domain.costs import MOST_COST, SMALLEST, Priced, Rates, Tokens, estimate, price_tokens

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
OPENAI, ANTHROPIC = "https://api.openai.com/v1", "https://api.anthropic.com"
GOOGLE = "https://generativelanguage.googleapis.com/v1beta/openai"
MISTRAL, XAI, GROQ = (
    "https://api.mistral.ai/v1",
    "https://api.x.ai/v1",
    "https://api.groq.com/openai/v1",
)
DEEPSEEK, ROUTER = "https://api.deepseek.com/v1", "https://openrouter.ai/api/v1"

# Model, where, dollars for a million tokens: input, cached input, output.
BY_HAND = [
    ("gpt-4o", OPENAI, "2.5", "1.25", "10"),
    ("gpt-4o-mini", OPENAI, "0.15", "0.075", "0.6"),
    ("gpt-4.1", OPENAI, "2", "0.5", "8"),
    ("gpt-4.1-mini", OPENAI, "0.4", "0.1", "1.6"),
    ("gpt-4.1-nano", OPENAI, "0.1", "0.025", "0.4"),
    ("gpt-5", OPENAI, "1.25", "0.125", "10"),
    ("gpt-5-mini", OPENAI, "0.25", "0.025", "2"),
    ("gpt-5-nano", OPENAI, "0.05", "0.005", "0.4"),
    ("o3", OPENAI, "2", "0.5", "8"),
    ("o4-mini", OPENAI, "1.1", "0.275", "4.4"),
    ("gpt-3.5-turbo", OPENAI, "0.5", "0.5", "1.5"),
    ("claude-opus-4-1", ANTHROPIC, "15", "1.5", "75"),
    ("claude-sonnet-4-5", ANTHROPIC, "3", "0.3", "15"),
    ("claude-sonnet-4-0", ANTHROPIC, "3", "0.3", "15"),
    ("claude-haiku-4-5", ANTHROPIC, "1", "0.1", "5"),
    ("claude-3-5-haiku-latest", ANTHROPIC, "0.8", "0.08", "4"),
    ("claude-3-opus-latest", ANTHROPIC, "15", "1.5", "75"),
    ("gemini-2.5-pro", GOOGLE, "1.25", "0.125", "10"),
    ("gemini-2.5-flash", GOOGLE, "0.3", "0.03", "2.5"),
    ("gemini-2.0-flash", GOOGLE, "0.1", "0.025", "0.4"),
    ("deepseek-chat", DEEPSEEK, "0.27", "0.07", "1.1"),
    ("llama-3.3-70b-versatile", GROQ, "0.59", "0.59", "0.79"),
    ("grok-3", XAI, "3", "0.75", "15"),
    ("openai/gpt-4o", ROUTER, "2.5", "1.25", "10"),
]


def price(tokens: Tokens, model: str, endpoint: str, **more: object) -> Priced | None:
    provider = "anthropic" if endpoint == ANTHROPIC else "openai"
    values = {"provider": provider, "endpoint": endpoint, "models": (model,), "at": AT, **more}
    return price_tokens(tokens, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("model", "endpoint", "sent", "cached", "received"), BY_HAND)
@pytest.mark.parametrize("tokens", [Tokens(1, 1), Tokens(12_345, 678, 10_000), Tokens(199_999, 0)])
def test_by_hand(
    model: str, endpoint: str, sent: str, cached: str, received: str, tokens: Tokens
) -> None:
    found = price(tokens, model, endpoint)
    assert found is not None
    fresh = tokens.input - tokens.cached_input
    exact = (
        fresh * Fraction(sent)
        + tokens.cached_input * Fraction(cached)
        + tokens.output * Fraction(received)
    ) / 10**6
    assert Fraction(found.cost) == exact
    assert found.price["source"].startswith("genai-prices ")
    assert (found.price["input"], found.price["output"]) == (sent, received)


def test_long_input_has_a_price_of_its_own() -> None:
    found = price(Tokens(300_000, 1_000), "gemini-2.5-pro", GOOGLE)
    assert found is not None
    assert found.cost == Decimal("0.765")
    assert (found.price["input"], found.price["output"]) == ("2.5", "15")


def test_reasoning_is_output_and_counts_once() -> None:
    found = price(Tokens(100, 1_000), "o3", OPENAI)
    assert found is not None
    assert found.cost == Decimal("0.0082")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4000/v1", "https://gateway.test/v1"])
def test_behind_a_gateway_the_models_name_counts(endpoint: str) -> None:
    found = price(Tokens(1_000_000, 0), "gpt-4o", endpoint)
    assert found is not None
    assert found.cost == Decimal("2.5")


@pytest.mark.parametrize("model", ["llama3:latest", "m-1", "", "x" * 200])
def test_unknown_is_not_zero(model: str) -> None:
    assert price(Tokens(1_000, 1_000), model, "http://127.0.0.1:11434/v1") is None


def test_the_model_that_answered_where_the_one_asked_has_no_price() -> None:
    found = price(Tokens(1_000_000, 0), "", "http://x.test", models=("auto", "gpt-4o-mini"))
    assert found is not None
    assert found.cost == Decimal("0.15")


class TestOwnPrices:
    OWN = {
        "gpt-4o": Rates(Decimal(1), Decimal(2)),
        "*": Rates(Decimal("0.5"), Decimal("0.25"), Decimal("0.125")),
    }

    def test_they_come_first(self) -> None:
        found = price(Tokens(1_000_000, 1_000_000, 500_000), "gpt-4o", OPENAI, own=self.OWN)
        assert found is not None
        assert (found.cost, found.price["source"]) == (Decimal(3), "account")

    def test_for_every_other_model(self) -> None:
        found = price(Tokens(1_000_000, 1_000_000, 500_000), "llama3", OPENAI, own=self.OWN)
        assert found is not None
        assert found.cost == Decimal("0.5625")

    def test_free_is_zero_and_known(self) -> None:
        free = {"*": Rates(Decimal(0), Decimal(0))}
        found = price(Tokens(1_000, 1_000), "llama3", "http://127.0.0.1:11434", own=free)
        assert found is not None
        assert found.cost == 0

    @given(
        st.integers(0, 10**7),
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        st.decimals(0, 1000, places=6),
        st.decimals(0, 1000, places=6),
    )
    def test_to_the_last_digit(
        self, sent: int, received: int, cached: int, a: Decimal, b: Decimal
    ) -> None:
        own = {"*": Rates(a, b, b)}
        found = price(Tokens(sent, received, cached), "m", OPENAI, own=own)
        cached = min(cached, sent)
        exact = Fraction(sent - cached) * Fraction(a) + Fraction(cached + received) * Fraction(b)
        if exact / 10**6 > MOST_COST:
            assert found is None
            return
        assert found is not None
        assert Fraction(found.cost) == exact / 10**6
        assert found.cost == found.cost.quantize(SMALLEST)


@pytest.mark.parametrize(
    ("texts", "tokens"), [([], 0), ([""], 0), (["a"], 1), (["four"], 1), (["你好"], 2)]
)
def test_estimate(texts: list[str], tokens: int) -> None:
    assert estimate(texts) == tokens
