"""Does an answer say something else than the one before? And where do the two differ?"""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

from .json_paths import BadPath, values_at
from .json_text import NotJson, canonical, read_leniently

_MOST_LINES = 1_000
"""Of each text; of what follows it is only said that it is not shown."""
_LONGEST_LINE = 4_000
_MOST_WORDS = 1_000
"""Of a line, so that its words are compared; a longer one is marked whole."""
_WORDS_IN_ALL = 10_000
_CONTEXT = 3
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Chinese and Japanese are written without blanks: each character counts as a word."""
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+[ \t]?|\s+|[^\w\s][ \t]?")


class Watch(StrEnum):
    """How the answers of a task are compared."""

    OFF = "off"
    TEXT = "text"
    JSON = "json"


def fingerprint(text: str, mode: str, fields: Sequence[str] | None = None) -> str:
    """The same for answers that say the same, as hexadecimal digits.

    In `text`, white space counts as such and not by its kind or length. In `json`, the order of keys
    does not count, and numbers count by their value; with `fields` (JSON paths), only what stands
    there. A text that is no JSON is compared as text.
    """
    seen = _seen(text, mode, fields)
    if seen is None:
        kind, seen = "text", " ".join(unicodedata.normalize("NFC", text).split())
    else:
        kind = "json"
    return hashlib.sha256(f"{kind}:{seen}".encode("utf-8", "replace")).hexdigest()


def _seen(
    text: str, mode: str, fields: Sequence[str] | None, indent: int | None = None
) -> str | None:
    """What a watch of JSON looks at; None where it is one of texts, or the text is no JSON."""
    if mode != Watch.JSON:
        return None
    try:
        value = read_leniently(text)
        if fields:
            value = {path: values_at(path, value) for path in fields}
        return unicodedata.normalize("NFC", canonical(value, indent))
    except (NotJson, BadPath, RecursionError):
        return None


@dataclass(frozen=True)
class Side:
    """A line of one of the two texts. `pieces` joined are the line; the marked ones differ."""

    number: int
    pieces: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Row:
    """Two lines beside each other. `kind`: same, changed, added, removed, or gap, which stands for
    `skipped` rows that are the same."""

    kind: str
    old: Side | None = None
    new: Side | None = None
    skipped: int = 0


@dataclass(frozen=True)
class Difference:
    """`cut`: at least one of the texts goes on behind what was compared."""

    rows: tuple[Row, ...]
    cut: bool


def difference(
    old: str, new: str, mode: str = Watch.TEXT, fields: Sequence[str] | None = None
) -> Difference:
    """Where two answers differ, line by line, as a watch looks at them.

    Bounded: it takes a fraction of a second whatever the texts are.
    """
    left, right = _seen(old, mode, fields, 2), _seen(new, mode, fields, 2)
    if left is None or right is None:
        left, right = old, new
    (before, before_cut), (after, after_cut) = _lines(left), _lines(right)
    rows = list(_Rows(before, after))
    return Difference(tuple(_folded(rows)), before_cut or after_cut)


def _lines(text: str) -> tuple[list[str], bool]:
    lines = unicodedata.normalize("NFC", text).splitlines()
    kept = [line.rstrip()[:_LONGEST_LINE] for line in lines[:_MOST_LINES]]
    longer = any(len(line.rstrip()) > _LONGEST_LINE for line in lines[:_MOST_LINES])
    return kept, longer or len(lines) > _MOST_LINES


class _Rows:
    """The rows of two lists of lines."""

    def __init__(self, before: list[str], after: list[str]) -> None:
        self._before, self._after = before, after
        self._words_left = _WORDS_IN_ALL

    def __iter__(self) -> Iterator[Row]:
        # Told by what they say, and not by how they are set apart. Blank lines would match anywhere.
        matcher = difflib.SequenceMatcher(
            lambda line: not line,
            [" ".join(line.split()) for line in self._before],
            [" ".join(line.split()) for line in self._after],
        )
        for tag, i, i_end, j, j_end in matcher.get_opcodes():
            for m, n in zip_longest(range(i, i_end), range(j, j_end)):
                yield self._row(tag == "equal", m, n)

    def _row(self, equal: bool, m: int | None, n: int | None) -> Row:
        if n is None and m is not None:
            return Row("removed", old=_whole(m, self._before[m], True))
        if m is None and n is not None:
            return Row("added", new=_whole(n, self._after[n], True))
        assert m is not None and n is not None  # noqa: S101 - told to mypy
        left, right = self._before[m], self._after[n]
        if equal:
            return Row("same", _whole(m, left, False), _whole(n, right, False))
        old, new = self._words(left, right)
        return Row("changed", Side(m + 1, old), Side(n + 1, new))

    def _words(
        self, left: str, right: str
    ) -> tuple[tuple[tuple[str, bool], ...], tuple[tuple[str, bool], ...]]:
        before, after = _WORD.findall(left), _WORD.findall(right)
        count = len(before) + len(after)
        if count > 2 * _MOST_WORDS or count > self._words_left:
            return ((left, True),), ((right, True),)
        self._words_left -= count
        old: list[tuple[str, bool]] = []
        new: list[tuple[str, bool]] = []
        matcher = difflib.SequenceMatcher(None, before, after)
        for tag, i, i_end, j, j_end in matcher.get_opcodes():
            marked = tag != "equal"
            if i < i_end:
                old.append(("".join(before[i:i_end]), marked))
            if j < j_end:
                new.append(("".join(after[j:j_end]), marked))
        return tuple(old), tuple(new)


def _whole(index: int, line: str, marked: bool) -> Side:
    return Side(index + 1, ((line, marked),))


def _folded(rows: Sequence[Row]) -> Iterator[Row]:
    """Without what is the same far from any change."""
    near: set[int] = set()
    for at, row in enumerate(rows):
        if row.kind != "same":
            near.update(range(at - _CONTEXT, at + _CONTEXT + 1))
    skipped = 0
    for at, row in enumerate(rows):
        if at not in near:
            skipped += 1
            continue
        if skipped:
            yield Row("gap", skipped=skipped)
        skipped = 0
        yield row
    if skipped:
        yield Row("gap", skipped=skipped)
