"""Upstreams that stall, lie, cut, flood and lead astray. One server for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server import Api, Instance, Process
from tests.upstream import Upstream

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


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("silent", "timeout"),
        ("drip", "deadline"),
        ("drip-head", "deadline"),
        ("drip?pause=0.9", "deadline"),
    ],
)
def test_total_deadline(api: Api, other: Upstream, model: str, reason: str) -> None:
    run = _run(api, other, model, timeout_seconds=_TIMEOUT)
    excess = run["duration_ms"] / 1000 - _TIMEOUT
    print(f"\n{model}: {excess:+.2f} s beyond the time-out of {_TIMEOUT} s")
    assert (run["status"], run["reason"]) == ("failed", reason)
    assert run["attempt_list"][0]["kind"] == "maybe_billed"
    assert -0.5 < excess < _FAR


@pytest.mark.parametrize(
    ("model", "reason", "kind"),
    [
        ("status?code=400", "rejected", "rejected"),
        ("status?code=401", "auth", "rejected"),
        ("status?code=403", "auth", "rejected"),
        ("status?code=404", "rejected", "rejected"),
        ("status?code=429&retry_after=1", "rate_limited", "throttled"),
        ("status?code=500", "server_error", "server_error"),
        ("status?code=503", "server_error", "throttled"),
        ("empty", "empty", "ok"),
        ("cut", "connection_lost", "maybe_billed"),
        ("reset", "connection_lost", "maybe_billed"),
        ("not-json", "bad_response", "unusable_answer"),
        ("html", "bad_response", "unusable_answer"),
    ],
)
def test_failures_have_their_reason(
    api: Api, other: Upstream, model: str, reason: str, kind: str
) -> None:
    run = _run(api, other, model, max_attempts=3, retry_network=False)
    assert (run["status"], run["reason"]) == ("failed", reason)
    assert [attempt["kind"] for attempt in run["attempt_list"]] == [kind]


def test_nobody_listens(api: Api, other: Upstream) -> None:
    run = _run(api, other, "ok", api_endpoint="http://127.0.0.1:9/v1")
    assert (run["status"], run["reason"]) == ("failed", "never_sent")
    assert "refused" in run["error_message"]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(api: Api, other: Upstream, trap: Upstream, code: int) -> None:
    run = _run(api, other, f"redirect?code={code}&to={trap.base_url}/chat/completions")
    assert (run["status"], run["reason"]) == ("failed", "redirect")
    assert run["http_status"] == code
    assert trap.connections == 0


@pytest.mark.parametrize("model", ["huge", "gzip-bomb"])
def test_flood_is_bounded(api: Api, server: Process, other: Upstream, model: str) -> None:
    _reset_peaks(server)
    before = _peak(server)
    run = _run(api, other, model)
    assert (run["status"], run["reason"]) == ("failed", "too_large")
    grown = _peak(server) - before
    sent = other.requests()[-1].sent / 2**20
    print(f"\n{model}: 256 MB offered, {sent:.1f} MB taken, memory +{grown} MB")
    assert grown < 64


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
    run = _run(api, other, "ok", api_key="sk-mine-0123456789abcdef")
    assert run["status"] == "success"
    assert other.requests()[-1].headers["authorization"] == "Bearer sk-mine-0123456789abcdef"
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
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                sizes.append(int(line.split()[1]) // 1024)
    assert sizes, os.listdir("/proc")
    return max(sizes)
