"""What was found of an answer is kept with its run, however the run came to be."""

from __future__ import annotations

from flask import Flask

from autoai.extensions import db
from autoai.models import RunText
from autoai.services.ports import Ports
from autoai.services.runs import retry_run, run_now
from tests.factories import make_task
from tests.ticks import tick


def test_what_was_found_of_a_run_with_the_same_input(app: Flask, ports: Ports) -> None:
    """Its row of texts is there before its answer."""
    with app.app_context():
        checks = [{"kind": "contains", "value": "night"}]
        first = run_now(ports, make_task(ports, schedule_type="manual", checks=checks).id)
    tick(app)
    with app.app_context():
        again = retry_run(ports, first, same_input=True)
    tick(app)
    with app.app_context():
        found = db.session.get_one(RunText, again).findings
        assert found is not None
        assert [finding["reason"] for finding in found] == ["check_failed"]
