"""Limits of calls at once, requests and tokens a minute: whatever happens, never passed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai.domain.limits import MINUTE, Limiter, Limits, Obstacle, estimate_tokens
from tests.fakes import FakeClock

KEY = "account:1"


@pytest.fixture
def limiter(clock: FakeClock) -> Limiter:
    return Limiter(clock.monotonic)


def under(**limits: int) -> dict[str, Limits]:
    return {KEY: Limits(**limits)}


def test_without_limits_nothing_is_in_the_way(limiter: Limiter) -> None:
    for holder in range(1_000):
        assert limiter.take(holder, under(), 10**9) is None


def test_calls_at_once(limiter: Limiter) -> None:
    two = under(concurrent=2)
    assert limiter.take(1, two, 0) is limiter.take(2, two, 0) is None
    found = limiter.take(3, two, 0)
    assert found is not None
    assert (found.obstacle, found.key, found.seconds) == (Obstacle.CONCURRENT, KEY, None)
    limiter.finish(1)
    assert limiter.take(3, two, 0) is None


def test_all_keys_are_asked_and_none_is_taken_by_halves(limiter: Limiter) -> None:
    keys = {"a": Limits(concurrent=5), "b": Limits(concurrent=1)}
    assert limiter.take(1, keys, 0) is None
    found = limiter.take(2, keys, 0)
    assert found is not None and found.key == "b"
    for holder in range(10, 14):
        assert limiter.take(holder, {"a": Limits(concurrent=5)}, 0) is None
    assert limiter.take(14, {"a": Limits(concurrent=5)}, 0) is not None


def test_requests_a_minute(limiter: Limiter, clock: FakeClock) -> None:
    one = under(requests=1)
    assert limiter.take(1, one, 0) is None
    clock.step(10)
    found = limiter.blocked(one, 0)
    assert found is not None
    assert (found.obstacle, found.seconds) == (Obstacle.REQUESTS, None), "it is still on its way"
    limiter.sent(1)
    limiter.finish(1)
    clock.step(20)
    found = limiter.blocked(one, 0)
    assert found is not None and found.seconds == MINUTE - 20
    clock.step(MINUTE - 20)
    assert limiter.take(2, one, 0) is None


def test_what_was_never_sent_does_not_count(limiter: Limiter) -> None:
    one = under(requests=1)
    for holder in range(5):
        assert limiter.take(holder, one, 0) is None
        limiter.finish(holder)


def test_another_attempt_needs_leave_too(limiter: Limiter, clock: FakeClock) -> None:
    two = under(requests=2, concurrent=1)
    assert limiter.take(1, two, 0) is None
    assert limiter.again(1) is None, "the first one was never sent: this is still the first"
    limiter.sent(1)
    assert limiter.again(1) is None
    limiter.sent(1)
    found = limiter.again(1)
    assert found is not None and found.obstacle is Obstacle.REQUESTS
    clock.step(MINUTE)
    assert limiter.again(1) is None


def test_tokens_a_minute(limiter: Limiter, clock: FakeClock) -> None:
    limit = under(tokens=1_000)
    assert limiter.take(1, limit, 600) is None
    found = limiter.take(2, limit, 600)
    assert found is not None and found.obstacle is Obstacle.TOKENS
    limiter.sent(1)
    limiter.used(1, 100)
    limiter.finish(1)
    assert limiter.take(2, limit, 600) is None, "what it came to counts, not what was feared"
    limiter.sent(2)
    limiter.finish(2)
    clock.step(MINUTE)
    assert limiter.take(3, limit, 5_000) is None, "what is larger than the limit goes alone"
    assert limiter.take(4, limit, 1) is not None


def test_a_server_asks_for_patience(limiter: Limiter, clock: FakeClock) -> None:
    limiter.slow(KEY, 30)
    limiter.slow(KEY, 10)
    found = limiter.take(1, under(), 0)
    assert found is not None
    assert (found.obstacle, found.seconds) == (Obstacle.THROTTLED, 30)
    clock.step(30)
    assert limiter.take(1, under(), 0) is None
    limiter.slow(KEY, 30)
    limiter.hurry(KEY)
    assert limiter.take(2, under(), 0) is None


def test_what_was_sent_before_a_restart_counts(limiter: Limiter, clock: FakeClock) -> None:
    limiter.remember(KEY, [(50.0, 10), (5.0, 10)])
    assert limiter.blocked(under(requests=2), 0) is not None
    clock.step(MINUTE - 50)
    assert limiter.blocked(under(requests=2), 0) is None
    assert limiter.blocked(under(requests=1), 0) is not None


def test_nothing_is_remembered_that_nobody_asks_for(limiter: Limiter) -> None:
    for holder in range(100):
        limiter.take(holder, under(concurrent=1_000), 0)
        limiter.sent(holder)
        limiter.finish(holder)
    assert not limiter._lanes[KEY].requests
    assert not limiter._held


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 15)), min_size=20, max_size=120))
def test_in_no_minute_do_more_arrive_than_allowed(calls: list[tuple[float, float]]) -> None:
    """Each call waits before it is asked for, and is then on its way for a while."""
    clock, limit = FakeClock(), 7
    limiter = Limiter(clock.monotonic)
    arrivals: list[float] = []
    on_the_way: list[tuple[float, int]] = []
    for holder, (pause, way) in enumerate(calls):
        clock.step(pause)
        for at, sent in [item for item in on_the_way if item[0] <= clock.monotonic()]:
            arrivals.append(at)
            limiter.sent(sent)
            limiter.finish(sent)
            on_the_way.remove((at, sent))
        if limiter.take(holder, under(requests=limit), 0) is None:
            on_the_way.append((clock.monotonic() + way, holder))
    arrivals += [at for at, _ in on_the_way]
    for first in arrivals:
        assert sum(first <= at < first + 60 for at in arrivals) <= limit


@pytest.mark.parametrize(
    ("texts", "max_tokens", "about"),
    [([], None, 500), (["four" * 100], 50, 150), (["你好"], 1, 2), (["\ud800"], 1, 1)],
)
def test_estimate(texts: list[str], max_tokens: int | None, about: int) -> None:
    assert estimate_tokens(texts, max_tokens) == about
