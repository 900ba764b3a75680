"""The log's filter as it stands in the address: status (several), from, to, task_id, account_id,
verdict, changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from ...domain.runs import Status
from ...domain.verdicts import Verdict
from ...queries.run_filter import RunFilter
from ..urls import id_of

_CHANGED = ("true", "false")
_EARLIEST, _LATEST = date(1970, 1, 2), date(9000, 1, 1)


@dataclass
class LogFilter:
    """What was asked for, kept as it was typed so that the form shows it again."""

    statuses: list[str]
    task_id: int | None
    from_text: str
    to_text: str
    account_id: int | None = None
    verdict: str = ""
    changed: str = ""
    """true or false, as it stands in the address."""
    first: date | None = None
    last: date | None = None
    errors: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, args: MultiDict[str, str], task_id: int | None) -> LogFilter:
        """From the query string. `task_id` is given by the address of a task's own log."""
        found = cls(
            statuses=_known(part for text in args.getlist("status") for part in text.split(",")),
            task_id=task_id if task_id is not None else id_of(args.get("task_id", "")),
            from_text=args.get("from", "").strip(),
            to_text=args.get("to", "").strip(),
            account_id=id_of(args.get("account_id", "")),
            verdict=_one_of(Verdict, args.get("verdict", "")),
            changed=_one_of(_CHANGED, args.get("changed", "")),
        )
        found.first = found._day(found.from_text)
        found.last = found._day(found.to_text)
        if found.first and found.last and found.first > found.last:
            found.errors.append(_("The first day comes after the last one."))
        return found

    def _day(self, text: str) -> date | None:
        if not text:
            return None
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
        if day is None or not _EARLIEST <= day <= _LATEST:
            self.errors.append(_("Enter days as YYYY-MM-DD, such as 2026-01-31."))
            return None
        return day

    def active(self, fixed_task: bool) -> bool:
        """Is anything left out? On a task's own log, the task is not part of the filter."""
        by_task = self.task_id is not None and not fixed_task
        others = (self.account_id, self.verdict, self.changed, self.from_text, self.to_text)
        return bool(self.statuses or by_task or any(others))

    def query(self, fixed_task: bool) -> list[tuple[str, str]]:
        """The filter as it goes into an address."""
        pairs = [("status", status) for status in self.statuses]
        if self.task_id is not None and not fixed_task:
            pairs.append(("task_id", str(self.task_id)))
        pairs += [("account_id", str(self.account_id))] if self.account_id else []
        pairs += [("verdict", self.verdict)] if self.verdict else []
        pairs += [("changed", self.changed)] if self.changed else []
        pairs += [("from", self.from_text)] if self.from_text else []
        pairs += [("to", self.to_text)] if self.to_text else []
        return pairs

    def rows(self, zone: ZoneInfo) -> RunFilter:
        """For the database: days count whole, on the clocks of `zone`."""
        wanted = RunFilter(
            task_id=self.task_id,
            account_id=self.account_id,
            statuses=frozenset(self.statuses),
            verdict=self.verdict or None,
            changed=self.changed == "true" if self.changed else None,
        )
        return wanted.on_days(self.first, self.last, zone)


def _one_of(names: Iterable[str], text: str) -> str:
    return text if text in list(names) else ""


def _known(names: Iterable[str]) -> list[str]:
    wanted = set(names)
    return [status.value for status in Status if status.value in wanted]
