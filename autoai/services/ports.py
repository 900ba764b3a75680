"""What services need from the rings above them, as protocols. `create_app` puts the real ones in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from typing import Protocol
from zoneinfo import ZoneInfo

from ..domain.limits import Limiter
from ..security.encryption import Keyring
from ..security.redaction import Redactor
from .live import LiveAnswers


class Clock(Protocol):
    """Time, injected, so that no test waits for it."""

    def now(self) -> datetime:
        """This instant, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow, whatever happens to the wall clock."""
        ...

    def wait(self, event: Event, seconds: float) -> bool:
        """Sleep until `event` is set or `seconds` have passed; was it set?"""
        ...


@dataclass
class Ports:
    """Handed to every service that needs one of these."""

    clock: Clock
    keyring: Keyring
    redactor: Redactor
    default_timezone: str
    default_timeout: int
    max_per_endpoint: int = 0
    """How many runs may be under way at one endpoint's host; 0: as many as there are slots."""
    live: LiveAnswers = field(default_factory=LiveAnswers)
    """Answers of this process's runs, while they grow."""
    wake: Callable[[], None] = field(default=lambda: None)
    """Tell the scheduler of this process, if it has one, that something changed."""
    cancel: Callable[[int], None] = field(default=lambda run_id: None)
    """End the call of a run that is under way in this process."""

    def __post_init__(self) -> None:
        self.limits = Limiter(self.clock.monotonic)
        """Permits for the calls that this process makes."""

    def growing_text(self, run_id: int) -> str:
        """What has arrived of the answer of a run that is under way here; no secret is in it."""
        return self.redactor.clean(self.live.text(run_id))

    @property
    def zone(self) -> ZoneInfo:
        """The instance's zone: what "today" means."""
        return ZoneInfo(self.default_timezone)
