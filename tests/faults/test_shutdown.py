"""SIGTERM and SIGHUP: calls under way get their time, nothing new begins, nothing is lost."""

from __future__ import annotations

import signal
import time

from tests.server import Instance, wait_until
from tests.upstream import Upstream

from .ledger import check_ledger


def test_sigterm_drains(instance: Instance, upstream: Upstream) -> None:
    drain = 4
    instance.settings["DRAIN_TIMEOUT"] = str(drain)
    server = instance.gunicorn()
    api = server.api
    tasks = {}
    for name, model in (("short", "slow?seconds=2"), ("long", "slow?seconds=60"), ("tick", "ok")):
        tasks[name] = api.create(
            name=name,
            message_content=f"launch={name}",
            api_endpoint=upstream.base_url,
            model=model,
            max_attempts=1,
            interval_seconds=1 if name == "tick" else 3600,
        )
    runs = {name: api.run(tasks[name]["id"])["id"] for name in ("short", "long")}
    for name in tasks:
        upstream.wait_for(1, launch=name)

    told = time.time()
    assert server.terminate() == 0
    took = time.time() - told
    late = [seen for seen in upstream.requests() if seen.arrived > told + 0.5]
    print(f"\nSIGTERM, drain {drain} s: ended after {took:.1f} s, {len(late)} requests after it")
    assert late == []
    assert drain - 0.5 <= took < drain + 30
    assert server.members() == []

    found = {row["id"]: row for row in instance.rows("SELECT * FROM runs")}
    assert found[runs["short"]]["status"] == "success"
    assert found[runs["long"]]["status"] == "interrupted"
    assert found[runs["long"]]["reason"] == "shutdown"
    assert not [row for row in found.values() if row["status"] in ("queued", "running")]
    check_ledger(instance, upstream.requests())


def test_sigterm_does_not_wait_for_calls_that_would_be_repeated(
    instance: Instance, upstream: Upstream
) -> None:
    instance.settings["DRAIN_TIMEOUT"] = "30"
    server = instance.gunicorn()
    task = server.api.create(
        api_endpoint=upstream.base_url,
        model="status?code=503&retry_after=25",
        message_content="launch=again",
        retry_statuses=[503],
        max_attempts=3,
    )
    run = server.api.run(task["id"])
    upstream.wait_for(1)
    time.sleep(0.5)
    told = time.time()
    assert server.terminate() == 0
    print(f"\nSIGTERM during the wait before an attempt: ended after {time.time() - told:.1f} s")
    assert time.time() - told < 20
    assert len(upstream.requests()) == 1
    [row] = instance.rows("SELECT * FROM runs WHERE id = ?", run["id"])
    assert (row["status"], row["attempts"]) == ("queued", 1), "the next start goes on with it"
    [attempt] = instance.rows("SELECT * FROM attempts")
    assert (attempt["http_status"], attempt["kind"]) == (503, "throttled")


def test_what_is_queued_waits_for_the_next_start(instance: Instance, upstream: Upstream) -> None:
    instance.settings.update(MAX_CONCURRENT_RUNS="1", DRAIN_TIMEOUT="1")
    server = instance.gunicorn()
    api = server.api
    first = api.create(api_endpoint=upstream.as_url("slow?seconds=60"), message_content="launch=a")
    second = api.create(api_endpoint=upstream.base_url, message_content="launch=b")
    api.run(first["id"])
    upstream.wait_for(1)
    waiting = api.run(second["id"])
    assert server.terminate() == 0
    assert [row["status"] for row in instance.rows("SELECT status FROM runs ORDER BY id")] == [
        "interrupted",
        "queued",
    ]
    assert instance.gunicorn().api.ended(waiting["id"])["status"] == "success"
    assert [seen.launch for seen in upstream.requests()] == ["a", "b"]


def test_sighup_hands_the_schedule_over(instance: Instance, upstream: Upstream) -> None:
    server = instance.gunicorn()
    api = server.api
    for name, delay in (("quick", 0.01), ("slow", 1.5)):
        api.create(
            name=name,
            message_content=f"launch={name}",
            api_endpoint=upstream.base_url,
            model=f"slow?seconds={delay}",
            max_attempts=1,
            interval_seconds=1,
        )
    upstream.wait_for(2, launch="slow")
    old = set(server.members())
    for _ in range(2):
        server.signal(signal.SIGHUP)
        time.sleep(1)
    wait_until(lambda: len(set(server.members()) & old) == 1, 30, "the end of the old worker")
    wait_until(lambda: server.health().get("scheduler") == "active", 30, "a worker that leads")
    seen = len(upstream.requests())
    upstream.wait_for(seen + 3)
    assert server.terminate() == 0
    assert check_ledger(instance, upstream.requests()).by_status["failed"] == 0
    owners = instance.rows("SELECT DISTINCT owner FROM runs WHERE owner IS NOT NULL")
    assert len(owners) >= 2
