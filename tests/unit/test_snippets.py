"""The words around a hit: the right ones, short, and whatever stands in the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai.domain.search import parse
from autoai.domain.snippets import BEFORE, LONGEST, hits_of, snippet_of

TEXT = (
    "The price of  the\nmarket rose. 今天天气很好。 It will rain, and the raining ends on Monday."
)


def shown(query: str, text: str | None = TEXT) -> str:
    """The snippet with its hits in brackets; empty for none."""
    hits = hits_of(query)
    found = snippet_of(text, hits) if hits else None
    pieces = found.pieces if found else ()
    return "".join(f"[{piece}]" if n % 2 else piece for n, piece in enumerate(pieces))


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("market", ["market"]),
        ("MARKET", ["market"]),
        ("天气", ["天气"]),
        ("今天 Monday", ["今天", "Monday"]),
        ('"of the market"', ["of the market"]),
        ("rain", ["rain"]),
        ("rain*", ["rain", "rain"]),
        ("rain -market NOT price", ["rain"]),
        ("rain AND Monday", ["rain", "Monday"]),
        ("ark", []),
        ("明天", []),
    ],
)
def test_the_hits_are_those_that_were_meant(query: str, hits: list[str]) -> None:
    found = shown(query)
    assert [part.partition("]")[0] for part in found.split("[")[1:]] == hits


@pytest.mark.parametrize("query", ["", "   ", '""', "-market", "NOT market", "***", "…"])
def test_a_query_that_looks_for_nothing_has_none(query: str) -> None:
    assert hits_of(query) is None


def test_it_begins_shortly_before_the_hit_at_a_word_and_says_what_is_left_out() -> None:
    text = "word " * 100 + "needle" + " word" * 100
    found = shown("needle", text)
    before, _, after = found.partition("[needle]")
    assert before.startswith("… word") and after.endswith(" …")
    assert len(before) <= BEFORE + 2
    assert len(found) <= LONGEST + len("… []…  ")


@given(st.text(max_size=40), st.text(max_size=300))
def test_no_text_and_no_query_break_it(query: str, text: str) -> None:
    hits = hits_of(query)
    assert (hits is not None) <= (parse(query) is not None)
    for looked_in in (text, text + query + text):
        found = snippet_of(looked_in, hits) if hits else None
        if found is not None:
            assert len(found.pieces) % 2 == 1
            assert len(found.pieces) >= 3
            assert "\n" not in "".join(found.pieces)


def test_there_is_none_of_nothing() -> None:
    assert shown("market", None) == shown("market", "") == ""
