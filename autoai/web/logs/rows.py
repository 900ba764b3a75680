"""A row of the log, as one value: it is written once, for most runs are over and change no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from operator import attrgetter

from ...domain.snippets import Snippet
from ...models import Run
from ...queries.waiting import Wait
from ..fragments import Key
from .columns import Columns

SHOWN = (
    "id",
    "task_id",
    "status",
    "verdict",
    "changed",
    "due_at",
    "started_at",
    "finished_at",
    "input_tokens",
    "output_tokens",
    "cost",
    "model",
    "account_id",
    "attempts",
    "reason",
    "source",
    "occurrences",
    "missed_from",
    "missed_to",
    "response_summary",
    "error_summary",
    "task.name",
)
"""What `templates/logs/_row.html` reads of a run."""
_shown = attrgetter(*SHOWN)


@dataclass(frozen=True)
class Rows:
    """What the rows of one page have in common."""

    columns: Columns
    accounts: Mapping[int, str]
    waits: Mapping[int, Wait]
    snippets: Mapping[int, tuple[str, Snippet]]
    today: date
    """On the person's clocks: times of other days are written with their date."""
    within: str = ""
    """The filter, as the addresses of the runs end with it: their neighbours are those that fit."""

    def key(self, run: Run) -> Key:
        """All that a run's row shows."""
        tags = tuple(run.task.tags) if "tags" in self.columns.names else ()
        account = self.accounts.get(run.account_id) if run.account_id else None
        beside = (self.waits.get(run.id), self.snippets.get(run.id))
        common = (self.today, self.within, *self.columns.shown)
        return Key((*_shown(run), tags, account, *beside, *common))
