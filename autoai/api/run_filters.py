"""The log's filter as it stands in an address: one reading for the pages, the API and the exports.

`ask` never raises: a page shows what is wrong beside the field, the API answers 422 with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from ..domain.runs import Reason, Source, Status
from ..domain.verdicts import Verdict
from ..models import LARGEST_ID
from ..queries.run_filter import RunFilter, day_start

SEVERAL = ("status", "reason")
"""May stand there several times, or once with commas."""
NAMES = (
    *("status", "task_id", "q", "period", "from", "to", "verdict", "changed", "reason", "source"),
    *("tag", "account_id", "model", "min_duration_ms", "max_duration_ms", "min_cost", "max_cost"),
)
"""Every name that a filter may have in an address, in the order in which it is written."""
LONGEST_TEXT = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_EARLIEST, _LATEST = date(1970, 1, 2), date(9000, 1, 1)
_DURATION = re.compile(r"(\d{1,10}(?:\.\d{1,3})?) ?(ms|s|min|h)?", re.ASCII)
_MILLISECONDS = {None: 1, "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
_LONGEST_MS = 366 * 24 * 3_600_000
_COST = re.compile(r"\$?(\d{1,7}(?:\.\d{1,12})?)", re.ASCII)
_Value = TypeVar("_Value")


class Period(StrEnum):
    """Days that move along with today."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    LAST_24_HOURS = "24h"
    LAST_7_DAYS = "7d"
    LAST_30_DAYS = "30d"
    THIS_MONTH = "month"


@dataclass
class Asked:
    """Which rows, and by each field what is wrong in it; what is wrong restricts nothing."""

    wanted: RunFilter
    errors: dict[str, list[str]] = field(default_factory=dict)


def ask(
    args: MultiDict[str, str], now: datetime, zone: ZoneInfo, task_id: int | None = None
) -> Asked:
    """Read the filter in `args`. Days are those of `zone`; a `task_id` that is given wins."""
    reader = _Reader(args)
    since, until, whole_days = _times(reader, now, zone)
    least_ms, most_ms = reader.one("min_duration_ms", _ms), reader.one("max_duration_ms", _ms)
    least_cost, most_cost = reader.one("min_cost", _dollars), reader.one("max_cost", _dollars)
    if least_ms is not None and most_ms is not None and least_ms > most_ms:
        reader.object("min_duration_ms", _("This is more than the upper bound."))
    if least_cost is not None and most_cost is not None and least_cost > most_cost:
        reader.object("min_cost", _("This is more than the upper bound."))
    changed = reader.one("changed", lambda text: _one_of(text, ("true", "false")))
    wanted = RunFilter(
        task_id=task_id if task_id is not None else reader.one("task_id", _id),
        statuses=reader.several("status", tuple(Status)),
        account_id=reader.one("account_id", _id),
        verdict=reader.one("verdict", lambda text: _one_of(text, tuple(Verdict))),
        changed=None if changed is None else changed == "true",
        since=since,
        until=until,
        whole_days=whole_days,
        reasons=reader.several("reason", tuple(Reason)),
        source=reader.one("source", lambda text: _one_of(text, tuple(Source))),
        model=reader.text("model"),
        tag=reader.text("tag"),
        min_duration_ms=least_ms,
        max_duration_ms=most_ms,
        min_cost=least_cost,
        max_cost=most_cost,
        text=reader.text("q") or "",
    )
    return Asked(wanted, reader.errors)


def values_of(args: MultiDict[str, str], name: str) -> list[str]:
    """What stands in an address under a name that may have several values."""
    texts = (part.strip() for text in args.getlist(name) for part in text.split(","))
    return list(dict.fromkeys(part for part in texts if part))


def cleaned(text: str) -> str:
    """Without blanks around it and without what no column holds."""
    return _CONTROL.sub("", text).strip()


