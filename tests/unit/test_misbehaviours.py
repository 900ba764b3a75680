"""Each row of the table of misbehaviours, through the real adapter and the real transport."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autoai.domain.retries import RetryRules
from autoai.domain.runs import Status
from autoai.domain.verdicts import Verdict
from autoai.providers.registry import make_providers
from autoai.providers.transport import Transport
from autoai.security.encryption import Keyring
from autoai.security.redaction import Redactor
from autoai.services.execute_run import KEY_PURPOSE, Outcome, RunControl, RunOrder, execute_run
from autoai.services.ports import Ports
from tests.certificates import Authority
from tests.fakes import START, FakeClock
from tests.line import Hangup, Line, Talk, line, says
from tests.misbehaviours import ELSEWHERE, MISBEHAVIOURS, Misbehaviour
from tests.upstream_failures import PAGE, page
from tests.wire import answer, http

KEY = "sk-never-to-be-shown-0123456789abcdef"
FERNET = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
LIMIT = 2 * 2**20
LATE, FAR = 1.0, 10.0
"""Seconds beyond the deadlines: what should hold, and what fails on a machine that is busy."""
GROWTH = 20
"""Megabytes."""


@dataclass
class Stage:
    """What all rows are played on: one transport, as in the app."""

    transport: Transport
    good: Line
    elsewhere: Line
    authority: Authority
    stranger: Authority

    def run(self, endpoint: str, row: Misbehaviour | None = None) -> tuple[Outcome, FakeClock]:
        clock = FakeClock()
        ports = Ports(clock, Keyring([FERNET]), Redactor(), "UTC", 30)
        rules = RetryRules(statuses=frozenset(row.statuses if row else ()))
        order = RunOrder(
            run_id=1,
            task_id=1,
            endpoint=endpoint,
            api_key_encrypted=ports.keyring.encrypt(KEY, "row", KEY_PURPOSE),
            secret_id="row",
            model="m-1",
            system_message=None,
            message_content="Hello",
            timeout=row.timeout if row else 10,
            retry_rules=rules,
            due_at=START,
        )
        provider = make_providers(self.transport, clock.now)["openai"]
        return execute_run(ports, provider, order, RunControl()), clock

    def certificate(self, fault: str) -> Any:
        """What a server with this fault shows."""
        if fault == "unknown-ca":
            return self.stranger.server()
        if fault == "wrong-host":
            return self.authority.server("other.example")
        return self.authority.server(expired=fault == "expired", self_signed=fault == "self-signed")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    authority = Authority(tmp_path_factory.mktemp("ca"))
    stranger = Authority(tmp_path_factory.mktemp("other-ca"), "Another CA")
    transport = Transport(4, LIMIT, str(authority.bundle))
    with line(says(http(answer()))) as good, line(says(http(answer("stolen")))) as elsewhere:
        yield Stage(transport, good, elsewhere, authority, stranger)
    transport.close()


def bound(row: Misbehaviour, stage: Stage) -> Talk:
    """What the row does, with a real address in the place of another host's."""
    if not isinstance(row.does, bytes):
        return row.does
    data = row.does.replace(ELSEWHERE.encode(), stage.elsewhere.url.encode())

    def talk(sock: socket.socket, request: bytes) -> None:
        sock.sendall(data)
        raise Hangup

    return talk


@pytest.mark.parametrize("row", MISBEHAVIOURS, ids=lambda row: row.name)
def test_misbehaviour(
    stage: Stage,
    row: Misbehaviour,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    tls = stage.certificate(row.certificate) if row.certificate else None
    with line(bound(row, stage), tls) as server:
        before, start = _reset_peak(), time.monotonic()
        outcome, clock = stage.run(row.endpoint or f"{server.url}v1", row)
        took, grown = time.monotonic() - start, _peak() - before
        requests = len(server.requests)
    late = took - (row.timeout * len(row.kinds) if row.timeout < FAR else 0)
    logged = caplog.text + "".join(capfd.readouterr())
    with capfd.disabled():
        print(f"  {took:5.2f} s, +{grown:4.1f} MB", end=" ")

    assert (outcome.status, outcome.reason) == (row.status, row.reason), outcome.error_message
    assert tuple(attempt.kind for attempt in outcome.attempts) == row.kinds
    assert requests == row.arrive
    assert outcome.finished_at is not None
    if row.status is Status.SUCCESS:
        assert outcome.verdict == (Verdict.DEGRADED if row.reason else Verdict.OK)
        assert outcome.completion is not None
        assert row.text in (None, outcome.completion.text)
    assert row.says in (outcome.error_message or "")
    assert row.waits in (None, tuple(clock.waits))
    assert KEY not in repr(outcome) + logged
    assert stage.elsewhere.connections == 0
    assert grown < GROWTH
    assert late < FAR, f"{late:.1f} s beyond the deadlines"
    if late > LATE:
        print(f"{late:+.2f} s beyond the deadlines")

    start = time.monotonic()
    outcome, _ = stage.run(f"{stage.good.url}v1")
    assert outcome.status is Status.SUCCESS, "and the next call is none the worse for it"
    assert time.monotonic() - start < FAR


def test_every_row_has_a_name_of_its_own() -> None:
    names = [row.name for row in MISBEHAVIOURS]
    assert len(set(names)) == len(names)


def test_the_page_is_fresh() -> None:
    """`python -m tests.upstream_failures` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()


def _reset_peak() -> float:
    """Megabytes resident now, from where the peak is counted."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> float:
    status = Path("/proc/self/status").read_text()
    found = next(row for row in status.splitlines() if row.startswith("VmHWM:"))
    return int(found.split()[1]) / 1024
