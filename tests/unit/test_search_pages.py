"""Pages of what was searched for equal a sorted list, whichever way leads to them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import event, insert

from autoai.extensions import db
from autoai.models import Run, RunText, write_transaction
from autoai.queries import search, search_pages
from autoai.queries.run_filter import RunFilter
from autoai.queries.run_log import figures
from autoai.queries.run_pages import MOST_COUNTED, page_of_runs
from autoai.queries.search import MOST_ENDINGS, Words, count_runs
from autoai.services.ports import Ports
from autoai.services.search_index import rebuild_search
from tests.factories import make_run, make_task
from tests.fakes import START

ZONE = ZoneInfo("UTC")
COUNT = 300
SHARES = {"always": 1.0, "half": 0.5, "some": 0.1, "few": 0.02, "两字": 0.3}

Row = dict[str, Any]


def add(rows: list[Row]) -> None:
    """Runs with what they answered. Their numbers follow their due times, except where somebody
    caught up."""
    same = {"source": "schedule", "occurrences": 1, "attempts": 1, "maybe_double_billed": False}
    with write_transaction() as session:
        columns = ("id", "task_id", "due_at", "status")
        session.execute(insert(Run), [{**same, **{n: r[n] for n in columns}} for r in rows])
        texts = [{"run_id": row["id"], "response_text": row["said"]} for row in rows]
        session.execute(insert(RunText), texts)
    assert rebuild_search() == len(rows)


def made(tasks: list[int]) -> list[Row]:
    pick = random.Random(3)
    rows = []
    for number in range(1, COUNT + 1):
        late = pick.randrange(COUNT) if pick.random() < 0.05 else pick.randrange(3)
        task = pick.choice(tasks)
        words = [word for word, share in SHARES.items() if pick.random() < share]
        words += ["only2"] if task == tasks[1] else []
        words += ["rare"] if number in (3, 4, 150, 299) else []
        rows.append(
            {
                "id": number,
                "task_id": task,
                "due_at": START + timedelta(seconds=number // 2 - late),
                "status": pick.choice(["success"] * 9 + ["failed"]),
                "said": " ".join(words),
            }
        )
    return rows


def there_and_back(wanted: RunFilter, limit: int) -> tuple[list[int], list[int], int]:
    """All ids, page by page, to the oldest one and from there back; and how often a page stopped
    before it was full."""
    there: list[int] = []
    page = page_of_runs(wanted, limit)
    stops = 0
    for _ in range(4 * COUNT):
        assert len(page.rows) <= limit
        there += [run.id for run in page.rows]
        stops += not page.exhausted
        if page.older is None:
            break
        page = page_of_runs(wanted, limit, page.older)
    else:
        raise AssertionError("it never came to an end")
    back = [run.id for run in page.rows]
    while page.newer is not None:
        page = page_of_runs(wanted, limit, page.newer, newer=True)
        back = [run.id for run in page.rows] + back
        assert len(back) <= COUNT
    return there, back, stops


FILTERS = [
    RunFilter(),
    RunFilter(statuses=frozenset({"failed"})),
    RunFilter(since=START + timedelta(seconds=20), until=START + timedelta(seconds=100)),
]
TEXTS = [
    "always",
    "half",
    "some",
    "few",
    "rare",
    "only2",
    "两字",
    "half -some",
    "两字 hal*",
    "absent",
]


@pytest.mark.parametrize(
    "bounds",
    [
        {},
        {"FEW": 5, "_CHUNKS": (10, 20), "_STRETCHES": (50, 100)},
        {"FEW": 0, "_CHUNKS": (3,), "_STRETCHES": (60,)},
        {"FEW": 0, "_CHUNKS": (7, 9), "_STRETCHES": (80,), "MOST_READ": 8},
    ],
)
def test_pages_equal_a_sorted_list(
    in_app: Flask, ports: Ports, monkeypatch: pytest.MonkeyPatch, bounds: dict[str, Any]
) -> None:
    for name, value in bounds.items():
        monkeypatch.setattr(search_pages, name, value)
    if "MOST_READ" in bounds:
        monkeypatch.setattr(search, "_BEGINNING", 3)
        monkeypatch.setattr(search, "MOST_READ", 100)
    tasks = [make_task(ports, name=name, enabled=False).id for name in ("One", "Two", "Three")]
    rows = sorted(made(tasks), key=lambda row: (row["due_at"], row["id"]), reverse=True)
    add(rows)
    stopped = 0
    for base in (*FILTERS, RunFilter(task_id=tasks[1])):
        for typed in TEXTS:
            wanted = replace(base, text=typed)
            expected = [row["id"] for row in rows if fits(row, wanted)]
            there, back, stops = there_and_back(wanted, 30)
            assert there == expected, wanted
            assert back == expected, wanted
            stopped += stops
            shown = figures(wanted, ZONE)
            if shown.exact:
                assert shown.total == len(expected), wanted
            else:
                assert shown.total <= len(expected) and "FEW" in bounds
    assert bool(stopped) == bool(bounds.get("_STRETCHES"))


def fits(row: Row, wanted: RunFilter) -> bool:
    """By hand, and for these texts alone."""
    said = row["said"].split()
    for typed in wanted.text.replace("hal*", "half").split():
        if (typed.removeprefix("-") in said) == typed.startswith("-"):
            return False
    return (
        wanted.task_id in (None, row["task_id"])
        and (not wanted.statuses or row["status"] in wanted.statuses)
        and (wanted.since is None or row["due_at"] >= wanted.since)
        and (wanted.until is None or row["due_at"] < wanted.until)
    )


def test_hits_are_counted_up_to_a_bound(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports, enabled=False)
    rows = [
        {
            "id": number + 1,
            "task_id": task.id,
            "due_at": START + timedelta(seconds=number),
            "status": "success",
            "said": "word" if number % 3 else "other",
        }
        for number in range(2_000)
    ]
    add(rows)
    shown = figures(RunFilter(text="word"), ZONE)
    assert (shown.total, shown.exact) == (MOST_COUNTED, False)
    shown = figures(RunFilter(text="other"), ZONE)
    assert (shown.total, shown.exact) == (667, True)
    assert (count_runs("other", 1_001), count_runs("word", 1_001)) == (667, 1_001)
    assert (count_runs("other", 5, task.id), count_runs("other", 5, 99), count_runs("!", 5)) == (
        5,
        0,
        0,
    )


HOSTILE = [
    *(
        '"',
        '""',
        '"""',
        "'",
        "*",
        "a*",
        "abc**",
        "-",
        "--",
        "-a",
        "^a",
        "a^b",
        ":",
        "words:a",
        "{a}",
    ),
    *(
        "a + b",
        "NEAR(a b, 5)",
        "NEAR/3",
        "AND",
        "OR",
        "NOT",
        "a AND",
        "OR b",
        "NOT NOT a",
        "a NOT b",
    ),
    *(
        "(",
        ")",
        "((a)",
        "a)",
        "\x00",
        "a\x00b",
        "\ud800",
        "a\udfffb",
        "\ue000",
        "\ue0011",
        "\\",
        ";--",
    ),
    *(
        "rank:a",
        "rowid",
        "run_search",
        "%",
        "_",
        "?1",
        ":match",
        "🚀",
        "à*",
        "机*",
        "-机 器",
        "ﷺ" * 900,
    ),
    *(
        "a " * 5_000,
        "机" * 10_000,
        "(" * 10_000,
        "a*" * 3_000,
        '"' * 9_999,
        "-a " * 4_000,
        "x" * 10_000,
    ),
    *(
        "abc* " * 300,
        " OR ".join("abc"),
        "\u202eabc",
        "\ufeff",
        "\t\n",
        "a\nb",
        "１２",
        "½",
        "ß*",
        "İ*",
    ),
]


