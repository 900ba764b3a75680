"""Stand-ins for what lies outside AutoAI: time, and the other side of a provider."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import cast

from autoai.providers.base import Completion, Connection, OnText, Provider, Request
from autoai.providers.registry import PROVIDERS
from autoai.providers.transport import Call

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday noon, far from any change of the clocks."""


class FakeClock:
    """A clock that stands still until it is told to move; see `services.ports.Clock`.

    A wait takes no time for the test, all of it for this clock, and is noted in `waits`.
    """

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._monotonic = 1_000.0
        self._lock = threading.Lock()
        self.waits: list[float] = []
        """Seconds of each wait, in the order in which they were asked for."""

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        with self._lock:
            return self._monotonic

    def wait(self, event: Event, seconds: float) -> bool:
        self.waits.append(seconds)
        if event.is_set():
            return True
        self.step(seconds)
        return False

    def step(self, seconds: float = 0, **more: float) -> datetime:
        """Time passes: `step(90)`, `step(hours=2)`. Answers the new now."""
        distance = timedelta(seconds=seconds, **more)
        with self._lock:
            self._now += distance
            self._monotonic += max(0.0, distance.total_seconds())
            return self._now

    def set(self, now: datetime) -> None:
        """The wall clock is set, forwards or backwards; the monotonic one does not notice."""
        with self._lock:
            self._now = now


def completion(text: str = "Good day.", **more: object) -> Completion:
    """An answer as an adapter makes it."""
    values = {"model": "m-1", "finish_reason": "stop", "http_status": 200, **more}
    return Completion(text=text, **values)  # type: ignore[arg-type]


Turn = Completion | BaseException | Callable[[Request, Call], Completion]


class ScriptedProvider:
    """Plays one turn for each call: answers a completion, raises an error, or calls a function.

    The last turn is played for ever.
    """

    def __init__(self, *turns: Turn) -> None:
        self._turns: list[Turn] = list(turns) or [completion()]
        self._lock = threading.Lock()
        self.requests: list[Request] = []

    def models(self, connection: Connection, call: Call) -> list[str]:
        return ["m-1"]

    def complete(self, request: Request, call: Call, on_text: OnText) -> Completion:
        with self._lock:
            self.requests.append(request)
            turn = self._turns.pop(0) if len(self._turns) > 1 else self._turns[0]
        if isinstance(turn, BaseException):
            raise turn
        return turn if isinstance(turn, Completion) else turn(request, call)


def only(provider: object) -> dict[str, Provider]:
    """`provider` in the place of every family."""
    return dict.fromkeys(PROVIDERS, cast(Provider, provider))


class RecordingExecutor:
    """Takes orders and does nothing with them; see `execution.port.Executor`."""

    def __init__(self, slots: int = 100) -> None:
        self.slots = slots
        self.orders: list[object] = []
        self.prepared = 0

    def free_slots(self) -> int:
        return self.slots

    def prepare(self, runs: int) -> None:
        self.prepared = runs

    def submit(self, order: object) -> None:
        self.orders.append(order)

    def cancel(self, run_id: int, reason: object) -> bool:
        return False

    def drain(self, seconds: float) -> bool:
        return True


def instants(start: datetime, step: timedelta, count: int) -> Iterable[datetime]:
    """`count` instants, `step` apart, the first one step after `start`."""
    return (start + step * number for number in range(1, count + 1))
