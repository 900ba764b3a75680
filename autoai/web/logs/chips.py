"""What a filter says, one part at a time: each can be taken off by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from flask_babel import gettext as _

from ...queries.log_choices import account_names, task_name
from .. import formats
from ..words import SOURCES, status_word
from .filters import LogFilter
from .words import PERIODS, short_reason


@dataclass(frozen=True)
class Chip:
    """One part of the filter, in words, and the filter's part of an address without it."""

    name: str
    words: str
    without: Sequence[tuple[str, str]]


def chips_of(chosen: LogFilter) -> list[Chip]:
    """In the order of the address."""
    return [
        Chip(name, _words(chosen, name, value), chosen.query(leave_out=(name, value)))
        for name, value in chosen.query()
    ]


def _words(chosen: LogFilter, name: str, value: str) -> str:
    match name:
        case "status":
            return str(status_word(value))
        case "reason":
            return str(short_reason(value))
        case "period":
            return str(PERIODS.get(value, value))
        case "q":
            return _("“%(text)s”", text=value)
        case "task_id":
            called = task_name(chosen.wanted.task_id)
            return called or _("Task %(id)s (deleted)", id=value)
        case "account_id":
            account = chosen.wanted.account_id or 0
            called = account_names([account]).get(account)
            return called or _("Account %(id)s (deleted)", id=value)
    return _of_a_field(chosen, name, value)


def _of_a_field(chosen: LogFilter, name: str, value: str) -> str:
    wanted = chosen.wanted
    match name:
        case "verdict":
            return _("Answer: %(value)s", value=_("good") if value == "ok" else _("degraded"))
        case "changed":
            return _("Answer: %(value)s", value=_("changed") if wanted.changed else _("the same"))
        case "source":
            return str(SOURCES.get(value, value))
        case "tag":
            return _("Tag: %(value)s", value=value)
        case "model":
            return _("Model: %(value)s", value=value)
        case "from":
            return _("From %(time)s", time=_time(value))
        case "to":
            return _("To %(time)s", time=_time(value))
        case "min_duration_ms":
            return _("Took at least %(value)s", value=_took(wanted.min_duration_ms))
        case "max_duration_ms":
            return _("Took at most %(value)s", value=_took(wanted.max_duration_ms))
        case "min_cost":
            return _("Cost at least %(value)s", value=_dollars(wanted.min_cost))
        case _:
            return _("Cost at most %(value)s", value=_dollars(wanted.max_cost))


def _time(text: str) -> str:
    """As it was typed: an instant may have its own distance from UTC."""
    if len(text) == len("2026-01-31"):
        return formats.day_of_year(date.fromisoformat(text))
    found = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    return formats.moment_full(found) if found.tzinfo else text


def _took(milliseconds: int | None) -> str:
    return formats.duration(milliseconds or 0)


def _dollars(value: Decimal | None) -> str:
    return formats.money(value or Decimal(0))