def test_nothing_that_is_typed_is_an_error(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports)
    run = make_run(task, START, texts={"response_text": "a b abc 机器"})
    assert rebuild_search() == 1
    for typed in HOSTILE:
        for wanted in (RunFilter(text=typed), RunFilter(text=typed, task_id=task.id)):
            page = page_of_runs(wanted, 20)
            assert [run.id for run in page.rows] in ([], [run]), typed
            assert figures(wanted, ZONE).total == len(page.rows), typed


def test_endings_are_found_by_the_index(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports)
    many = " ".join(f"beginning{n:03}" for n in range(MOST_ENDINGS + 50))
    first = make_run(task, START, texts={"response_text": f"Überfluss {many} " + "berries " * 50})
    second = make_run(
        task, START + timedelta(1), texts={"response_text": "overflowing überflüssig"}
    )
    rebuild_search()
    for typed, expected in {
        "überfl*": [second, first],
        "UBERFLUSSI*": [second],
        '"overflowing uber*"': [second],
        "berr*": [first],
        "berrys*": [],
        "beginning*": [first],
        "overflow* -berries": [second],
        "ov*": [],
    }.items():
        words = Words.of(typed)
        assert words is not None and words.newest(9) == expected, typed
    words = Words.of("beginning*")
    assert words is not None and words.match.count(" OR ") == MOST_ENDINGS - 1


def test_rows_are_read_by_their_numbers(in_app: Flask, ports: Ports) -> None:
    """And not by the index of a condition that most of the ledger fits."""
    asked: list[Any] = []
    event.listen(db.engine, "before_cursor_execute", lambda *a: asked.append(a[2:4]))
    make_run(make_task(ports), START, texts={"response_text": "word"})
    rebuild_search()
    asked.clear()
    ok = frozenset({"success"})
    page_of_runs(RunFilter(text="word", statuses=ok, model="m-1", account_id=None), 20)
    found = [(sql, values) for sql, values in asked if "json_each" in sql]
    assert len(found) == 1
    raw = db.session.connection().connection.driver_connection
    assert raw is not None
    plan = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {found[0][0]}", found[0][1])]
    assert "VIRTUAL TABLE" in plan[0] and "INTEGER PRIMARY KEY" in plan[1], plan
