"""What is indexed is found, whatever the script; and what a person types is never an error."""

from __future__ import annotations

import re
import sqlite3
import sys
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai.domain.search import (
    INDEXED_CHARACTERS,
    QUERY_TERMS,
    index_words,
    parse,
    words_of,
)

_TABLE = (
    "CREATE VIRTUAL TABLE s USING fts5("
    "words, tokenize = 'unicode61 remove_diacritics 2', columnsize = 0)"
)


class Index:
    """The real thing, in memory."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.execute(_TABLE)
        self.connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(s, instance)")

    def put(self, *texts: str, task: int = 1) -> None:
        """The only run there is."""
        self.connection.execute("DELETE FROM s")
        self.connection.execute("INSERT INTO s VALUES (?)", (index_words(task, texts),))

    def endings(self, beginning: str) -> list[str]:
        rows = self.connection.execute(
            "SELECT DISTINCT term FROM v WHERE term >= ? AND term < ?",
            (beginning, beginning + chr(sys.maxunicode)),
        )
        return [row[0] for row in rows]

    def finds(self, query: str, task: int | None = None) -> bool:
        search = parse(query)
        if search is None:
            return False
        match = search.match(self.endings, task)
        return bool(self.connection.execute("SELECT 1 FROM s WHERE s MATCH ?", (match,)).fetchall())


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    yield Index()


TEXT = "我们用机器学习预测天气。Deep learning（深度学习）很有用；GPT-4模型 costs 3.50 € a naïve day"


@pytest.mark.parametrize(
    "query",
    [
        *("机器", "学习", "天气", "器学", "机", "气", "用", "机器学习", "我们用机器学习预测天气"),
        *(
            "deep",
            "DEEP learning",
            "learning deep",
            '"deep learning"',
            "gpt-4",
            "GPT-4模型",
            "模型",
        ),
        *(
            "naive",
            "naïve",
            "naï*",
            "NAÏ*",
            "nai\u0308ve",
            "3.50",
            "ｄｅｅｐ",
            "lear*",
            '"deep lear"*',
            "机*",
        ),
        *(
            "学习 天气 deep",
            "“deep learning”",
            "「deep learning」",
            "deep -boring",
            "deep NOT boring",
        ),
        *("deep AND day", "(deep)", "deep:", "deep 🚀", "(深度学习）很有用；GPT", "用；GPT*"),
    ],
)
def test_finds(index: Index, query: str) -> None:
    index.put("另外一个", TEXT)
    assert index.finds(query)


@pytest.mark.parametrize(
    "query",
    [
        *(
            "学机",
            "机习",
            "习机",
            "learn",
            '"learning deep"',
            "deep -day",
            "deep -学习",
            "天气很",
            "x*",
        ),
        *(
            "器",
            "个我",
            "一个我们",
            '"a day 1"',
            "1",
            "🚀",
            "deep NOT lear*",
            "-boring",
            "words",
            "t1",
        ),
    ],
)
def test_does_not_find(index: Index, query: str) -> None:
    index.put("另外一个", TEXT.replace("器", "械") if query == "器" else TEXT)
    assert not index.finds(query)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("ひらがなとカタカナ", "がなと"),
        ("ﾊﾝｶｸｶﾞｶﾞ", "カクガ"),
        ("한국어를 배우다", "국어"),
        ("𠮷野家で食べる", "𠮷野"),
        ("𰻝𰻝面好吃", "𰻝面"),
        ("Привет, Мир", "привет мир"),
        ("Ärger über Straße", "arger uber straße"),
        ("q\u0303uick", "quick"),
        ("love🥰now", "love now"),
        ("snake_case and kebab-case", "case snake"),
        ("㎏ and ½", "kg"),
        ("null\x00byte", "null byte"),
        ("half\ud800pair", "pair half"),
        ("private\ue001use", '"private use"'),
    ],
)
def test_finds_in_other_scripts(index: Index, text: str, query: str) -> None:
    index.put(text)
    assert index.finds(query)


def test_one_task_only(index: Index) -> None:
    index.put("alpha beta", task=12)
    assert index.finds("alpha", task=12)
    assert index.finds("alpha -gamma", task=12)
    assert not index.finds("alpha -beta", task=12)
    assert not index.finds("alpha", task=1)
    assert not index.finds("gamma", task=12)
    assert not index.finds("\ue00112"), (
        "the entry for the task is nothing that a person can ask for"
    )


def test_texts_are_apart(index: Index) -> None:
    index.put("one two", "three 机", "器")
    assert not index.finds('"two three"')
    assert not index.finds("机器")
    assert index.finds("two three")


def test_bounds(index: Index) -> None:
    index.put("a " * (INDEXED_CHARACTERS // 2) + "late", "later")
    assert not index.finds("late") and not index.finds("later") and index.finds("a")
    assert len(index_words(1, ["机" * 3 * INDEXED_CHARACTERS])) < 4 * INDEXED_CHARACTERS
    assert len(words_of("ﷺ" * INDEXED_CHARACTERS)) <= INDEXED_CHARACTERS
    sentence = "机" * 10_000
    index.put("机" * 100)
    assert index.finds(sentence) and asked_for(sentence) == QUERY_TERMS
    assert asked_for("a " * 10_000) == 1
    assert asked_for(" ".join(f"w{n}" for n in range(5_000))) == QUERY_TERMS


def asked_for(query: str) -> int:
    """How many entries."""
    search = parse(query)
    return sum(len(phrase.entries) for phrase in search.wanted) if search else 0


_SIGNS = [
    "a",
    "b",
    "Z",
    "9",
    "é",
    "ü",
    "ñ",
    "é",
    "q̃",
    "ß",
    "机",
    "器",
    "学",
    "习",
    "天",
    "𠮷",
    "𰻝",
    "ー",
    "あ",
    "ガ",
    "한",
    "국",
    "я",
    "🚀",
    "🥰",
    "，",
    "。",
    "—",
    "-",
    "_",
    ".",
    "'",
    '"',
    "*",
    "(",
    ":",
    "：",
    "１",
]
_TEXTS = st.lists(
    st.sampled_from([*_SIGNS, " ", " ", "ab", "机器", "学习", "\n"]), min_size=1, max_size=30
).map("".join)
_CJK = re.compile("[ー\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]")


def pieces(text: str) -> list[str]:
    """The words of `text`, and its runs of what is written without spaces, by other means than the
    module's."""
    spaced = ""
    for sign in unicodedata.normalize("NFKC", text):
        if unicodedata.combining(sign):
            continue
        if _CJK.match(sign):
            spaced += sign if _CJK.match(spaced[-1:]) else f" {sign}"
        elif unicodedata.category(sign)[0] in "LN":
            base = unicodedata.normalize("NFD", sign)[0].lower()
            spaced += f" {base}" if _CJK.match(spaced[-1:]) else base
        else:
            spaced += " "
    return spaced.split()


