"""Change watch: what counts as the same answer, and how two that differ are set beside each other."""

from __future__ import annotations

import json
import random
import time

import pytest

from autoai.domain.changes import Row, difference, fingerprint

CAFE = ("Caf\u00e9", "Cafe\u0301")


@pytest.mark.parametrize(
    ("mode", "fields", "old", "new"),
    [
        ("text", None, "Rain today.", "  Rain \t today.\n"),
        ("text", None, "one\r\ntwo", "one\n\ntwo"),
        ("text", None, *CAFE),
        ("json", None, '{"a": 1, "b": [true, null]}', '{"b":[true,null],\n"a":1}'),
        ("json", None, '{"a": 1}', '{"a": 1.0}'),
        ("json", None, '{"a": 100}', '{"a": 1e2}'),
        ("json", None, '{"a": 1.50}', '{"a": 1.5}'),
        ("json", None, '{"a": 1}', '```json\n{"a": 1}\n```'),
        ("json", None, f'"{CAFE[0]}"', f'"{CAFE[1]}"'),
        ("json", None, "no JSON", " no  JSON "),
        ("json", ["$.a"], '{"a": 1, "at": "10:00"}', '{"at": "11:00", "a": 1}'),
        ("json", ["$.b[*].n"], '{"b": [{"n": 1, "t": 1}]}', '{"b": [{"n": 1, "t": 2}]}'),
        ("json", ["$.a", "$.b"], '{"a": 1, "b": 2, "c": 3}', '{"c": 4, "b": 2, "a": 1}'),
    ],
)
def test_the_same(mode: str, fields: list[str] | None, old: str, new: str) -> None:
    assert fingerprint(old, mode, fields) == fingerprint(new, mode, fields)


@pytest.mark.parametrize(
    ("mode", "fields", "old", "new"),
    [
        ("text", None, "Rain today.", "Rain today!"),
        ("text", None, "Rain", "rain"),
        ("text", None, "a b", "ab"),
        ("text", None, '{"a": 1}', '{"a": 1.0}'),
        ("json", None, '{"a": 1}', '{"a": 2}'),
        ("json", None, '{"a": 1}', '{"a": true}'),
        ("json", None, '{"a": 1}', '{"a": "1"}'),
        ("json", None, '{"a": [1, 2]}', '{"a": [2, 1]}'),
        ("json", None, '{"a": "x y"}', '{"a": "x  y"}'),
        ("json", None, '{"a": 1}', "a is 1"),
        ("json", ["$.a"], '{"a": null}', "{}"),
        ("json", ["$.a", "$.b"], '{"a": 1}', '{"b": 1}'),
        ("json", ["$.a"], '{"a": 1}', "no JSON"),
    ],
)
def test_changed(mode: str, fields: list[str] | None, old: str, new: str) -> None:
    assert fingerprint(old, mode, fields) != fingerprint(new, mode, fields)


@pytest.mark.parametrize("text", ["[" * 100_000, '"\\ud800"', '{"a": NaN}', "\ud800", ""])
@pytest.mark.parametrize("mode", ["text", "json"])
def test_any_text_has_a_fingerprint(text: str, mode: str) -> None:
    assert len(fingerprint(text, mode)) == 64
    assert {row.kind for row in difference(text, text, mode).rows} <= {"gap"}


def test_words_are_marked_within_a_changed_line() -> None:
    found = difference("Weather\nRain in Bern today.\nWind", "Weather\nSun in Bern today.\nWind")
    assert [row.kind for row in found.rows] == ["same", "changed", "same"]
    changed = found.rows[1]
    assert changed.old is not None
    assert changed.new is not None
    assert changed.old.pieces == (("Rain ", True), ("in Bern today.", False))
    assert changed.new.pieces == (("Sun ", True), ("in Bern today.", False))
    assert (changed.old.number, changed.new.number) == (2, 2)


def test_lines_that_came_and_went() -> None:
    found = difference("a\nb\nc", "a\nc\nd")
    assert [row.kind for row in found.rows] == ["same", "removed", "same", "added"]


def test_what_is_the_same_far_away_is_folded() -> None:
    lines = [f"line {n}" for n in range(30)]
    rows = difference("\n".join(lines), "\n".join([*lines[:15], "new", *lines[16:]])).rows
    assert [row.kind for row in rows] == ["gap", *["same"] * 3, "changed", *["same"] * 3, "gap"]
    assert (rows[0], rows[-1]) == (Row("gap", skipped=12), Row("gap", skipped=11))


def test_json_is_set_out_by_its_canonical_form() -> None:
    found = difference('{"b": 1, "a": [1, 2]}', '{"a":[1,3],"b":1.0}', "json")
    (changed,) = [row for row in found.rows if row.kind != "same"]
    assert changed.old is not None
    assert changed.old.pieces == (("    ", False), ("2", True))


def test_chosen_fields_are_all_that_is_set_out() -> None:
    found = difference('{"a": 1, "t": 5}', '{"a": 2, "t": 6}', "json", ["$.a"])
    assert len([row for row in found.rows if row.kind == "changed"]) == 1


def test_chinese_is_marked_by_its_characters() -> None:
    (row,) = difference("今天的天气很好,abc def", "今天的天气不好,abc xyz").rows
    assert row.old and row.new
    assert [text for text, marked in row.old.pieces if marked] == ["很", "def"]
    assert [text for text, marked in row.new.pieces if marked] == ["不", "xyz"]
    assert "".join(text for text, _ in row.new.pieces) == "今天的天气不好,abc xyz"


def _noise(words: int, per_line: int, lines: int, seed: int) -> str:
    chance = random.Random(seed)
    known = [f"w{n}" for n in range(words)]
    return "\n".join(" ".join(chance.choices(known, k=per_line)) for _ in range(lines))


@pytest.mark.parametrize(
    ("old", "new", "cut"),
    [
        ("x y\n" * 500_000, "x z\n" * 500_000, True),
        ("x" * 3_000_000, "y" * 3_000_000, True),
        (_noise(2, 190, 400, 1), _noise(2, 190, 400, 2), False),
        (_noise(99, 450, 900, 1), _noise(99, 450, 900, 2), False),
        (_noise(120, 1, 1_000, 1), _noise(120, 1, 1_000, 2), False),
        (json.dumps(list(range(50_000))), json.dumps(list(range(1, 50_000))), False),
    ],
)
def test_it_takes_no_time_whatever_the_texts_are(old: str, new: str, cut: bool) -> None:
    start = time.thread_time()
    found = difference(old, new)
    assert time.thread_time() - start < 2
    assert found.cut is (cut or (len(old) > 4_000 and "\n" not in old))
    assert len(found.rows) <= 2_000
