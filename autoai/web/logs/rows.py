"""A row of the log, as one value: it is written once, for most runs are over and change no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from ...domain.snippets import Snippet
from ...queries.log_rows import LogRow
from ...queries.waiting import Wait
from ..fragments import Key
from .columns import Columns


@dataclass(frozen=True)
class Rows:
    """What the rows of one page have in common, and what else is known of their runs: by the run's id
    its wait and snippet, by the task's id its tags, by the account's id its name."""

    columns: Columns
    accounts: Mapping[int, str]
    tags: Mapping[int, tuple[str, ...]]
    waits: Mapping[int, Wait]
    snippets: Mapping[int, tuple[str, Snippet]]
    today: date
    """On the person's clocks: times of other days are written with their date."""
    within: str = ""
    """The filter, as the addresses of the runs end with it: their neighbours are those that fit."""

    def key(self, run: LogRow) -> Key:
        """All that a run's row shows."""
        account = self.accounts.get(run.account_id) if run.account_id else None
        beside = (self.tags.get(run.task_id), self.waits.get(run.id), self.snippets.get(run.id))
        return Key((run, account, *beside, self._common))

    @cached_property
    def _common(self) -> Key:
        return Key((self.today, self.within, *self.columns.shown))
