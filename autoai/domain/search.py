"""Full-text search: how texts are cut into words for the index, and what a person typed into a query.

The index (FTS5, tokenizer unicode61) tells words apart by what is between them. Chinese, Japanese and
Korean have nothing between them, so every run of such characters is cut into overlapping pairs, and
a word of it is found as a phrase of pairs that follow each other: 机器学习 is indexed as
`机器 器学 学习 习` and found by `器学 学习`. The last character stands alone at the end, so that each
character begins exactly one entry.

Index and query go through the same `_plain` and `_pairs`: what one of them did otherwise would not
be found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from operator import add

INDEXED_CHARACTERS = 200_000
"""Of one run: what comes after is not found. Ten times a long answer, and a fifth of a second to index
where it is Chinese."""
QUERY_CHARACTERS = 1_000
"""Of what a person typed: the rest is not looked at."""
QUERY_TERMS = 64
"""The most entries that one query asks the index for; a longer one finds a little more than it says."""

_CJK = (
    "\u1100-\u11ff\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u3096\u309d-\u309f"
    "\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb\uf900-\ufaff"
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
"""Han with its extensions, Hiragana, Katakana, Hangul and Bopomofo."""
_CJK_RUN = re.compile(f"[{_CJK}]+")
_PUNCTUATION = re.compile(
    "[\u2010-\u2027\u2030-\u205e\u3000-\u3004\u3008-\u3020\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40"
    "\uff5b-\uff65]+"
)
"""Of Chinese sentences, above all. Without it they are in the normal form already, as a rule: to see
that takes a hundredth of the time that it takes to make it."""
_DROPPED = re.compile("[\u0300-\u036f\u3099\u309a]+")
"""Accents that did not melt into their letter."""
_BETWEEN = re.compile(r"[^\w\x00-\x7f]+")
"""Signs, emoji, private use, halves of surrogate pairs: SQLite's tables are older than many of them
and would take them for letters."""
_MARKS = "_\u19b0-\u19c0\u19c8\u19c9\u1cf2\u1cf3"
"""Letters to Python, and something between words to the tokenizer."""
_PIECE = re.compile(f"(?P<cjk>[{_CJK}]+)|[^\\W{_MARKS}{_CJK}]+")

# Entries that no text and no query can make: `_BETWEEN` takes these characters out of both.
_END = "\ue000"
_OF_TASK = "\ue001"


def index_words(task_id: int, texts: Iterable[str | None]) -> str:
    """What the index holds of a run: its texts, the most telling first, and an entry for its task, so
    that a search in one task's log does not look at the runs of the others.

    No phrase goes over from one text into the next.
    """
    parts, left = [f"{_OF_TASK}{task_id}"], INDEXED_CHARACTERS
    for text in texts:
        if text and left > 0:
            parts.append(words_of(text[:left]))
            left -= len(text)
    return f" {_END} ".join(parts)


def words_of(text: str) -> str:
    """`text` as the index takes it: with something between all words."""
    if text.isascii():
        return text.replace("\x00", " ")
    return _CJK_RUN.sub(lambda run: f" {' '.join(_pairs(run[0]))} ", _plain(text))


def _plain(text: str) -> str:
    """`text` with letters, digits and ASCII alone, each in the form that all its likes have."""
    text = _PUNCTUATION.sub(" ", text)
    text = unicodedata.normalize("NFKC", text)[:INDEXED_CHARACTERS]  # one may become eighteen
    return _BETWEEN.sub(" ", _DROPPED.sub("", text)).replace("\x00", " ")


def _pairs(run: str) -> list[str]:
    return [*map(add, run, run[1:]), run[-1]]


_ITEM = re.compile(r'(?P<no>-|NOT\s+-?)?(?:"(?P<quoted>[^"]*)"?|(?P<word>[^\s"]+))(?P<prefix>\*)?')
_OPERATORS = {"AND", "NOT"}
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»「」『』〝〞〟", '"'))


def match_of(query: str) -> str | None:
    """What a person typed, as an expression for FTS5's MATCH that is never wrong; None where there
    is nothing to look for.

    All words must occur; "quoted words" must follow each other, and so must characters that are
    written together. `*` at the end of a word or quotation stands for any ending; `-` or NOT before
    one excludes it, beside something that is looked for. Every other sign only stands between words.
    """
    query = unicodedata.normalize("NFKC", query[:QUERY_CHARACTERS]).translate(_QUOTES)
    wanted: dict[str, None] = {}  # in order, each once
    unwanted: dict[str, None] = {}
    left = QUERY_TERMS
    for item in _ITEM.finditer(query):
        typed = item["word"] or item["quoted"] or ""
        if left <= 0 or (item["word"] and typed in _OPERATORS):
            continue
        phrase, terms = _phrase(typed, left, (item["prefix"] or typed).endswith("*"))
        if phrase:
            (unwanted if item["no"] else wanted)[phrase] = None
            left -= terms
    if not wanted:
        return None
    found = " AND ".join(wanted)
    return f"({found}) NOT ({' OR '.join(unwanted)})" if unwanted else found


def in_task(match: str, task_id: int) -> str:
    """`match`, which `match_of` made, among the runs of one task."""
    return f'"{_OF_TASK}{task_id}" AND ({match})'


def _phrase(typed: str, most: int, prefix: bool) -> tuple[str, int]:
    """`typed` as a quoted phrase of at most `most` entries, and of how many; "" where it has none."""
    entries: list[str] = []
    pieces = list(_PIECE.finditer(_plain(typed)))
    for piece in pieces:
        entries += _pairs(piece[0]) if piece["cjk"] else [piece[0]]
    if pieces and pieces[-1]["cjk"]:
        # What follows its last character in a text is not known: whatever pair that begins, or none.
        prefix = len(pieces[-1][0]) == 1
        entries = entries if prefix else entries[:-1]
    if len(entries) > most:
        entries, prefix = entries[:most], False
    return f'"{" ".join(entries)}"{"*" if prefix else ""}' if entries else "", len(entries)
