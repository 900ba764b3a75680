"""Each row of the table of misbehaviours, through the real adapter and the real transport."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from autoai.domain.retries import RetryRules
from autoai.domain.runs import Reason, Status
from autoai.domain.verdicts import Verdict
from autoai.providers.registry import make_providers
from autoai.providers.transport import Transport
from autoai.security.encryption import Keyring
from autoai.security.redaction import Redactor
from autoai.services.connections import ACCOUNT_PROXY, TASK_KEY
from autoai.services.execute_run import RunControl, execute_run
from autoai.services.ports import Ports
from autoai.services.run_orders import AttemptRecord, EarlierAttempts, Outcome
from tests.certificates import Authority
from tests.factories import make_order
from tests.fakes import FakeClock
from tests.line import Line, line, says
from tests.misbehaviours import MISBEHAVIOURS, PASSWORD, Misbehaviour, talk
from tests.upstream_failures import PAGE, page
from tests.wire import answer, http

KEY = "sk-never-to-be-shown-0123456789abcdef"
FERNET = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
LIMIT = 2 * 2**20
LATE, FAR = 1.0, 10.0
"""Seconds beyond the deadlines: what should hold, and what fails on a machine that is busy."""
STALLS = (Reason.TIMEOUT, Reason.DEADLINE)
GROWTH = 20
"""Megabytes."""


@dataclass
class Played:
    """How a run ended; its attempts and the seconds between them."""

    outcome: Outcome
    attempts: list[AttemptRecord]
    waits: tuple[float, ...]


@dataclass
class Stage:
    """What all rows are played on: one transport, as in the app."""

    transport: Transport
    good: Line
    elsewhere: Line
    authority: Authority
    stranger: Authority

    def run(self, endpoint: str, row: Misbehaviour | None = None) -> Played:
        """A run to its end, also where it is put off in between."""
        clock = FakeClock()
        ports = Ports(clock, Keyring([FERNET]), Redactor(), "UTC", 30)
        providers = make_providers(self.transport, clock.now)
        connection = {
            "endpoint": endpoint,
            "api_key_encrypted": ports.keyring.encrypt(KEY, "row", TASK_KEY),
        }
        if row and row.proxy:
            connection["proxy_encrypted"] = ports.keyring.encrypt(row.proxy, "row", ACCOUNT_PROXY)
        rules = RetryRules(statuses=frozenset(row.statuses if row else ()))
        order = make_order(
            connection=connection, timeout=row.timeout if row else 10, retry_rules=rules
        )
        attempts: list[AttemptRecord] = []
        for _ in range(rules.max_attempts):
            outcome = execute_run(ports, providers, order, RunControl())
            attempts += outcome.attempts
            if outcome.not_before is None:
                break
            ports.clock.wait(Event(), (outcome.not_before - clock.now()).total_seconds())
            order = replace(order, earlier=EarlierAttempts(len(attempts), outcome.started_at))
        return Played(outcome, attempts, tuple(clock.waits))

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


@pytest.mark.parametrize("row", MISBEHAVIOURS, ids=str)
def test_misbehaviour(
    stage: Stage,
    row: Misbehaviour,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    tls = stage.certificate(row.certificate) if row.certificate else None
    with line(talk(row, stage.elsewhere.url), tls) as server:
        before, start = _reset_peak(), time.monotonic()
        played = stage.run(row.endpoint or f"{server.url}v1", row)
        took, grown = time.monotonic() - start, _peak() - before
        requests = len(server.requests)
    late = took - (row.timeout * len(row.kinds) if row.reason in STALLS else 0)
    logged = caplog.text + "".join(capfd.readouterr())
    with capfd.disabled():
        beyond = f", {late:.2f} s BEYOND ITS DEADLINES" if late > LATE else ""
        print(f"  {took:5.2f} s, +{grown:4.1f} MB{beyond}", end=" ")

    outcome = played.outcome
    assert (outcome.status, outcome.reason) == (row.status, row.reason), outcome.error_message
    assert tuple(attempt.kind for attempt in played.attempts) == row.kinds
    assert requests == row.arrive
    assert outcome.finished_at is not None
    if row.status is Status.SUCCESS:
        assert outcome.verdict == (Verdict.DEGRADED if row.reason else Verdict.OK)
        assert outcome.completion is not None
        assert row.text in (None, outcome.completion.text)
    assert row.says in (outcome.error_message or "")
    assert row.waits in (None, played.waits)
    assert not any(secret in repr(played) + logged for secret in (KEY, PASSWORD))
    assert stage.elsewhere.connections == 0
    assert grown < GROWTH
    assert late < FAR, f"{late:.1f} s beyond the deadlines"

    start = time.monotonic()
    after = stage.run(f"{stage.good.url}v1").outcome
    assert after.status is Status.SUCCESS, "and the next call is none the worse for it"
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
