"""The log's filter as a page shows it: what was typed, what is wrong in it, what can be taken off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from ...api.run_filters import NAMES, SEVERAL, ask, cleaned, values_of
from ...domain.runs import Reason, Status
from ...queries.log_choices import tasks_like
from ...queries.run_filter import RunFilter

IN_SIGHT = ("status", "task_id", "q", "period")
"""The others lie in the fold."""
_KNOWN = {"status": tuple(Status), "reason": tuple(Reason)}
_CHOICES = 5


@dataclass
class LogFilter:
    """What was asked for. `texts` and `lists` are as they were typed, so that the form shows them
    again; what is wrong in them stands in `errors` and restricts nothing."""

    wanted: RunFilter
    texts: dict[str, str]
    lists: dict[str, list[str]]
    errors: dict[str, list[str]]
    of_one_task: bool
    task_text: str = ""
    """The task as a name was typed, where there are too many to choose from a list."""
    view_id: int | None = None

    @classmethod
    def read(
        cls, args: MultiDict[str, str], now: datetime, zone: ZoneInfo, task_id: int | None
    ) -> LogFilter:
        """From the query string. `task_id` is given by the address of a task's own log."""
        args = MultiDict(args)
        task_text = cleaned(args.get("task", ""))[:200]
        task_error = ""
        if task_text and task_id is None and not args.get("task_id"):
            found, task_error = _task_named(task_text)
            if found is not None:
                args["task_id"], task_text = str(found), ""
        asked = ask(args, now, zone, task_id)
        if task_error:
            asked.errors["task_id"] = [task_error]
        wanted = asked.wanted
        typed = args.get("from"), args.get("to")
        if wanted.since and wanted.until and wanted.since >= wanted.until and any(typed):
            asked.errors.setdefault("from", []).append(_("The first day comes after the last one."))
        skipped = {"task_id"} if task_id is not None else set()
        names = [name for name in NAMES if name not in skipped]
        view = cleaned(args.get("view", ""))
        chosen = cls(
            wanted=wanted,
            texts={name: cleaned(args.get(name, "")) for name in names if name not in SEVERAL},
            lists={name: _in_order(name, values_of(args, name)) for name in SEVERAL},
            errors=asked.errors,
            of_one_task=task_id is not None,
            task_text=task_text,
            view_id=int(view) if view.isascii() and view.isdigit() and len(view) < 18 else None,
        )
        if chosen.texts["from"] or chosen.texts["to"]:
            chosen.texts["period"] = ""  # typed days go before a period
        return chosen

    def text(self, name: str) -> str:
        """As it was typed; empty for nothing."""
        return self.texts.get(name, "")

    @property
    def statuses(self) -> list[str]:
        return self.lists["status"]

    @property
    def reasons(self) -> list[str]:
        return self.lists["reason"]

    @property
    def active(self) -> bool:
        """Is anything left out?"""
        return bool(self.query())

    @property
    def folded(self) -> int:
        """How many fields are set in the fold."""
        return len({name for name, _value in self.query() if name not in IN_SIGHT})

    @property
    def fold_wrong(self) -> bool:
        """Is something wrong in the fold?"""
        return any(name not in IN_SIGHT for name in self.errors)

    def query(self, leave_out: tuple[str, str] | None = None) -> list[tuple[str, str]]:
        """The filter as it goes into an address, without one of its parts, or what is wrong."""
        pairs: list[tuple[str, str]] = []
        for name in NAMES:
            if name in SEVERAL:
                pairs += [(name, value) for value in self.lists[name]]
            elif self.text(name) and name not in self.errors:
                pairs.append((name, self.text(name)))
        return [pair for pair in pairs if pair != leave_out]


def _in_order(name: str, values: list[str]) -> list[str]:
    return [value for value in _KNOWN[name] if value in values]


def _task_named(text: str) -> tuple[int | None, str]:
    """The id of the one task that is meant, or a sentence that says why that is none."""
    number = text.removeprefix("#").partition(" ")[0]
    if text.startswith("#") and number.isascii() and number.isdigit() and len(number) < 18:
        return int(number), ""
    found = tasks_like(text, _CHOICES)
    same = [task_id for task_id, name in found if name.casefold() == text.casefold()]
    if len(same) == 1 or len(found) == 1:
        return (same or [found[0][0]])[0], ""
    if not found:
        return None, _("There is no task of this name.")
    return None, _("Several tasks have this name: choose one from the list.")
