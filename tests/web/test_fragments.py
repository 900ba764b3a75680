"""Pieces of pages that are written once: what is shown is always what a fresh one would show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask, g, render_template_string
from markupsafe import Markup
from sqlalchemy import update

from autoai.domain.runs import Reason, Status
from autoai.models import RULE_COLUMNS, Account, Task, write_transaction
from autoai.queries.log_rows import LogRow, tags_of
from autoai.queries.run_filter import RunFilter
from autoai.queries.run_pages import page_of_rows
from autoai.queries.task_filter import TaskFilter
from autoai.queries.task_list import page_of_tasks
from autoai.services.ports import Ports
from autoai.web.fragments import BUSY, OLD, Fragments, frozen
from autoai.web.logs.columns import COLUMNS, Columns
from autoai.web.logs.rows import Rows
from autoai.web.logs.words import short_reason
from autoai.web.tasks.rows import OF_ACCOUNT
from autoai.web.tasks.rows import SHOWN as LIST_SHOWN
from autoai.web.tasks.rows import Rows as ListRows
from autoai.web.templating import now
from tests.factories import make_account, make_run, make_task
from tests.fakes import START


class Counted:
    """A piece that says how often it has been written."""

    def __init__(self, text: str = "piece") -> None:
        self.text = text
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        return Markup(f"{self.text} {self.times}")


@pytest.fixture
def seconds() -> list[float]:
    """What the clock of `fragments` shows."""
    return [100.0]


@pytest.fixture
def fragments(app: Flask, seconds: list[float]) -> Iterator[Fragments]:
    with app.test_request_context():
        yield Fragments({"csrf": lambda: str(g.token)}, 10_000, lambda: seconds[0])


def test_the_same_values_are_written_once(fragments: Fragments) -> None:
    piece = Counted()
    assert fragments.once("a", 1, ["x"], {"k": None}, caller=piece) == "piece 1"
    assert fragments.once("a", 1, ["x"], {"k": None}, caller=piece) == "piece 1"
    for other in ((2, ["x"], {"k": None}), (1, ["y"], {"k": None}), (1, ["x"], {"k": 0})):
        fragments.once("a", *other, caller=piece)
    fragments.once("b", 1, ["x"], {"k": None}, caller=piece)
    assert piece.times == 5


def test_each_language_and_zone_has_its_own(app: Flask) -> None:
    fragments, piece = Fragments({}), Counted()
    for cookie in ("locale=en", "locale=zh_Hans", "locale=en; zone=Asia/Shanghai", "locale=en"):
        with app.test_request_context(headers={"Cookie": cookie}):
            fragments.once("a", caller=piece)
    assert piece.times == 3


def test_what_differs_by_request_is_filled_in_each_time(app: Flask) -> None:
    fragments = Fragments({"csrf": lambda: str(g.token)})

    def form() -> Markup:
        return Markup("<i>{0}</i>").format(fragments.slot("csrf"))

    for token in ("one", '"><b>'):
        with app.test_request_context():
            g.token = token
            assert fragments.once("form", caller=form) == Markup("<i>{0}</i>").format(token)
            outer = fragments.once("outer", caller=lambda: fragments.once("form", caller=form))
            assert outer == Markup("<i>{0}</i>").format(token)


def test_they_are_bounded_and_what_is_too_large_is_not_kept(fragments: Fragments) -> None:
    piece = Counted("x" * 900)
    for number in range(50):
        fragments.once("a", number, caller=piece)
    fragments.once("a", 0, caller=piece)
    assert piece.times == 51
    large = Counted("x" * 20_000)
    for _ in range(2):
        assert fragments.once("large", caller=large).startswith("xxx")
    assert large.times == 2


class Slow(Counted):
    """One that takes its time."""

    def __init__(self, seconds: list[float], takes: float) -> None:
        super().__init__()
        self.seconds, self.takes = seconds, takes

    def __call__(self) -> str:
        self.seconds[0] += self.takes
        return super().__call__()


def test_few_who_ask_each_get_it_fresh_and_many_share(
    fragments: Fragments, seconds: list[float]
) -> None:
    piece = Slow(seconds, 0.03)
    for asked in range(BUSY):
        assert fragments.recently("a", asked, False, caller=piece) == f"piece {asked + 1}"
    assert fragments.recently("a", 99, False, caller=piece) == f"piece {BUSY}"
    seconds[0] += 1.0
    for asked in range(BUSY):
        assert fragments.recently("a", 99, False, caller=piece) == f"piece {BUSY + 1 + asked}"


def test_while_many_go_on_asking_it_is_written_once_a_second(
    fragments: Fragments, seconds: list[float]
) -> None:
    piece, oldest = Slow(seconds, 0.03), 0.0
    written_at = {}
    for _ in range(500):
        number = int(fragments.recently("a", 0, False, caller=piece).split()[1])
        oldest = max(oldest, seconds[0] - written_at.setdefault(number, seconds[0]))
        seconds[0] += 0.02
    assert piece.times <= BUSY + 13  # 500 × 0.02 s, and the time of the writing itself
    assert oldest < 1.0


def test_one_writes_while_the_others_get_what_there_is(
    fragments: Fragments, seconds: list[float]
) -> None:
    """And not all of them at the same moment, when it has become old."""
    piece = Slow(seconds, 0.03)
    for _ in range(BUSY):
        fragments.recently("a", 0, False, caller=piece)
    seconds[0] += OLD
    met: list[str] = []

    def writes() -> str:
        met.extend(fragments.recently("a", 0, False, caller=piece) for _ in range(3))
        return "anew"

    fragments.recently("a", 0, False, caller=piece)
    for _ in range(BUSY):
        fragments.recently("a", 0, False, caller=piece)
    last, times = fragments.recently("a", 0, False, caller=piece), piece.times
    seconds[0] += OLD
    for _ in range(BUSY):
        fragments.recently("b", 0, False, caller=Slow(seconds, 0.0))
    assert fragments.recently("a", 0, False, caller=writes) == "anew"
    assert met == [last] * 3 and piece.times == times


@pytest.mark.parametrize(("takes", "times"), [(0.001, 50), (0.3, BUSY - 1)])
def test_what_is_quick_or_seldom_is_always_fresh(
    fragments: Fragments, seconds: list[float], takes: float, times: int
) -> None:
    piece = Slow(seconds, takes)
    for asked in range(times):
        assert fragments.recently("a", asked, False, caller=piece) == f"piece {asked + 1}"


def test_a_part_that_asks_for_what_is_new_never_gets_what_is_older(
    fragments: Fragments, seconds: list[float]
) -> None:
    piece = Slow(seconds, 0.03)
    for _ in range(BUSY):
        fragments.recently("a", 7, True, caller=piece)
    assert fragments.recently("a", 7, True, caller=piece) == f"piece {BUSY}"
    assert fragments.recently("a", 8, True, caller=piece) == f"piece {BUSY + 1}"
    assert fragments.recently("a", 8, True, caller=piece) == f"piece {BUSY + 1}"


def test_a_value_that_is_no_key_is_refused(fragments: Fragments) -> None:
    with pytest.raises(AssertionError):
        frozen({"a": [{1, 2}]})


class Watched:
    """A row of the database that remembers what is read of it, and of the rows beside it."""

    def __init__(self, row: Any, read: set[str], prefix: str = "") -> None:
        self._row, self._read, self._prefix = row, read, prefix

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._row, name)
        if isinstance(value, Task | Account):
            return Watched(value, self._read, f"{name}.")
        self._read.add(self._prefix + name)
        return value


def test_the_key_of_a_row_has_all_that_the_row_shows(app: Flask, ports: Ports) -> None:
    """The template gets nothing but the key's values, and all of them."""
    read: set[str] = set()
    with app.test_request_context():
        task, account = make_task(ports, tags=["lab"]), make_account(ports).id
        gap = {"occurrences": 3, "reason": Reason.DOWNTIME, "missed_from": START}
        asked = {"reason": Reason.OVERLAP, "input_tokens": 7, "cost": Decimal(1), "attempts": 1}
        made = [{"status": status, **asked} for status in Status]
        made += [{"status": Status.MISSED, "missed_to": START, **gap}]
        made += [{"status": Status.FAILED, "error_summary": "It broke."}]
        for number, changes in enumerate(made):
            make_run(task, START + timedelta(minutes=number), account_id=account, **changes)
        runs = page_of_rows(RunFilter(), 50).rows
        assert len(runs) == len(made)
        columns = Columns(tuple(COLUMNS), True)
        rows = Rows(columns, {account: "Work"}, tags_of({task.id}), {}, {}, START.date())
        for run in runs:
            assert run in rows.key(run) and "Work" in rows.key(run)
            assert ("lab",) in rows.key(run)
            shown = render_template_string(
                "{% include 'logs/_row.html' %}",
                run=Watched(run, read),
                rows=rows,
                columns=columns,
                short_reason=short_reason,
                now=now,
            )
            assert "Work" in shown and "lab" in shown
    derived = {"lateness_ms", "duration_ms"}
    assert read >= derived
    assert read | {"started_at", "finished_at"} == {*LogRow._fields} | derived