class _Reader:
    """Takes the fields out of an address and notes what is wrong."""

    def __init__(self, args: MultiDict[str, str]) -> None:
        self._args = args
        self.errors: dict[str, list[str]] = {}

    def object(self, name: str, text: str) -> None:
        self.errors.setdefault(name, []).append(text)

    def raw(self, name: str) -> str:
        return self._args.get(name, "").strip()

    def one(self, name: str, parse: Callable[[str], _Value]) -> _Value | None:
        """`parse` raises ValueError with a sentence for a reader."""
        text = self.raw(name)
        if not text:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self.object(name, str(error))
            return None

    def text(self, name: str) -> str | None:
        return self.one(name, _short) or None

    def several(self, name: str, choices: Collection[str]) -> frozenset[str]:
        found = values_of(self._args, name)
        if set(found) - set(choices):
            self.object(name, _choices(choices))
        return frozenset(found) & frozenset(choices)


def _times(
    reader: _Reader, now: datetime, zone: ZoneInfo
) -> tuple[datetime | None, datetime | None, bool]:
    """Both ends, the second exclusive, and whether they are those of whole days."""
    period = reader.one("period", lambda text: Period(_one_of(text, tuple(Period))))
    since = reader.one("from", lambda text: _instant(text, zone, end=False))
    until = reader.one("to", lambda text: _instant(text, zone, end=True))
    texts = reader.raw("from"), reader.raw("to")
    if any(texts) or period is None:
        return since, until, not any("T" in text or " " in text for text in texts)
    if period is Period.LAST_24_HOURS:
        return now - timedelta(hours=24), None, False
    today = now.astimezone(zone).date()
    first, last = _days(period, today)
    return day_start(first, zone), day_start(last + timedelta(days=1), zone), True


def _days(period: Period, today: date) -> tuple[date, date]:
    match period:
        case Period.YESTERDAY:
            yesterday = today - timedelta(days=1)
            return yesterday, yesterday
        case Period.LAST_7_DAYS:
            return today - timedelta(days=6), today
        case Period.LAST_30_DAYS:
            return today - timedelta(days=29), today
        case Period.THIS_MONTH:
            return today.replace(day=1), today
        case _:
            return today, today


def _instant(text: str, zone: ZoneInfo, end: bool) -> datetime:
    """A day counts whole on the clocks of `zone`, an instant to the microsecond, both inclusive."""
    try:
        if len(text) == len("2026-01-31"):
            day = date.fromisoformat(text)
            if not _EARLIEST <= day <= _LATEST:
                raise ValueError
            return day_start(day + timedelta(days=1 if end else 0), zone)
        # "+" of an offset arrives as a blank when it was not escaped.
        found = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        found = found if found.tzinfo else found.replace(tzinfo=zone)
        found = found.astimezone(UTC) + timedelta(microseconds=1 if end else 0)
        if not _EARLIEST <= found.date() <= _LATEST:
            raise ValueError
        return found
    except (ValueError, OverflowError):
        example = "2026-01-31, 2026-01-31T09:00:00Z"
        raise ValueError(_("A date or a time such as %(example)s.", example=example)) from None


def _one_of(text: str, choices: Collection[str]) -> str:
    if text not in set(choices):
        raise ValueError(_choices(choices))
    return text


def _choices(choices: Iterable[str]) -> str:
    return _("Choose one of: %(choices)s.", choices=", ".join(choices))


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) <= LARGEST_ID):
        raise ValueError(_("A whole number from %(least)s to %(most)s.", least=1, most=LARGEST_ID))
    return int(text)


def _short(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ValueError(_("At most %(count)s characters.", count=LONGEST_TEXT))
    return cleaned(text)


def _ms(text: str) -> int:
    found = _DURATION.fullmatch(text)
    value = float(found[1]) * _MILLISECONDS[found[2]] if found else _LONGEST_MS + 1.0
    if value > _LONGEST_MS:
        raise ValueError(_("Milliseconds, or a length of time such as 10 s, 2 min or 1 h."))
    return round(value)


def _dollars(text: str) -> Decimal:
    found = _COST.fullmatch(text)
    if not found:
        raise ValueError(_("An amount in dollars such as 0.01."))
    return Decimal(found[1])
