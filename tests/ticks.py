"""The way of an occurrence, walked by hand: no scheduler thread, no pool, the injected clock."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask

from autoai.extensions import db
from autoai.providers.base import Provider
from autoai.runtime import runtime
from autoai.services.execute_run import RunControl, execute_run
from autoai.services.occurrences import Settled, settle_and_claim
from autoai.services.prompts import render_and_claim
from autoai.services.record_runs import record_runs
from autoai.services.run_orders import Outcome, RunOrder

from .fakes import ScriptedProvider, only

OWNER = "test-process"


def settle(app: Flask, slots: int = 100, owner: str = OWNER) -> Settled:
    """Account for what is due now and claim what is queued, as a look does; nothing is sent."""
    with app.app_context():
        ports = runtime(app).ports
        try:
            settled = settle_and_claim(ports, owner, slots)
            free = slots - len(settled.orders)
            if settled.unprepared:
                rendered = render_and_claim(ports, owner, settled.unprepared, free)
                settled.orders.extend(rendered.orders)
            return settled
        finally:
            db.session.remove()


def send(app: Flask, orders: Sequence[RunOrder], provider: Provider | None = None) -> list[Outcome]:
    """Send what was claimed, one after another; nothing is recorded yet."""
    other_side = only(provider or ScriptedProvider())
    return [execute_run(runtime(app).ports, other_side, o, RunControl()) for o in orders]


def record(app: Flask, outcomes: Sequence[Outcome], owner: str = OWNER) -> None:
    """Write down what became of runs."""
    with app.app_context():
        try:
            record_runs(runtime(app).ports, owner, outcomes)
        finally:
            db.session.remove()


def tick(app: Flask, provider: Provider | None = None, slots: int = 100) -> list[Outcome]:
    """One look, start to end: settle, claim, send, record."""
    outcomes = send(app, settle(app, slots).orders, provider)
    if outcomes:
        record(app, outcomes)
    return outcomes
