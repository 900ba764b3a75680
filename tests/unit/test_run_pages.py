"""Pages of the log equal a list that is sorted and filtered by hand, whatever the filter."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import insert, select, text

from autoai.extensions import db
from autoai.models import Run, Task, TaskTag, write_transaction
from autoai.queries.run_filter import RunFilter
from autoai.queries.run_log import figures
from autoai.queries.run_pages import MOST_COUNTED, MOST_LOOKED_AT, Cursor, page_of_runs
from autoai.services.ports import Ports
from tests.factories import make_task
from tests.fakes import START

ZONE = ZoneInfo("UTC")
Fits = Callable[[dict[str, Any]], bool]


def add(rows: list[dict[str, Any]]) -> None:
    with write_transaction() as session:
        session.execute(insert(Run), rows)


def made(count: int, task_ids: list[int], seed: int) -> list[dict[str, Any]]:
    """Rows as different as they can be; many share their due time."""
    pick = random.Random(seed)
    rows = []
    for number in range(count):
        due = START + timedelta(seconds=pick.randrange(count // 2))
        status = pick.choice(["success"] * 4 + ["failed", "skipped", "missed", "interrupted"])
        ran = status in ("success", "failed", "interrupted")
        took = timedelta(milliseconds=pick.choice([200, 999, 10_000, 60_000, 61_000]))
        rows.append(
            {
                "id": number + 1,
                "task_id": pick.choice(task_ids),
                "source": pick.choice(["schedule"] * 5 + ["manual", "retry"]),
                "due_at": due,
                "started_at": due if ran else None,
                "finished_at": due + took if ran else None,
                "status": status,
                "reason": None
                if status == "success"
                else pick.choice(["timeout", "auth", "overlap"]),
                "verdict": pick.choice(["ok", "degraded"]) if status == "success" else None,
                "changed": pick.choice([None, True, False]),
                "model": pick.choice(["m-1", "m-2", "m-3"]) if ran else None,
                "account_id": pick.choice([None, 7, 8]),
                "cost": pick.choice([None, Decimal("0.005"), Decimal("0.01"), Decimal("2.5")]),
                "occurrences": 1,
                "attempts": 1,
                "maybe_double_billed": False,
            }
        )
    return rows


def milliseconds(row: dict[str, Any]) -> float | None:
    if row["started_at"] is None:
        return None
    return (row["finished_at"] - row["started_at"]) / timedelta(milliseconds=1)


def filters(tagged: int) -> list[tuple[RunFilter, Fits]]:
    one: list[tuple[RunFilter, Fits]] = [
        (RunFilter(), lambda r: True),
        (RunFilter(statuses=frozenset({"failed"})), lambda r: r["status"] == "failed"),
        (
            RunFilter(statuses=frozenset({"failed", "missed", "expired"})),
            lambda r: r["status"] in ("failed", "missed"),
        ),
        (
            RunFilter(reasons=frozenset({"auth", "timeout"})),
            lambda r: r["reason"] in ("auth", "timeout"),
        ),
        (RunFilter(verdict="degraded"), lambda r: r["verdict"] == "degraded"),
        (RunFilter(verdict="ok"), lambda r: r["verdict"] == "ok"),
        (RunFilter(changed=True), lambda r: r["changed"] is True),
        (RunFilter(changed=False), lambda r: r["changed"] is False),
        (RunFilter(source="manual"), lambda r: r["source"] == "manual"),
        (RunFilter(source="schedule"), lambda r: r["source"] == "schedule"),
        (RunFilter(account_id=7), lambda r: r["account_id"] == 7),
        (RunFilter(model="m-2"), lambda r: r["model"] == "m-2"),
        (RunFilter(tag="news"), lambda r: r["task_id"] == tagged),
        (RunFilter(tag="nowhere"), lambda r: False),
        (RunFilter(task_id=tagged), lambda r: r["task_id"] == tagged),
        (RunFilter(min_duration_ms=10_000), lambda r: (milliseconds(r) or 0) >= 10_000),
        (RunFilter(min_duration_ms=60_500), lambda r: (milliseconds(r) or 0) >= 60_500),
        (
            RunFilter(max_duration_ms=999),
            lambda r: milliseconds(r) is not None and milliseconds(r) <= 999,
        ),
        (RunFilter(min_cost=Decimal("0.01")), lambda r: (r["cost"] or 0) >= Decimal("0.01")),
        (RunFilter(min_cost=Decimal(2)), lambda r: (r["cost"] or 0) >= 2),
        (
            RunFilter(max_cost=Decimal("0.01")),
            lambda r: r["cost"] is not None and r["cost"] <= Decimal("0.01"),
        ),
        (
            RunFilter(since=START + timedelta(seconds=30), until=START + timedelta(seconds=90)),
            lambda r: START + timedelta(seconds=30) <= r["due_at"] < START + timedelta(seconds=90),
        ),
    ]
    pairs = []
    for mine, fits in one[1:]:
        for theirs, also in one[1:]:
            changes = {
                name: value
                for name, value in vars(theirs).items()
                if value != getattr(RunFilter(), name)
            }
            if all(getattr(mine, name) == getattr(RunFilter(), name) for name in changes):
                both = replace(mine, **changes)
                pairs.append((both, lambda r, a=fits, b=also: a(r) and b(r)))
    return one + random.Random(1).sample(pairs, 25)


@pytest.fixture
def ledger(in_app: Flask, ports: Ports) -> Iterator[tuple[list[dict[str, Any]], int]]:
    tasks = [make_task(ports, name=name, enabled=False).id for name in ("One", "Two", "Three")]
    with write_transaction() as session:
        session.add(TaskTag(task_id=tasks[1], tag="news"))
    rows = made(400, tasks, seed=5)
    add(rows)
    yield rows, tasks[1]


def test_pages_in_both_directions_equal_a_sorted_list(
    ledger: tuple[list[dict[str, Any]], int],
) -> None:
    rows, tagged = ledger
    newest_first = sorted(rows, key=lambda r: (r["due_at"], r["id"]), reverse=True)
    for wanted, fits in filters(tagged):
        expected = [row["id"] for row in newest_first if fits(row)]
        found, cursor, pages = [], None, []
        while True:
            page = page_of_runs(wanted, 30, cursor)
            assert page.exhausted, "the ledger is small"
            pages.append(page)
            found += [run.id for run in page.rows]
            if page.older is None:
                break
            cursor = page.older
        assert found == expected, wanted
        assert pages[0].newer is None
        back = [run.id for run in pages[-1].rows]
        cursor = pages[-1].newer
        while cursor is not None:
            page = page_of_runs(wanted, 30, cursor, newer=True)
            back = [run.id for run in page.rows] + back
            cursor = page.newer
        assert back == expected, wanted
        shown = figures(replace(wanted, whole_days=False), ZONE)
        assert (shown.total, shown.exact) == (len(expected), True), wanted


def test_where_few_rows_fit_a_page_stops_and_says_where_to_go_on(
    in_app: Flask, ports: Ports
) -> None:
    task = make_task(ports, enabled=False)
    rows = made(MOST_LOOKED_AT * 2, [task.id], seed=1)
    for row in rows:
        row.update(model="m-1", account_id=7, cost=None)
    rows[3].update(model="m-rare", account_id=8, due_at=START - timedelta(days=1))
    add(rows)
    wanted = RunFilter(task_id=task.id, max_cost=Decimal(1))
    first = page_of_runs(wanted, 20)
    assert not first.rows and not first.exhausted and first.older is not None
    second = page_of_runs(wanted, 20, first.older)
    assert second.older is not None and second.older < first.older
    last = page_of_runs(wanted, 20, second.older)
    assert not last.rows and last.older is None and last.exhausted
    both = replace(wanted, model="m-rare", max_cost=None)
    assert [run.id for run in page_of_runs(both, 20).rows] == [4], "the rarest condition leads"


def test_hits_are_counted_up_to_a_bound(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports, enabled=False)
    rows = made(3_000, [task.id], seed=2)
    for row in rows[:1_500]:
        row["model"] = "m-often"
    add(rows)
    often = figures(RunFilter(model="m-often"), ZONE)
    assert (often.total, often.exact, often.success_rate) == (MOST_COUNTED, False, None)


def test_a_cursor_survives_its_address() -> None:
    for due_at in (
        START,
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(9999, 12, 30, 1, 2, 3, 4, tzinfo=UTC),
    ):
        cursor = Cursor(due_at, 2**63 - 1)
        assert Cursor.parse(cursor.text) == cursor
    for odd in (
        "",
        "1",
        "1.",
        ".1",
        "1.-1",
        "1.1.1",
        "9" * 18 + ".1",
        "1." + "9" * 19,
        "１.1",
        "a.b",
    ):
        assert Cursor.parse(odd) is None, odd


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (RunFilter(), "ix_runs_due_at"),
        (RunFilter(statuses=frozenset({"failed"})), "ix_runs_status_due_at"),
        (RunFilter(task_id=1), "ix_runs_task_id_due_at"),
        (RunFilter(account_id=1), "ix_runs_account_id_due_at"),
        (RunFilter(model="m"), "ix_runs_model_due_at"),
        (RunFilter(reasons=frozenset({"auth"})), "ix_runs_reason_due_at"),
        (RunFilter(source="manual"), "ix_runs_source_due_at"),
        (RunFilter(verdict="degraded"), "ix_runs_degraded"),
        (RunFilter(changed=True), "ix_runs_changed"),
        (RunFilter(min_duration_ms=10_000), "ix_runs_slow_10s"),
        (RunFilter(min_duration_ms=60_000), "ix_runs_slow_60s"),
        (RunFilter(min_cost=Decimal("0.01")), "ix_runs_cost_1c"),
        (RunFilter(min_cost=Decimal(1)), "ix_runs_cost_1d"),
    ],
)
def test_every_lead_reads_its_index_in_order(in_app: Flask, wanted: RunFilter, index: str) -> None:
    (alternative,) = wanted.leads()[0].alternatives if wanted.leads() else [[]]
    place = Cursor(START, 5)
    query = (
        select(Run.id)
        .where(*alternative, Run.due_at <= place.due_at)
        .order_by(Run.due_at.desc(), Run.id.desc())
        .limit(20)
    )
    sql = str(query.compile(db.engine, compile_kwargs={"literal_binds": True}))
    plan = " ".join(row[3] for row in db.session.execute(text("EXPLAIN QUERY PLAN " + sql)))
    assert f"INDEX {index} (" in plan and "TEMP B-TREE" not in plan, plan
    assert db.session.get(Task, 1) is None
