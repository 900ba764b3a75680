"""A few words around what was searched for, so that a list of hits can be told apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .search import typed_phrases

BEFORE, LONGEST = 15, 160
"""Characters before the first hit, which a narrow column must show, and in all."""
_BLANKS = re.compile(r"\s+")
_NO_LETTER_BEFORE, _NO_LETTER_AFTER = "(?<![A-Za-z0-9])", "(?![A-Za-z0-9])"
_BETWEEN_WORDS = r"[\W_]+"


@dataclass(frozen=True)
class Snippet:
    """A part of a text in pieces; every second one is a hit, and the first is none."""

    pieces: tuple[str, ...]


def hits_of(query: str) -> re.Pattern[str] | None:
    """What to look for in a text where `query` was typed; None where that is nothing.

    It knows less than the index does: what is found by another form of a letter has no snippet.
    """
    phrases = sorted(typed_phrases(query), key=lambda phrase: -len(phrase[0]))
    if not phrases:
        return None
    return re.compile(f"({'|'.join(_pattern(*phrase) for phrase in phrases)})", re.IGNORECASE)


def _pattern(words: str, may_go_on: bool) -> str:
    """Chinese has nothing between its words: a hit may stand within a row of characters."""
    found = _BETWEEN_WORDS.join(map(re.escape, words.split()))
    before = _NO_LETTER_BEFORE if words[0].isascii() else ""
    after = _NO_LETTER_AFTER if words[-1].isascii() and not may_go_on else ""
    return f"{before}{found}{after}"


def snippet_of(text: str | None, hits: re.Pattern[str]) -> Snippet | None:
    """The words around the first hit in `text`; None where there is none."""
    found = hits.search(text) if text else None
    if text is None or found is None:
        return None
    begin = max(0, found.start() - BEFORE)
    if begin:  # at the beginning of a word, if there is one
        blank = _BLANKS.search(text, begin, found.start())
        begin = blank.end() if blank else begin
    end = max(begin + LONGEST, found.end())
    pieces = hits.split(_BLANKS.sub(" ", text[begin:end]).strip())
    pieces[0] = ("… " if begin else "") + pieces[0]
    pieces[-1] += " …" if end < len(text) else ""
    return Snippet(tuple(pieces))
