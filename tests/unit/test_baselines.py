"""Change watch in the ledger: the first good answer, what differs from it, and a person's word."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from autoai.domain.errors import Conflict, NotFound
from autoai.extensions import db
from autoai.models import Baseline, DailyTotal, Run, RunText, Task
from autoai.services.baselines import accept_answer
from autoai.services.ports import Ports
from autoai.services.runs import retry_run
from autoai.services.statistics import rebuild_totals
from autoai.services.tasks import delete_task, update_task
from tests.factories import KEY, make_task, run_now
from tests.fakes import ScriptedProvider, completion
from tests.ticks import record, send, settle, tick


class Watched:
    """A task by hand whose answers are said here."""

    def __init__(self, app: Flask, ports: Ports, **changes: Any) -> None:
        self.app, self.ports = app, ports
        values = {"schedule_type": "manual", "change_watch": "text", **changes}
        self.task_id = make_task(ports, **values).id

    def answers(self, text: str, **more: Any) -> Run:
        run_id = run_now(self.ports, self.task_id).id
        tick(self.app, ScriptedProvider(completion(text, **more)))
        return db.session.get_one(Run, run_id, populate_existing=True)

    def change(self, **values: Any) -> None:
        update_task(self.ports, self.task_id, values, partial=True)

    @property
    def baseline(self) -> Baseline | None:
        db.session.rollback()
        return db.session.get(Baseline, self.task_id, populate_existing=True)

    @property
    def task(self) -> Task:
        db.session.rollback()
        return db.session.get_one(Task, self.task_id, populate_existing=True)


def found(run: Run) -> tuple[bool | None, int | None]:
    return run.changed, run.compared_with


def test_the_first_good_answer_is_what_later_ones_are_compared_with(
    in_app: Flask, ports: Ports
) -> None:
    watched = Watched(in_app, ports)
    short = watched.answers("It is", finish_reason="length")
    assert (found(short), watched.baseline) == ((None, None), None)
    first = watched.answers("It is 5 °C.")
    assert found(first) == (None, None)
    assert found(watched.answers(" It  is 5 °C.\n")) == (False, first.id)
    assert found(watched.answers("It is 6 °C.")) == (True, first.id)
    assert found(watched.answers("It is 6 °C.")) == (True, first.id), "until a person accepts it"
    assert found(watched.answers("")) == (None, None), "a failure says nothing"
    assert found(watched.answers("It is", finish_reason="length")) == (True, first.id)
    assert watched.baseline is not None
    assert (watched.baseline.run_id, watched.baseline.text) == (first.id, "It is 5 °C.")


def test_without_a_watch_nothing_is_compared(in_app: Flask, ports: Ports) -> None:
    watched = Watched(in_app, ports, change_watch="off")
    assert [found(watched.answers(text)) for text in ("a", "b")] == [(None, None)] * 2
    assert watched.baseline is None


def test_json_by_its_fields(in_app: Flask, ports: Ports) -> None:
    watched = Watched(in_app, ports, change_watch="json", change_fields=["$.price"])
    first = watched.answers('{"price": 1, "at": "10:00"}')
    assert found(watched.answers('{"at": "11:00", "price": 1.0}')) == (False, first.id)
    assert found(watched.answers('{"at": "11:00", "price": 2}')) == (True, first.id)


def test_a_person_takes_another_answer(in_app: Flask, ports: Ports) -> None:
    watched = Watched(in_app, ports)
    watched.answers("5")
    other = watched.answers("6")
    accept_answer(ports, other.id)
    assert found(watched.answers("6")) == (False, other.id)
    assert found(watched.answers("5")) == (True, other.id)
    assert db.session.get_one(Run, other.id).changed is True, "the ledger keeps what was"
    accept_answer(ports, other.id)
    assert watched.baseline is not None
    assert watched.baseline.run_id == other.id


def test_what_cannot_be_accepted(in_app: Flask, ports: Ports) -> None:
    watched = Watched(in_app, ports)
    failed, good = watched.answers(""), watched.answers("5")
    with pytest.raises(Conflict):
        accept_answer(ports, failed.id)
    with pytest.raises(NotFound):
        accept_answer(ports, good.id + 100)
    watched.change(change_watch="off")
    with pytest.raises(Conflict):
        accept_answer(ports, good.id)


def test_another_way_of_looking_looks_at_the_same_baseline(in_app: Flask, ports: Ports) -> None:
    watched = Watched(in_app, ports)
    first = watched.answers('{"a": 1, "b": 2}')
    assert found(watched.answers('{"b": 2, "a": 1}')) == (True, first.id)
    watched.change(change_watch="json")
    assert found(watched.answers('{"b": 2, "a": 1}')) == (False, first.id)
    assert found(watched.answers('{"b": 3, "a": 1}')) == (True, first.id)
    watched.change(change_fields=["$.a"])
    assert found(watched.answers('{"b": 3, "a": 1}')) == (False, first.id)
    watched.change(change_watch="off")
    assert found(watched.answers("anything")) == (None, None)
    watched.change(change_watch="json")
    assert found(watched.answers('{"b": 3, "a": 2}')) == (True, first.id)


def test_a_watch_that_changes_while_the_answer_comes(in_app: Flask, ports: Ports) -> None:
    watched = Watched(in_app, ports)
    first = watched.answers('{"a": 1, "b": 2}')
    run_id = run_now(ports, watched.task_id).id
    orders = settle(in_app).orders
    watched.change(change_watch="json")
    record(in_app, send(in_app, orders, ScriptedProvider(completion('{"b": 2, "a": 1}'))))
    run = db.session.get_one(Run, run_id, populate_existing=True)
    assert found(run) == (False, first.id)


def test_two_at_once_have_one_baseline(in_app: Flask, ports: Ports) -> None:
    watched = Watched(in_app, ports, overlap="allow")
    ids = [run_now(ports, watched.task_id).id for _ in range(3)]
    tick(in_app, ScriptedProvider(completion("a"), completion("b"), completion("a")))
    runs = [db.session.get_one(Run, run_id, populate_existing=True) for run_id in ids]
    assert [found(run) for run in runs] == [(None, None), (True, ids[0]), (False, ids[0])]


def test_no_secret_is_kept_or_compared(in_app: Flask, ports: Ports) -> None:
    watched = Watched(in_app, ports, api_key=KEY, checks=[{"kind": "contains", "value": KEY}])
    run = watched.answers(f"The key is {KEY}.")
    assert (run.status, run.reason) == ("success", "check_failed")
    watched.change(checks=None)
    run = watched.answers(f"The key is {KEY}.")
    assert watched.baseline is not None
    assert KEY not in watched.baseline.text
    texts = db.session.get_one(RunText, run.id)
    assert KEY not in str(texts.response_text)


def test_a_baseline_goes_with_its_task(in_app: Flask, ports: Ports) -> None:
    watched = Watched(in_app, ports)
    watched.answers("5")
    delete_task(ports, watched.task_id)
    assert watched.baseline is None


def test_a_degraded_answer_counts_apart(in_app: Flask, ports: Ports) -> None:
    watched = Watched(in_app, ports, checks=[{"kind": "contains", "value": "°C"}])
    good, bad = watched.answers("5 °C"), watched.answers("5 K")
    assert (bad.status, bad.verdict, bad.reason) == ("success", "degraded", "check_failed")
    assert (watched.task.last_status, watched.task.last_verdict) == ("success", "degraded")
    findings = [db.session.get_one(RunText, run.id).findings for run in (good, bad)]
    detail = {"kind": "contains", "value": "°C"}
    assert findings == [
        None,
        [{"reason": "check_failed", "level": "degraded", "check": 1, "detail": detail}],
    ]
    counts = select(func.sum(DailyTotal.occurrences), func.sum(DailyTotal.degraded))
    assert tuple(db.session.execute(counts).one()) == (2, 1)
    db.session.rollback()
    assert rebuild_totals(ports.zone) == 0
    watched.answers("6 °C")
    assert watched.task.last_verdict == "ok"


def test_what_was_found_is_kept_for_a_run_that_repeats_another(in_app: Flask, ports: Ports) -> None:
    watched = Watched(in_app, ports, checks=[{"kind": "contains", "value": "°C"}])
    again = retry_run(ports, watched.answers("5 K").id, same_input=True)
    tick(in_app, ScriptedProvider(completion("6 K")))
    findings = db.session.get_one(RunText, again, populate_existing=True).findings
    assert [finding["check"] for finding in findings or ()] == [1]


def test_a_check_that_is_called_a_failure(in_app: Flask, ports: Ports) -> None:
    levels = {"check_failed": "failed"}
    checks = [{"kind": "min_length", "value": 9}]
    watched = Watched(in_app, ports, checks=checks, verdict_rules=levels)
    run = watched.answers("short")
    assert (run.status, run.verdict, run.reason) == ("failed", None, "check_failed")
    assert watched.task.last_verdict is None
    assert watched.baseline is None
