"""How many calls at once, how many requests and tokens a minute: kept across all runs of an account
or an endpoint.

A request counts from its claim until a minute after it was sent, so in no minute does the other
side see more of them than allowed, however long each is on its way: of the requests that arrive
within a minute, the one that was claimed last found all the others counted.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

MINUTE = 61.0
"""Seconds: one more than a minute, for what lies between our kernel and the other side's clock."""
BYTES_PER_TOKEN = 4
ANSWER_TOKENS = 500
"""Taken for the answer of a call that does not say how long it may get."""


class Obstacle(StrEnum):
    """Why a call must wait."""

    CONCURRENT = "concurrent_calls"
    REQUESTS = "requests_per_minute"
    TOKENS = "tokens_per_minute"
    THROTTLED = "throttled"
    """The other side asked for patience."""


@dataclass(frozen=True)
class Limits:
    """Of one account or endpoint; None means no limit."""

    concurrent: int | None = None
    requests: int | None = None
    tokens: int | None = None

    @property
    def counts_requests(self) -> bool:
        """Does a limit hang on what was sent within the last minute?"""
        return self.requests is not None or self.tokens is not None


@dataclass(frozen=True)
class Blocked:
    """What is in the way of a call, and for how many seconds where that is known."""

    obstacle: Obstacle
    key: str
    seconds: float | None


@dataclass
class _Request:
    """One request of one run; `until` is None while it may still be on its way."""

    tokens: int
    until: float | None = None


@dataclass
class _Lane:
    """All that is remembered of one key."""

    holders: set[int] = field(default_factory=set)
    requests: deque[_Request] = field(default_factory=deque)
    slow_until: float = 0.0


@dataclass
class _Held:
    keys: Mapping[str, Limits]
    tokens: int
    request: _Request | None


class Limiter:
    """Permits for calls, by key. In memory, for the one process that sends; any thread may ask.

    `monotonic` answers seconds that only ever grow.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = defaultdict(_Lane)
        self._held: dict[int, _Held] = {}

    def blocked(self, keys: Mapping[str, Limits], tokens: int) -> Blocked | None:
        """What would be in the way of a call under all of `keys`; None where nothing is."""
        with self._lock:
            return self._blocked(keys, tokens, holder=None)

    def take(self, holder: int, keys: Mapping[str, Limits], tokens: int) -> Blocked | None:
        """Let the run `holder` make its first call, of about `tokens`; or say what is in the way."""
        with self._lock:
            found = self._blocked(keys, tokens, holder)
            if found is None:
                request = _Request(tokens)
                self._held[holder] = _Held(keys, tokens, request)
                for key in keys:
                    self._lanes[key].holders.add(holder)
                self._count(keys, request)
            return found

    def again(self, holder: int) -> Blocked | None:
        """The same for another call of a run that has made one."""
        with self._lock:
            held = self._held.get(holder)
            if held is None or (held.request is not None and held.request.until is None):
                return None
            found = self._blocked(held.keys, held.tokens, holder)
            if found is None:
                held.request = _Request(held.tokens)
                self._count(held.keys, held.request)
            return found

    def sent(self, holder: int) -> None:
        """The call of `holder` has been handed to the network."""
        with self._lock:
            held = self._held.get(holder)
            if held is not None and held.request is not None and held.request.until is None:
                held.request.until = self._monotonic() + MINUTE

    def used(self, holder: int, tokens: int) -> None:
        """The last call of `holder` came to so many tokens."""
        with self._lock:
            held = self._held.get(holder)
            if held is not None and held.request is not None:
                held.request.tokens = tokens

    def finish(self, holder: int) -> None:
        """`holder` makes no more calls. A call that was never sent does not count."""
        with self._lock:
            held = self._held.pop(holder, None)
            if held is None:
                return
            unsent = held.request if held.request and held.request.until is None else None
            for key in held.keys:
                lane = self._lanes[key]
                lane.holders.discard(holder)
                if unsent is not None:
                    lane.requests = deque(item for item in lane.requests if item is not unsent)

    def slow(self, key: str, seconds: float) -> None:
        """Nothing under `key` begins for so long: the other side asked for it."""
        with self._lock:
            lane = self._lanes[key]
            lane.slow_until = max(lane.slow_until, self._monotonic() + seconds)

    def hurry(self, key: str) -> None:
        """A person wants it tried again at once."""
        with self._lock:
            self._lanes[key].slow_until = 0.0

    def remember(self, key: str, sent: Sequence[tuple[float, int]]) -> None:
        """After a restart: what was sent before it, as seconds ago and tokens."""
        with self._lock:
            now = self._monotonic()
            lane = self._lanes[key]
            lane.requests.extend(_Request(tokens, now - ago + MINUTE) for ago, tokens in sent)

    def _count(self, keys: Mapping[str, Limits], request: _Request) -> None:
        for key, limits in keys.items():
            if limits.counts_requests:  # else nobody would ever ask, nor forget them
                self._lanes[key].requests.append(request)

    def _blocked(
        self, keys: Mapping[str, Limits], tokens: int, holder: int | None
    ) -> Blocked | None:
        now = self._monotonic()
        for key, limits in keys.items():
            found = self._in_the_way(self._lanes[key], limits, tokens, holder, now)
            if found is not None:
                return Blocked(found[0], key, found[1])
        return None

    def _in_the_way(
        self, lane: _Lane, limits: Limits, tokens: int, holder: int | None, now: float
    ) -> tuple[Obstacle, float | None] | None:
        if lane.slow_until > now:
            return Obstacle.THROTTLED, lane.slow_until - now
        others = len(lane.holders) - (holder in lane.holders)
        if limits.concurrent is not None and others >= limits.concurrent:
            return Obstacle.CONCURRENT, None
        if not limits.counts_requests:
            return None
        lane.requests = deque(r for r in lane.requests if r.until is None or r.until > now)
        if limits.requests is not None and len(lane.requests) >= limits.requests:
            return Obstacle.REQUESTS, _opens(lane, now, len(lane.requests) - limits.requests)
        taken = sum(request.tokens for request in lane.requests)
        # A call that is larger than the limit itself goes alone, or it would never go.
        if limits.tokens is not None and lane.requests and taken + tokens > limits.tokens:
            return Obstacle.TOKENS, _opens(lane, now, 0)
        return None


def _opens(lane: _Lane, now: float, surplus: int) -> float | None:
    """Seconds until more than `surplus` of the counted requests are a minute old."""
    ends = sorted(request.until for request in lane.requests if request.until is not None)
    return ends[surplus] - now if len(ends) > surplus else None


def estimate_tokens(texts: Sequence[str], max_tokens: int | None) -> int:
    """About how many tokens a call will come to, before it is made."""
    size = sum(len(text.encode("utf-8", "replace")) for text in texts)
    return size // BYTES_PER_TOKEN + (max_tokens or ANSWER_TOKENS)
