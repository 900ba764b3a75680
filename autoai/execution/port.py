"""What does the work of claimed runs, whether threads of this process or workers elsewhere."""

from __future__ import annotations

from typing import Protocol

from ..domain.runs import Reason
from ..services.run_orders import RunOrder


class Executor(Protocol):
    """Takes claimed runs and sees to it that each is recorded."""

    def free_slots(self) -> int:
        """How many more runs may be claimed for it now."""
        ...

    def prepare(self, runs: int) -> None:
        """So many runs are about to come: make ready what can be made ready without them."""
        ...

    def submit(self, order: RunOrder) -> None:
        """Begin a claimed run; does not wait for it."""
        ...

    def cancel(self, run_id: int, reason: Reason) -> bool:
        """End a run that is under way; False where it is not here."""
        ...

    def drain(self, seconds: float) -> bool:
        """Let runs under way finish for `seconds`, then end them; did all end by themselves?"""
        ...
