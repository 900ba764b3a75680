"""Full-text search: how texts are cut into entries of the index, and what a person typed into a query.

The index (FTS5, tokenizer unicode61) tells words apart by what is between them. Chinese, Japanese and
Korean have nothing between them, so every run of such characters, with a mark at both its ends, is
cut into overlapping pairs: 机器学习 becomes `⌊机 机器 器学 学习 习⌋`. A part of it is found as a phrase of
the pairs that it has in it; where it goes on, or begins, with something else, the marks say that its
run ends or begins there. For a single character, each one that occurs has an entry of its own.

Index and query go through the same `_plain` and `_pairs`: what one of them did otherwise would not
be found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import add

INDEXED_CHARACTERS = 200_000
"""Of one run: what comes after is not found. Ten times a long answer, and a fifth of a second to index
where it is Chinese."""
QUERY_CHARACTERS = 1_000
"""Of what a person typed: the rest is not looked at."""
QUERY_TERMS = 64
"""The most entries that one query asks the index for; a longer one finds a little more than it says."""
SHORTEST_BEGINNING = 3
"""Letters before a `*`."""

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
_PIECE_ALONE = re.compile(f"[^\\W{_MARKS}]+")

# Of the entries that no text and no query can make: `_BETWEEN` takes these out of both.
_END = "\ue000"
_OF_TASK = "\ue001"
_CHARACTER = "\ue002"
_EDGE = "\ue003"


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
    text = _plain(text)
    characters = sorted(set("".join(_CJK_RUN.findall(text))))
    pairs = _CJK_RUN.sub(lambda run: f" {' '.join(_pairs(_EDGE + run[0] + _EDGE))} ", text)
    return " ".join([pairs, *(_CHARACTER + character for character in characters)])


def _plain(text: str) -> str:
    """`text` with letters, digits and ASCII alone, each in the form that all its likes have."""
    text = _PUNCTUATION.sub(" ", text)
    text = unicodedata.normalize("NFKC", text)[:INDEXED_CHARACTERS]  # one may become eighteen
    return _BETWEEN.sub(" ", _DROPPED.sub("", text)).replace("\x00", " ")


def _pairs(run: str) -> Iterable[str]:
    return map(add, run, run[1:])


_ITEM = re.compile(r'(?P<no>-|NOT\s+-?)?(?:"(?P<quoted>[^"]*)"?|(?P<word>[^\s"]+))(?P<prefix>\*)?')
_OPERATORS = {"AND", "NOT"}
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»「」『』〝〞〟", '"'))


@dataclass(frozen=True)
class Phrase:
    """Entries that follow each other; with `open_end`, the last one may go on."""

    entries: tuple[str, ...]
    open_end: bool = False

    def match(self, endings: Callable[[str], Sequence[str]]) -> str:
        """As an expression. `endings` of a beginning are the index's entries that have it."""
        if not self.open_end:
            return _quoted(self.entries)
        *first, last = self.entries
        found = endings(_folded(last)) or [last]
        return f"({' OR '.join(_quoted([*first, ending]) for ending in found)})"


@dataclass(frozen=True)
class Search:
    """What a person is looking for: all of the `wanted`, none of the `unwanted`."""

    wanted: tuple[Phrase, ...]
    unwanted: tuple[Phrase, ...] = ()

    def match(self, endings: Callable[[str], Sequence[str]], task_id: int | None = None) -> str:
        """As an expression for FTS5's MATCH that is never wrong, also for runs of one task only."""
        ours = [] if task_id is None else [_quoted([f"{_OF_TASK}{task_id}"])]
        found = " AND ".join([*ours, *(phrase.match(endings) for phrase in self.wanted)])
        if not self.unwanted:
            return found
        return f"({found}) NOT ({' OR '.join(phrase.match(endings) for phrase in self.unwanted)})"


def parse(query: str) -> Search | None:
    """What a person typed; None where there is nothing to look for.

    All words must occur; "quoted words" must follow each other, and so must characters that are
    written together. `*` at the end of a word or quotation stands for any ending; `-` or NOT before
    one excludes it, beside something that is looked for. Every other sign only stands between words.
    """
    query = unicodedata.normalize("NFKC", query[:QUERY_CHARACTERS]).translate(_QUOTES)
    wanted: dict[Phrase, None] = {}  # in order, each once
    unwanted: dict[Phrase, None] = {}
    left = QUERY_TERMS
    for item in _ITEM.finditer(query):
        typed = item["word"] or item["quoted"] or ""
        if left <= 0 or (item["word"] and typed in _OPERATORS):
            continue
        entries = _entries(typed)[:left]
        if entries:
            open_end = (item["prefix"] or typed).endswith("*") and _may_go_on(entries[-1])
            (unwanted if item["no"] else wanted)[Phrase(tuple(entries), open_end)] = None
            left -= len(entries)
    return Search(tuple(wanted), tuple(unwanted)) if wanted else None


def typed_phrases(query: str) -> list[tuple[str, bool]]:
    """The words and quotations that are looked for, as they were typed, and whether each may go on."""
    query = unicodedata.normalize("NFKC", query[:QUERY_CHARACTERS]).translate(_QUOTES)
    found = []
    for item in _ITEM.finditer(query):
        typed = item["word"] or item["quoted"] or ""
        words = " ".join(_PIECE_ALONE.findall(_plain(typed)))
        if words and not item["no"] and item["word"] not in _OPERATORS:
            found.append((words, (item["prefix"] or typed).endswith("*")))
    return found


def _entries(typed: str) -> list[str]:
    """The entries that a text has in it where it has `typed`."""
    pieces = list(_PIECE.finditer(_plain(typed)))
    if len(pieces) == 1 and pieces[0]["cjk"] and len(pieces[0][0]) == 1:
        return [_CHARACTER + pieces[0][0]]
    entries: list[str] = []
    for place, piece in enumerate(pieces):
        if piece["cjk"]:
            # Where the phrase begins or ends, its run in a text may go on.
            start, end = _EDGE if place else "", _EDGE if place < len(pieces) - 1 else ""
            entries += _pairs(start + piece[0] + end)
        else:
            entries.append(piece[0])
    return entries


def _may_go_on(entry: str) -> bool:
    """Has it endings to speak of? Every text has a word with a given first letter."""
    return len(entry) >= SHORTEST_BEGINNING and not _CJK_RUN.search(entry)


def _folded(entry: str) -> str:
    """As the tokenizer writes it into the index."""
    letters = unicodedata.normalize("NFD", entry)
    return "".join(sign for sign in letters if not unicodedata.combining(sign)).lower()


def _quoted(entries: Iterable[str]) -> str:
    return f'"{" ".join(entries)}"'
