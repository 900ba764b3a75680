"""Looking ahead: a task that would fail at its next run is known before, at no cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from autoai.domain.errors import NotFound
from autoai.domain.runs import Reason
from autoai.runtime import runtime
from autoai.security.encryption import Keyring
from autoai.services.accounts import create_account, set_enabled, update_account
from autoai.services.execute_run import RunControl
from autoai.services.ports import Ports
from autoai.services.preflight import run_preflights
from autoai.services.tasks import delete_task, get_task, update_task
from tests.factories import KEY, make_task
from tests.fakes import START, FakeClock
from tests.wire import Wire, http, wire


def listing(*names: str) -> bytes:
    return http({"object": "list", "data": [{"id": name} for name in names]})


@pytest.fixture
def upstream() -> Iterator[Wire]:
    with wire(listing("m-1", "llama3:latest")) as server:
        yield server


def look(app: Flask) -> int:
    return run_preflights(runtime(app).ports, runtime(app).providers)


def found(task_id: int) -> tuple[str | None, str | None]:
    task = get_task(task_id)
    return task.preflight_reason, task.preflight_message


def test_all_is_well(in_app: Flask, ports: Ports, upstream: Wire) -> None:
    task = make_task(ports, api_endpoint=upstream.base_url, api_key=KEY)
    assert look(in_app) == 1
    assert found(task.id) == (None, None)
    assert get_task(task.id).preflight_at == START
    assert (upstream.methods, upstream.paths) == (["GET"], ["/v1/models"])
    assert upstream.heads[0]["authorization"] == f"Bearer {KEY}"
    assert upstream.bodies == [b""]


@pytest.mark.parametrize(
    ("model", "reason"), [("m-1", None), ("llama3", None), ("m-2", "model_missing")]
)
def test_is_the_model_there(
    in_app: Flask, ports: Ports, upstream: Wire, model: str, reason: str | None
) -> None:
    task = make_task(ports, api_endpoint=upstream.base_url, model=model)
    look(in_app)
    assert found(task.id)[0] == reason


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (http({"error": {"message": f"bad key {KEY}"}}, 401), "auth"),
        (http({"error": {"message": "no"}}, 403), "auth"),
        (http("", 307, Location="http://elsewhere.test/"), "redirect"),
        (http("not found", 404), None),
        (http({"error": {"message": "busy"}}, 429), None),
        (http("oops", 500), None),
        (http("<html>"), None),
        (http({"data": "nonsense"}), None),
        (listing(), None),
    ],
)
def test_what_endpoints_say(
    in_app: Flask, ports: Ports, upstream: Wire, reply: bytes, reason: str | None
) -> None:
    upstream.reply = reply
    task = make_task(ports, api_endpoint=upstream.base_url, api_key=KEY)
    look(in_app)
    told, message = found(task.id)
    assert told == reason
    assert KEY not in (message or "")


def test_nobody_is_there(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports, api_endpoint="http://127.0.0.1:9/v1")
    look(in_app)
    assert found(task.id)[0] == "never_sent"


def test_a_key_that_cannot_be_read(in_app: Flask, ports: Ports, upstream: Wire) -> None:
    task = make_task(ports, api_endpoint=upstream.base_url, api_key=KEY)
    ports.keyring = Keyring(["A" * 43 + "="])
    look(in_app)
    assert found(task.id)[0] == "key_unreadable"
    assert upstream.paths == []


def test_once_a_day_and_after_a_change(
    in_app: Flask, ports: Ports, clock: FakeClock, upstream: Wire
) -> None:
    task = make_task(ports, api_endpoint=upstream.base_url)
    assert [look(in_app), look(in_app)] == [1, 0]
    update_task(ports, task.id, {"model": "m-2"}, partial=True)
    assert [look(in_app), look(in_app)] == [1, 0]
    assert found(task.id)[0] == "model_missing"
    clock.step(days=1)
    assert look(in_app) == 1


def test_one_question_for_all_that_have_it_in_common(
    in_app: Flask, ports: Ports, upstream: Wire
) -> None:
    account = create_account(
        ports, {"name": "One", "api_endpoint": upstream.base_url, "default_model": "m-1"}
    )
    for _ in range(5):
        make_task(ports, api_endpoint=upstream.base_url, api_key=KEY)
        make_task(ports, api_endpoint=..., account_id=account.id, model=...)
    make_task(ports, api_endpoint=upstream.base_url, api_key="sk-another-key-0123456789")
    assert look(in_app) == 11
    assert len(upstream.paths) == 3
    update_account(ports, account.id, {"default_model": "m-9"}, partial=True)
    assert look(in_app) == 5


@pytest.mark.parametrize("changes", [{"enabled": False}, {"account": "off"}])
def test_what_does_not_run_is_left_alone(
    in_app: Flask, ports: Ports, upstream: Wire, changes: dict[str, Any]
) -> None:
    if "account" in changes:
        account = create_account(
            ports, {"name": "One", "api_endpoint": upstream.base_url, "default_model": "m"}
        )
        make_task(ports, api_endpoint=..., account_id=account.id)
        set_enabled(ports, account.id, False)
    else:
        make_task(ports, api_endpoint=upstream.base_url, **changes)
    assert look(in_app) == 0
    assert upstream.paths == []


def test_deleted_meanwhile(app: Flask, ports: Ports, upstream: Wire) -> None:
    with app.app_context():
        gone = make_task(ports, api_endpoint=upstream.base_url).id
        kept = make_task(ports, api_endpoint=upstream.base_url).id

    def reply(body: bytes, head: dict[str, str]) -> bytes:
        with app.app_context():
            delete_task(ports, gone)
        return listing("m-2")

    upstream.reply = reply
    with app.app_context():
        look(app)
        assert found(kept)[0] == "model_missing"
        with pytest.raises(NotFound):
            get_task(gone)


def test_a_shutdown_ends_the_question(in_app: Flask, ports: Ports, upstream: Wire) -> None:
    first = make_task(ports, api_endpoint=upstream.base_url)
    second = make_task(ports, api_endpoint=upstream.base_url, api_key=KEY)
    control = RunControl()

    def reply(body: bytes, head: dict[str, str]) -> bytes:
        control.end(Reason.SHUTDOWN)
        time.sleep(1)
        return listing("m-2")

    upstream.reply = reply
    assert run_preflights(ports, runtime(in_app).providers, control) == 0
    assert len(upstream.paths) == 1
    assert get_task(first.id).preflight_at is get_task(second.id).preflight_at is None
