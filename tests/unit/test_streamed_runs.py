"""Runs whose answer arrives in pieces: what is shown meanwhile, and what stays of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from autoai.domain.errors import CallEnded, ProviderError
from autoai.domain.runs import Kind, Reason, Status
from autoai.extensions import db
from autoai.models import Run, RunText
from autoai.providers.base import Completion, OnText, Request
from autoai.providers.transport import Call
from autoai.security.redaction import HIDDEN
from autoai.services.execute_run import RunControl, execute_run
from autoai.services.live import LiveAnswers
from autoai.services.ports import Ports
from autoai.services.runs import run_now
from tests.factories import KEY, make_task
from tests.fakes import FakeClock, ScriptedProvider, completion, only
from tests.ticks import record, send, settle, tick

REFUSED = ProviderError(
    Kind.REJECTED, Reason.REJECTED, "stream: no", http_status=400, stream_refused=True
)


class Streaming(ScriptedProvider):
    """Says its pieces one after another, and then does what `end` does."""

    def __init__(self, pieces: list[str], end: Callable[[Call], Completion]) -> None:
        super().__init__()
        self.pieces, self.end = pieces, end

    def complete(self, request: Request, call: Call, on_text: OnText) -> Completion:
        self.requests.append(request)
        for piece in self.pieces:
            on_text(piece)
        return self.end(call)


def queue(app: Flask, ports: Ports, **changes: object) -> int:
    with app.app_context():
        return run_now(ports, make_task(ports, schedule_type="manual", **changes).id)


def stored(app: Flask, run_id: int) -> tuple[Run, RunText]:
    with app.app_context():
        run, texts = db.session.get_one(Run, run_id), db.session.get_one(RunText, run_id)
        db.session.expunge_all()
        return run, texts


def test_it_grows_in_sight(app: Flask, ports: Ports, clock: FakeClock) -> None:
    run_id = queue(app, ports)
    seen: list[str] = []

    def end(call: Call) -> Completion:
        seen.append(ports.live.text(run_id))
        clock.step(4)
        return completion("Good day.")

    clock.step(2)
    provider = Streaming(["Good", " day."], end)
    tick(app, provider)
    assert provider.requests[0].stream
    assert seen == ["Good day."]
    assert ports.live.text(run_id) == "", "now it is in the ledger"
    run, texts = stored(app, run_id)
    assert (run.status, texts.response_text) == (Status.SUCCESS, "Good day.")
    assert (run.first_token_ms, run.duration_ms) == (0, 4_000)


def test_there_is_no_moment_in_which_nothing_is_to_be_seen(app: Flask, ports: Ports) -> None:
    run_id = queue(app, ports)
    outcomes = send(app, settle(app).orders, Streaming(["Good day."], lambda _: completion()))
    assert ports.live.text(run_id) == "Good day.", "it is not in the ledger yet"
    record(app, outcomes)
    assert ports.live.text(run_id) == ""
    assert stored(app, run_id)[1].response_text == "Good day."


def test_cancelled_in_the_middle_keeps_what_had_arrived(app: Flask, ports: Ports) -> None:
    run_id = queue(app, ports)

    def end(call: Call) -> Completion:
        raise CallEnded(Reason.CANCELLED)

    tick(app, Streaming(["As far", " as here"], end))
    run, texts = stored(app, run_id)
    assert (run.status, texts.response_text) == (Status.CANCELLED, "As far as here")
    assert run.response_summary == "As far as here"


def test_cut_off_each_attempt_begins_anew(app: Flask, ports: Ports) -> None:
    run_id = queue(app, ports)

    def end(call: Call) -> Completion:
        raise ProviderError(Kind.MAYBE_BILLED, Reason.CONNECTION_LOST, "cut")

    tick(app, Streaming(["Half an ans"], end))
    run, texts = stored(app, run_id)
    assert (run.status, run.attempts, texts.response_text) == (Status.FAILED, 3, "Half an ans")


def test_the_key_is_in_no_piece(app: Flask, ports: Ports) -> None:
    run_id = queue(app, ports, api_key=KEY)

    def end(call: Call) -> Completion:
        raise CallEnded(Reason.CANCELLED)

    tick(app, Streaming(["Your key is ", KEY[:10], KEY[10:]], end))
    _, texts = stored(app, run_id)
    assert texts.response_text == f"Your key is {HIDDEN}"


def test_refused_once_never_asked_again(app: Flask, ports: Ports) -> None:
    with app.app_context():
        task = make_task(ports, schedule_type="manual", max_attempts=1)
        other = make_task(ports, schedule_type="manual", model="m-2")
        first = run_now(ports, task.id)
    provider = ScriptedProvider(REFUSED, completion())
    (outcome,) = tick(app, provider)
    assert outcome.status is Status.SUCCESS
    assert [attempt.kind for attempt in outcome.attempts] == [Kind.REJECTED, Kind.OK]
    assert [request.stream for request in provider.requests] == [True, False]
    assert stored(app, first)[0].attempts == 2
    with app.app_context():
        run_now(ports, task.id), run_now(ports, other.id)
    asked = {order.model: order.stream for order in settle(app).orders}
    assert asked == {"m-1": False, "m-2": True}, "remembered for this model there"


def test_refused_for_another_reason_it_is_not_tried_again(app: Flask, ports: Ports) -> None:
    queue(app, ports)
    error = ProviderError(Kind.REJECTED, Reason.REJECTED, "no such model", http_status=400)
    provider = ScriptedProvider(error)
    tick(app, provider)
    assert len(provider.requests) == 1


def test_a_task_may_not_want_it(app: Flask, ports: Ports) -> None:
    queue(app, ports, stream=False)
    (order,) = settle(app).orders
    assert not order.stream


def test_a_run_that_fails_for_a_reason_of_ours_lets_go(app: Flask, ports: Ports) -> None:
    run_id = queue(app, ports)

    def end(call: Call) -> Completion:
        raise RuntimeError("a fault of ours")

    (order,) = settle(app).orders
    outcome = execute_run(ports, only(Streaming(["piece"], end)), order, RunControl())
    assert outcome.reason is Reason.INTERNAL
    record(app, [outcome])
    assert ports.live.text(run_id) == ""
    assert not ports.limits._held


def test_pieces_of_a_run_that_is_over_go_nowhere() -> None:
    live = LiveAnswers()
    live.begin(1)
    live.add(1, "a")
    live.add(2, "b")
    assert (live.text(1), live.text(2)) == ("a", "")
    assert live.end(1) == "a"
    live.add(1, "late")
    assert live.text(1) == live.end(1) == ""


@pytest.mark.parametrize("pieces", [0, 1, 1000])
def test_reading_joins_the_pieces(pieces: int) -> None:
    live = LiveAnswers()
    live.begin(1)
    for _ in range(pieces):
        live.add(1, "ab")
        assert live.text(1).endswith("ab")
    assert live.end(1) == "ab" * pieces
