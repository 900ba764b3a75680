"""Answers while they grow: what the page of a run under way shows. In memory of the process that
executes; what is final goes into the ledger."""

from __future__ import annotations

import threading


class LiveAnswers:
    """Run id → the pieces that have arrived. Any thread may write or read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pieces: dict[int, list[str]] = {}
        self._sizes: dict[int, int] = {}

    def begin(self, run_id: int) -> None:
        """A new attempt: what an earlier one brought is no part of the answer."""
        with self._lock:
            self._pieces[run_id] = []
            self._sizes[run_id] = 0

    def add(self, run_id: int, text: str) -> None:
        """Another piece has arrived."""
        with self._lock:
            if run_id in self._pieces:
                self._pieces[run_id].append(text)
                self._sizes[run_id] += len(text)

    def text(self, run_id: int) -> str:
        """What has arrived so far; empty for a run that is not under way here."""
        with self._lock:
            pieces = self._pieces.get(run_id)
            if not pieces:
                return ""
            pieces[:] = ["".join(pieces)]
            return pieces[0]

    def size(self, run_id: int) -> int:
        """How many characters have arrived so far; 0 for a run that is not under way here."""
        with self._lock:
            return self._sizes.get(run_id, 0)

    def end(self, run_id: int) -> str:
        """The run is in the ledger; what its last attempt had brought."""
        with self._lock:
            self._sizes.pop(run_id, None)
            return "".join(self._pieces.pop(run_id, []))
