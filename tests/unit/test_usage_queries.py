"""What was used and spent, added up by day, task, account and model."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from autoai.extensions import db
from autoai.models import Task, write_transaction
from autoai.queries import usage
from autoai.queries.usage import Days, Figures, GroupBy, usage_by, usage_in, usage_rows
from autoai.services.ports import Ports

from ..factories import make_account, make_task, make_used

MARCH = Days(date(2026, 3, 1), date(2026, 3, 31))


@pytest.fixture
def filled(in_app: Flask, ports: Ports) -> dict[str, int]:
    """Two tasks, one of them deleted, and an account; ids by name."""
    account = make_account(ports).id
    task = make_task(ports, name="News").id
    gone = make_task(ports, name="Gone").id
    make_used(date(2026, 2, 28), task, runs=1, input_tokens=1000, cost=Decimal(100))
    make_used(date(2026, 3, 1), task, runs=2, input_tokens=10, output_tokens=5, cost="0.1")
    make_used(date(2026, 3, 1), task, account, "big", runs=1, input_tokens=3, cost="0.2")
    make_used(date(2026, 3, 31), gone, account, "big", runs=4, input_tokens=7, unpriced=4)
    make_used(date(2026, 3, 31), task, account, "big", reserved_tokens=50, reserved_cost="0.07")
    make_used(date(2026, 4, 1), gone, runs=1, output_tokens=1000, cost=Decimal(100))
    with write_transaction() as session:
        session.delete(session.get_one(Task, gone))
    return {"account": account, "task": task, "gone": gone}


def by(group: GroupBy, days: Days = MARCH, **more: Any) -> list[tuple[Any, Any, Figures]]:
    return [(g.key, g.name, g.figures) for g in usage_by(group, days, **more).groups]


def test_all_of_it(filled: dict[str, int]) -> None:
    assert usage_in(MARCH) == Figures(
        7, 20, 5, Decimal("0.3"), 4, 0, reserved_tokens=50, reserved_cost=Decimal("0.07")
    )
    assert usage_in(Days(date(2025, 1, 1), date(2025, 1, 1))) == Figures()


def test_by_day(filled: dict[str, int]) -> None:
    assert by(GroupBy.DAY) == [
        (date(2026, 3, 1), None, Figures(3, 13, 5, Decimal("0.3"))),
        (date(2026, 3, 31), None, Figures(4, 7, 0, Decimal(0), 4, 0, 50, Decimal("0.07"))),
    ]


def test_by_task_the_dearest_first_and_deleted_ones_too(filled: dict[str, int]) -> None:
    (first, name, mine), (second, nobody, theirs) = by(GroupBy.TASK)
    assert (first, name, mine.cost) == (filled["task"], "News", Decimal("0.3"))
    assert (second, nobody, theirs.cost, theirs.unpriced) == (filled["gone"], None, None, 4)


def test_by_account_and_by_model(filled: dict[str, int]) -> None:
    account = filled["account"]
    found = [(key, name, figures.cost) for key, name, figures in by(GroupBy.ACCOUNT)]
    assert found == [(account, "Work", Decimal("0.2")), (0, None, Decimal("0.1"))]
    models = [(key, figures.cost, figures.unpriced) for key, _, figures in by(GroupBy.MODEL)]
    assert models == [("big", Decimal("0.2"), 4), ("m-1", Decimal("0.1"), 0)]


def test_so_many_and_how_many_more(filled: dict[str, int]) -> None:
    found = usage_by(GroupBy.TASK, MARCH, 1)
    assert ([group.name for group in found.groups], found.total, found.more) == (["News"], 2, 1)
    nothing = usage_by(GroupBy.TASK, Days(date(2020, 1, 1), date(2020, 1, 2)))
    assert (nothing.groups, nothing.more) == ([], 0)


def test_unknown_is_not_zero() -> None:
    assert Figures().cost == 0
    assert Figures(runs=2, unpriced=1).cost is None
    assert Figures(runs=2, unpriced=1, known_cost=Decimal(1)).cost == 1


def test_money_is_exact(in_app: Flask, ports: Ports) -> None:
    for number in range(50):
        make_used(date(2026, 3, 2), number + 1, cost="123456.000000000001")
    assert usage_in(MARCH).cost == 50 * Decimal("123456.000000000001")


def test_the_rows_in_pieces(filled: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(usage_rows(MARCH))
    assert [(r.day.day, r.task, r.account, r.model) for r in whole] == [
        (1, "News", None, "m-1"),
        (1, "News", "Work", "big"),
        (31, "News", "Work", "big"),
        (31, None, "Work", "big"),
    ]
    assert whole[0].figures == Figures(2, 10, 5, Decimal("0.1"))
    for size in (1, 2, 4):
        monkeypatch.setattr(usage, "_AT_ONCE", size)
        assert list(usage_rows(MARCH)) == whole
    rows = usage_rows(MARCH)
    next(rows)
    assert not db.session().in_transaction(), "a slow reader holds nothing open"


@pytest.mark.parametrize(
    ("first", "last", "too_many"),
    [
        (date(2020, 1, 1), date(2029, 12, 31), False),
        (date(2020, 1, 1), date(2030, 1, 1), True),
        (date(2021, 7, 15), date(2031, 7, 14), False),
        (date(9995, 1, 1), date(9999, 12, 31), False),
    ],
)
def test_ten_years_are_the_most(first: date, last: date, too_many: bool) -> None:
    assert Days(first, last).too_many is too_many
