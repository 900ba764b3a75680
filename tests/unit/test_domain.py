"""The small rules: policies, verdicts, statuses, repeating, logins, and reading what others send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai.domain import login_limits
from autoai.domain.policies import Policies, UnderWay, settle
from autoai.domain.retries import LONGEST_RETRY_AFTER, RetryRules, may_repeat
from autoai.domain.runs import Kind, Reason, Source, Status, may_change, success_rate
from autoai.domain.schedules import Interval
from autoai.domain.verdicts import judge
from autoai.providers.parsing import as_count, as_text, error_text, parse_retry_after, scrub
from tests.fakes import START

SECOND = timedelta(seconds=1)


@given(
    st.integers(1, 7_200),
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.one_of(st.none(), st.integers(1, 9)),
)
def test_settling_covers_all_that_is_due(
    step: int, late: timedelta, blocked_by: int | None
) -> None:
    due = Interval(step, START).between(START, START + timedelta(seconds=step) + late, 100)
    now = START + timedelta(seconds=step) + late
    settled = settle(due, now, Policies(), UnderWay(blocked_by) if blocked_by else None)
    gap, decisions = next(iter(settled.gaps), None), settled.decisions
    assert len(decisions) + (gap.occurrences if gap else 0) == due.total
    assert [d.scheduled_for for d in decisions] == list(due.newest)
    assert len(decisions) <= 100
    if gap:
        assert len(decisions) == 100
        assert (gap.first, gap.last) == (due.oldest, due.newest[0])
    *older, latest = decisions
    assert {(d.status, d.reason) for d in older} <= {(Status.MISSED, Reason.DOWNTIME)}
    if now - latest.scheduled_for > Policies().window:
        assert latest.status is Status.MISSED
    elif blocked_by:
        assert (latest.status, latest.reason) == (Status.SKIPPED, Reason.OVERLAP)
        assert latest.blocked_by == blocked_by
    else:
        assert latest.status is Status.QUEUED


@pytest.mark.parametrize(
    ("late", "source"), [(0, "schedule"), (10, "schedule"), (10.001, "catch_up")]
)
def test_late_runs_are_catch_ups(late: float, source: str) -> None:
    now = START + timedelta(seconds=60 + late)
    due = Interval(60, START).between(START, now, 100)
    (decision,) = settle(due, now, Policies(), None).decisions
    assert decision.source == Source(source)


def test_endings_are_endings() -> None:
    for old in Status:
        for new in Status:
            if old not in (Status.QUEUED, Status.RUNNING):
                assert not may_change(old, new)
    assert may_change(Status.QUEUED, Status.RUNNING)
    assert not may_change(Status.QUEUED, Status.SUCCESS)
    assert may_change(Status.RUNNING, Status.QUEUED), "it waits for its next attempt"


@pytest.mark.parametrize(
    ("counts", "rate"),
    [
        ({}, None),
        ({"skipped": 5, "missed": 3, "running": 1, "queued": 1}, None),
        ({"success": 3, "failed": 1}, 0.75),
        ({"success": 1, "interrupted": 1, "missed": 9}, 0.5),
        ({"failed": 2}, 0.0),
    ],
)
def test_success_rate(counts: dict[str, int], rate: float | None) -> None:
    assert success_rate(counts) == rate


@pytest.mark.parametrize(
    ("text", "finish", "refused", "tools", "status", "reason", "verdict"),
    [
        ("Hi", "stop", False, False, "success", None, "ok"),
        ("Hi", None, False, False, "success", None, "ok"),
        ("Hi", "length", False, False, "success", "truncated", "degraded"),
        ("Hi", "content_filter", False, False, "success", "filtered", "degraded"),
        ("Hi", "stop", False, True, "success", None, "ok"),
        ("", "stop", False, False, "failed", "empty", None),
        (" \n\t", "stop", False, False, "failed", "empty", None),
        ("", "length", False, False, "failed", "empty", None),
        ("", "tool_calls", False, True, "failed", "tool_calls_only", None),
        ("", "content_filter", False, False, "failed", "filtered", None),
        ("No.", "stop", True, False, "failed", "model_refused", None),
    ],
)
def test_verdicts(
    text: str,
    finish: str | None,
    refused: bool,
    tools: bool,
    status: str,
    reason: str | None,
    verdict: str | None,
) -> None:
    found = judge(text, finish, refused, tools)
    assert (found.status, found.reason, found.verdict) == (status, reason, verdict)


@given(
    st.sampled_from(sorted(Kind)),
    st.sampled_from([None, 200, 400, 429, 500, 503]),
    st.booleans(),
    st.frozensets(st.sampled_from([429, 500, 503])),
    st.one_of(st.none(), st.floats(0, 2_000)),
    st.booleans(),
)
def test_repeating(
    kind: Kind,
    status: int | None,
    network: bool,
    statuses: frozenset[int],
    wait: float | None,
    final: bool,
) -> None:
    allowed = may_repeat(RetryRules(3, network, statuses), kind, status, wait, final)
    if final or kind in (Kind.OK, Kind.REJECTED, Kind.UNUSABLE_ANSWER):
        assert not allowed
    elif kind in (Kind.NEVER_SENT, Kind.MAYBE_BILLED):
        assert allowed is network
    else:
        assert allowed is (status in statuses and (wait or 0) <= LONGEST_RETRY_AFTER)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unknown", "unknown"),
        ("x" * 500, "x" * 64),
    ],
)
def test_what_counts_as_one_address(address: str, key: str) -> None:
    assert login_limits.address_key(address) == key


def test_a_link_local_address_has_an_interface() -> None:
    assert len(login_limits.address_key("fe80::1%eth0")) <= 64


def test_five_fails_in_a_quarter_of_an_hour() -> None:
    fails = [START + SECOND * n for n in range(5)]
    now = START + SECOND * 10
    assert login_limits.seconds_to_wait(now, fails[:4], 4, 4) == 0
    wait = login_limits.seconds_to_wait(now, fails, 5, 5)
    assert wait == 15 * 60 - 10
    later = now + SECOND * wait
    assert login_limits.seconds_to_wait(later, fails[1:], 4, 0) == 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("5", 5.0),
        ("  5 ", 5.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-1", None),
        ("inf", None),
        ("Infinity", None),
        ("nan", None),
        ("1e999", None),
        ("soon", None),
        ("Mon, 02 Mar 2026 12:01:00 GMT", 60.0),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0.0),
        ("Monday, 02-Mar-26 12:01:00 GMT", 60.0),
        ("Mon Mar  2 12:01:00 2026", 60.0),
        ("Mon, 99 Mar 2026 12:01:00 GMT", None),
        ("Mon, 02 Mar 99999 12:01:00 GMT", None),
        ("Mon, 02 Mar 2026 12:01:00 +9999", None),
        ("Sat, 01 Jan 0001 00:00:00 +1400", 0.0),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, START) == seconds


@given(st.text())
def test_no_retry_after_raises(value: str) -> None:
    found = parse_retry_after(value, datetime(2026, 1, 1, tzinfo=UTC))
    assert found is None or 0 <= found < float("inf")


@given(st.text(alphabet=st.characters(codec=None)))
def test_what_is_scrubbed_can_be_stored(text: str) -> None:
    clean = scrub(text)
    assert "\x00" not in clean
    assert clean.encode().decode() == clean
    assert len(clean) == len(text)


def test_careful_reading() -> None:
    assert [as_count(v) for v in (0, 7, -1, 2**53, True, 1.0, "7", None)] == [0, 7] + [None] * 6
    assert [as_text(v) for v in ("a", "", 5, None, ["a"])] == ["a", "", None, None, None]
    assert error_text({"error": {"message": " why "}}, b"") == "why"
    assert error_text({"error": "why"}, b"") == "why"
    assert error_text({"error": {"message": 5}}, b"body") == "body"
    assert error_text(None, b"\xff\x00") == "\ufffd\ufffd"
    assert error_text(None, b"  ") == "(nothing)"
