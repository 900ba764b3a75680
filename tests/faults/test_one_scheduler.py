"""However many processes there are on a database, one of them schedules; another one takes over."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.server import Api, Instance, Process, wait_until
from tests.upstream import Upstream

from .ledger import check_ledger

_FAR = 20
"""Seconds: no pass or failure hangs on a busy machine."""


def _tick(api: Api, upstream: Upstream) -> None:
    api.create(
        name="tick",
        message_content="launch=tick",
        api_endpoint=upstream.base_url,
        max_attempts=1,
        interval_seconds=1,
    )


def _roles(process: Process, enough: int = 1) -> set[str]:
    """Every role that its workers say they have, asked until `enough` were heard."""
    heard: set[str] = set()
    until = time.monotonic() + _FAR
    while len(heard) < enough and time.monotonic() < until:
        heard.add(process.health().get("scheduler", ""))
    return heard - {""}


def _owners(instance: Instance) -> list[str]:
    rows = instance.rows("SELECT DISTINCT owner FROM runs WHERE owner IS NOT NULL")
    return [row["owner"] for row in rows]


def test_two_workers(instance: Instance, upstream: Upstream) -> None:
    server = instance.gunicorn("--workers", "2")
    assert _roles(server, 2) == {"active", "standby"}
    _tick(server.api, upstream)
    upstream.wait_for(4)
    [leader] = _owners(instance)
    os.kill(int(leader.split("-")[-2]), signal.SIGKILL)
    before, killed = len(upstream.requests()), time.monotonic()
    upstream.wait_for(before + 2, _FAR)
    print(f"\nafter SIGKILL of the leading worker: {time.monotonic() - killed:.1f} s, two runs")
    assert server.terminate() == 0
    # At the end both are told to stop; the one that stands by may lead for a moment between the
    # two signals.
    assert len(_owners(instance)) in (2, 3)
    check_ledger(instance, upstream.requests())


def test_two_servers(instance: Instance, upstream: Upstream) -> None:
    first = instance.gunicorn()
    second = instance.gunicorn()
    assert (_roles(first), _roles(second)) == ({"active"}, {"standby"})
    _tick(second.api, upstream)
    task = second.api.create(
        name="by-hand", api_endpoint=upstream.base_url, message_content="launch=by-hand"
    )
    took = []
    for number in range(1, 6):
        asked = time.time()
        run = second.api.run(task["id"])
        took.append(upstream.wait_for(number, _FAR, "by-hand")[-1].arrived - asked)
        assert second.api.ended(run["id"])["status"] == "success"
    print(f"\nrun now through the standby: {min(took):.2f} to {max(took):.2f} s")
    assert len(_owners(instance)) == 1

    first.kill()
    killed = time.monotonic()
    wait_until(lambda: _roles(second) == {"active"}, _FAR, "a standby that takes over")
    print(f"taken over after {time.monotonic() - killed:.2f} s")
    before = len(upstream.requests("tick"))
    upstream.wait_for(before + 2, _FAR, "tick")
    third = instance.gunicorn()
    assert _roles(third) == {"standby"}
    assert third.terminate() == 0
    assert _roles(second) == {"active"}
    assert second.terminate() == 0
    assert len(_owners(instance)) == 2
    rows = instance.rows("SELECT id FROM runs WHERE task_id = ?", task["id"])
    assert len(upstream.requests("by-hand")) == len(rows) == 5
    check_ledger(instance, upstream.requests())


def test_two_servers_that_start_at_once(instance: Instance, upstream: Upstream) -> None:
    servers = [instance.gunicorn(wait=False) for _ in range(3)]
    roles = sorted(role for server in servers for role in _roles(server.ready()))
    assert roles == ["active", "standby", "standby"]
    _tick(servers[0].api, upstream)
    upstream.wait_for(3)
    for server in servers:
        assert server.terminate() == 0
    check_ledger(instance, upstream.requests())


@pytest.mark.parametrize("arguments", [(), ("--debug",), ("--reload",), ("--debug", "--no-reload")])
def test_flask_run(instance: Instance, upstream: Upstream, arguments: tuple[str, ...]) -> None:
    server = instance.flask(*arguments)
    reloads = arguments in (("--debug",), ("--reload",))
    assert len(server.members()) == (2 if reloads else 1)
    assert _roles(server) == {"active"}
    _tick(server.api, upstream)
    upstream.wait_for(4)
    server.kill()
    assert len(_owners(instance)) == 1
    with_kill = instance.gunicorn()
    upstream.wait_for(len(upstream.requests()) + 1)
    assert with_kill.terminate() == 0
    check_ledger(instance, upstream.requests())