def occurs(phrase: str, text: str) -> bool:
    """Whole words as neighbours; characters written together, wherever their run begins or ends."""
    wanted = pieces(phrase)
    start = "" if _CJK.match(wanted[0]) else "|"
    end = "" if _CJK.match(wanted[-1]) else "|"
    return f"{start}{'|'.join(wanted)}{end}" in f"|{'|'.join(pieces(text))}|"


@settings(max_examples=300, deadline=None)
@given(text=_TEXTS, data=st.data())
def test_finds_what_occurs_and_nothing_else(index: Index, text: str, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(text) - 1))
    last = data.draw(st.integers(first + 1, len(text)))
    phrase = data.draw(st.sampled_from([text[first:last], text[first:last] + "机"]) | _TEXTS)
    phrase = unicodedata.normalize("NFKC", phrase).replace('"', " ")
    index.put("机", text, "器")
    if not pieces(phrase):
        assert parse(phrase) is None
        return
    assert index.finds(f'"{phrase}"') == any(occurs(phrase, whole) for whole in ("机", text, "器"))


def test_the_property_can_fail(index: Index) -> None:
    """It does see what is there, and what is not."""
    assert occurs("机器", "a机器b") and occurs("器 b", "a机器b") and not occurs("机 器", "机器")
    assert not occurs("a", "ab") and not occurs("机b", "机器b")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | _TEXTS)
def test_whatever_is_typed_is_harmless(index: Index, query: str) -> None:
    index.put(TEXT)
    index.finds(query)
    index.finds(query, task=1)


def test_every_letter_has_an_entry() -> None:
    """The tokenizer's tables are of another Unicode than Python's: what is a letter to the one and
    none to the other must be known."""
    connection = sqlite3.connect(":memory:")
    connection.execute(_TABLE)
    numbers = [*range(0x3400), *range(0x3400, sys.maxunicode + 1, 29)]  # far the most are Han
    letters = [chr(n) for n in numbers if chr(n).isalnum()]
    connection.executemany(
        "INSERT INTO s (rowid, words) VALUES (?, ?)",
        ((ord(letter), words_of(letter)) for letter in letters),
    )
    connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(s, instance)")
    found = {chr(row[0]) for row in connection.execute("SELECT DISTINCT doc FROM v")}
    searchable = {letter for letter in letters if parse(letter)}
    assert searchable <= found
    assert len(letters) - len(searchable) < 30