def test_the_key_of_a_task_has_all_that_its_row_shows(app: Flask, ports: Ports) -> None:
    read: set[str] = set()
    with app.test_request_context():
        account = make_account(ports, name="Through it", enabled=False)
        make_task(ports, tags=["lab"], account_id=account.id, api_key=None, api_endpoint=None)
        ids = [
            make_task(ports, schedule_type="cron", cron="0 7 * * *", timezone="Asia/Shanghai").id,
            make_task(ports, schedule_type="fixed_time", fixed_time="09:00").id,
        ]
        with write_transaction() as session:
            paused = {"paused_at": START, "paused_reason": Reason.AUTH, "failures_in_a_row": 3}
            session.execute(update(Task).where(Task.id == ids[0]).values(**paused))
            flagged = {"preflight_reason": Reason.MODEL_MISSING, "last_run_at": START}
            session.execute(
                update(Task).where(Task.id == ids[1]).values(last_status="failed", **flagged)
            )
        rows, _more = page_of_tasks(TaskFilter(), START + timedelta(minutes=1), 1, 10)
        assert len(rows) == 3
        listed = ListRows({}, START.date())
        for row in rows:
            assert listed.key(row)
            render_template_string(
                "{% include 'tasks/_row.html' %}",
                row=replace(row, task=Watched(row.task, read)),
                list_rows=listed,
            )
    known = {*LIST_SHOWN, *(f"account.{name}" for name in OF_ACCOUNT)}
    derived = {"schedule": {*RULE_COLUMNS, "anchor_at"}, "account": {"account.id"}}
    followed: set[str] = set().union(*derived.values())
    assert followed <= known
    assert read - known - derived.keys() == set()
