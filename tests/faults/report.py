"""One table for all faults: printed at the end, and in the long form kept in docs/faults.md."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from .ledger import Tally

_COLUMNS = {
    "due": "due",
    "rows": "rows",
    "launches": "launches",
    "uncovered": "due without row",
    "double_rows": "double rows",
    "not_due": "rows not due",
    "double_launches": "double launches",
    "unclaimed": "launches without claim",
    "success_without_answer": "success without answer",
    "answer_without_success": "answer without success",
    "unfinished": "unfinished after boot",
}
_BEGIN, _END = "<!-- tally -->", "<!-- end of tally -->"


@dataclass(frozen=True)
class Line:
    """One fault."""

    fault: str
    times: int
    tally: Tally
    recovery: str

    def cells(self) -> list[str]:
        counts = [getattr(self.tally, column) for column in _COLUMNS]
        return [self.fault, str(self.times), *(f"{n:,}" for n in counts), self.recovery]


class Report:
    """What the tests of this run found, in their order."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        describe = ["git", "describe", "--always", "--dirty", "--exclude=*"]
        done = subprocess.run(describe, cwd=Path(__file__).parent, capture_output=True, text=True)
        self.commit = done.stdout.strip() or "unknown"
        """At the beginning: others go on committing meanwhile."""

    def add(self, fault: str, times: int, tally: Tally, recovery: str) -> None:
        """Note the line, and only then judge it: a table with a fault in it is worth reading."""
        self.lines.append(Line(fault, times, tally, recovery))
        print(tally.table(f"{fault}, {times} times"), f"\n  {recovery}")
        tally.assert_right()

    def table(self) -> str:
        """Markdown."""
        heads = ["fault", "times", *_COLUMNS.values(), "and then"]
        rows = [heads, ["---"] + ["--:"] * (len(heads) - 2) + ["---"]]
        rows += [line.cells() for line in self.lines]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)


REPORT = pytest.StashKey[Report]()


def keep(report: Report, path: Path, failed: int) -> None:
    """Put the table between the marks in `path`, with what a reader must know about it."""
    facts = [
        f"Run on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"commit {report.commit}",
        f"{os.cpu_count()} cores",
        f"{len(report.lines)} faults",
        "all tests passed" if not failed else f"**{failed} tests failed**",
    ]
    head, _, rest = path.read_text().partition(_BEGIN)
    tail = rest.partition(_END)[2]
    path.write_text(f"{head}{_BEGIN}\n{', '.join(facts)}.\n\n{report.table()}\n{_END}{tail}")
