"""What a run asks of the database besides its call: few statements, and no more of them for many runs."""

from __future__ import annotations

import pytest
from flask import Flask

from autoai.services.ports import Ports
from tests.factories import make_account, make_task
from tests.fakes import FakeClock
from tests.statements import statements
from tests.ticks import record, send, settle, tick

LOOK, RECORD = 16, 12


@pytest.mark.parametrize("runs", [1, 20])
@pytest.mark.parametrize("through_account", [False, True])
def test_a_run_takes_few_statements_and_many_take_no_more(
    app: Flask, ports: Ports, clock: FakeClock, runs: int, through_account: bool
) -> None:
    with app.app_context():
        way = {}
        if through_account:
            way = {"account_id": make_account(ports).id, "api_endpoint": ..., "model": ...}
        for number in range(runs):
            make_task(ports, name=f"task {number}", **way)
    clock.step(60)
    tick(app)
    clock.step(60)
    with statements(app) as of_look:
        orders = settle(app).orders
    outcomes = send(app, orders)
    with statements(app) as of_record:
        record(app, outcomes)
    assert len(orders) == runs
    assert [outcome.status for outcome in outcomes] == ["success"] * runs
    # The account is one more, of the look that follows the schedules of its tasks.
    assert len(of_look) <= LOOK + through_account, of_look
    assert len(of_record) <= RECORD, of_record
