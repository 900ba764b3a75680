"""Upstreams that stall, lie, cut, flood and lead astray. One server for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.line import line
from tests.misbehaviours import MISBEHAVIOURS, Misbehaviour, talk
from tests.server import Api, Instance, Process, wait_until
from tests.upstream import Upstream

KEY = "sk-mine-0123456789abcdef"

pytestmark = pytest.mark.xdist_group("hostile_upstream")

_TIMEOUT = 2
_FAR = 10
"""Seconds beyond the deadline at which a test fails; what is printed is the real excess."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(scope="module")
def trap() -> Iterator[Upstream]:
    """Where proxy variables and redirects lead: nothing may arrive."""
    with Upstream() as server:
        yield server


@pytest.fixture(scope="module")
def other() -> Iterator[Upstream]:
    """The other side."""
    with Upstream() as server:
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, trap: Upstream) -> Iterator[Process]:
    """A server in a shell where a .netrc and all proxy variables lie in wait."""
    home = tmp_path_factory.mktemp("home")
    netrc = home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login trap password trap\ndefault login t password t\n")
    netrc.chmod(0o600)
    proxies = dict.fromkeys(_PROXIES, f"http://127.0.0.1:{trap.port}")
    with Instance(tmp_path_factory.mktemp("hostile")) as instance:
        yield instance.gunicorn(HOME=str(home), NETRC=str(netrc), **proxies)


@pytest.fixture(scope="module")
def api(server: Process) -> Api:
    """Its JSON API."""
    return server.api


def _run(api: Api, other: Upstream, model: str, **fields: Any) -> dict[str, Any]:
    task = api.create(
        **{
            "api_endpoint": other.base_url,
            "model": model,
            "max_attempts": 1,
            "timeout_seconds": 30,
            **fields,
        }
    )
    return api.ended(api.run(task["id"])["id"], fields.get("timeout_seconds", 30) + _FAR + 10)


PLAYED = (
    "silent",
    "drip",
    "drip-headers",
    "reset-body",
    "continue-for-ever",
    "many-headers",
    "huge",
    "gzip-bomb",
    "html",
    "stream-stops",
    "stream-unasked",
    "echo-401",
    "status-503",
    "redirect-307",
    "refused",
    "metadata",
)
"""Of the table; the rest is played without a process."""


@pytest.mark.parametrize("row", [row for row in MISBEHAVIOURS if row.name in PLAYED], ids=str)
def test_misbehaviour(
    api: Api, server: Process, other: Upstream, trap: Upstream, row: Misbehaviour
) -> None:
    """It ends as the table says, and the next run is due while it lasts and is on time."""
    workers = server.members()
    _reset_peaks(server)
    before = _peak(server)
    with line(talk(row, trap.base_url)) as upstream:
        task = api.create(
            api_endpoint=row.endpoint or f"{upstream.url}v1",
            api_key=KEY,
            timeout_seconds=_TIMEOUT,
            max_attempts=1,
        )
        due = datetime.now(UTC) + timedelta(seconds=1)
        punctual = api.create(
            api_endpoint=other.base_url, schedule_type="once", once_at=due.isoformat()
        )
        run = api.ended(api.run(task["id"])["id"], _TIMEOUT + _FAR + 10)
    assert (run["status"], run["reason"]) == (row.status, row.reason)
    assert [attempt["kind"] for attempt in run["attempt_list"]] == list(row.kinds[:1])
    assert row.says in (run["error_message"] or "")
    excess = run["duration_ms"] / 1000 - _TIMEOUT
    grown = _peak(server) - before
    assert excess < _FAR
    assert grown < 64

    next_run = wait_until(lambda: api.logs(punctual["id"]), _FAR, "the next run")[0]
    next_run = api.ended(next_run["id"])
    assert next_run["status"] == "success"
    assert next_run["lateness_ms"] < _FAR * 1000
    assert server.members() == workers, "the worker is alive"
    assert trap.connections == 0
    assert KEY not in server.output()
    print(
        f"\n{row.name}: {excess:+.2f} s from the time-out, memory +{grown} MB,"
        f" the next run {next_run['lateness_ms']} ms late"
    )


def test_network_failures_are_repeated(api: Api, other: Upstream) -> None:
    first = len(other.requests())
    run = _run(api, other, "reset", message_content="launch=reset-twice", max_attempts=2)
    assert (run["status"], run["reason"], run["attempts"]) == ("failed", "connection_lost", 2)
    assert run["maybe_double_billed"] is True
    assert len(other.requests()) == first + 2


def test_retry_after_is_obeyed(api: Api, other: Upstream) -> None:
    run = _run(
        api,
        other,
        "flaky?fails=1&code=429&retry_after=4",
        message_content="launch=flaky",
        retry_statuses=[429],
        max_attempts=2,
    )
    assert (run["status"], run["attempts"]) == ("success", 2)
    first, second = (seen.arrived for seen in other.requests("flaky"))
    print(f"\nRetry-After 4: sent again after {second - first:.2f} s")
    assert 3.9 < second - first < 4 + _FAR


def test_no_netrc_and_no_proxy(api: Api, other: Upstream, trap: Upstream) -> None:
    run = _run(api, other, "ok", api_key=KEY)
    assert run["status"] == "success"
    assert other.requests()[-1].headers["authorization"] == f"Bearer {KEY}"
    assert _run(api, other, "ok", api_key=None)["status"] == "success"
    assert "authorization" not in other.requests()[-1].headers
    assert trap.connections == 0


def _reset_peaks(server: Process) -> None:
    for pid in server.members():
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak(server: Process) -> int:
    """Megabytes: the largest resident size of any of its processes since the last reset."""
    sizes = []
    for pid in server.members():
        for row in Path(f"/proc/{pid}/status").read_text().splitlines():
            if row.startswith("VmHWM:"):
                sizes.append(int(row.split()[1]) // 1024)
    assert sizes, os.listdir("/proc")
    return max(sizes)
