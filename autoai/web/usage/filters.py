"""The usage page's choice as it stands in the address: days or a period, by what, and which bars."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from ...queries.usage import Days, GroupBy, day_of

PERIODS = {
    "today": _("Today"),
    "week": _("7 days"),
    "days30": _("30 days"),
    "month": _("This month"),
    "last_month": _("Last month"),
}
TABLES = {
    GroupBy.TASK.value: _("By task"),
    GroupBy.ACCOUNT.value: _("By account"),
    GroupBy.MODEL.value: _("By model"),
}
BARS = {"cost": _("Cost"), "tokens": _("Tokens")}
DEFAULT = "days30"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class UsageChoice:
    """What was asked for. Days that a person typed go before a period."""

    period: str
    from_text: str
    to_text: str
    by: GroupBy
    bars: str
    days: Days
    errors: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, args: MultiDict[str, str], today: date) -> UsageChoice:
        """From the query string; what means nothing is left out. `today` is the instance's."""
        period, by, bars = args.get("period", ""), args.get("by", ""), args.get("bars", "")
        chosen = cls(
            period=period if period in PERIODS else DEFAULT,
            from_text=args.get("from", "").strip(),
            to_text=args.get("to", "").strip(),
            by=GroupBy(by) if by in TABLES else GroupBy.TASK,
            bars=bars if bars in BARS else "cost",
            days=_last(today, 30),
        )
        if not (chosen.from_text or chosen.to_text):
            return replace(chosen, days=_period(chosen.period, today))
        days, error = _typed(chosen.from_text, chosen.to_text, today)
        errors = [error] if error else []
        return replace(chosen, period="", days=days or chosen.days, errors=errors)

    def url(self, path: str = "/usage", **changes: str) -> str:
        """The address of this choice with `changes`; a period and typed days replace each other."""
        values = {"period": self.period, "from": self.from_text, "to": self.to_text}
        if "period" in changes:
            values |= {"from": "", "to": ""}
        elif "from" in changes:
            values["period"] = ""
        values |= {"by": self.by.value, "bars": self.bars, **changes}
        plain = {"period": DEFAULT, "by": GroupBy.TASK.value, "bars": "cost"}
        pairs = [(name, text) for name, text in values.items() if text != plain.get(name, "")]
        return f"{path}?{urlencode([(n, t) for n, t in pairs if t])}".rstrip("?")

    @property
    def csv_url(self) -> str:
        """The file of the days that are shown."""
        days = {"from": self.days.first.isoformat(), "to": self.days.last.isoformat()}
        return f"/usage.csv?{urlencode(days)}"


def _typed(first_text: str, last_text: str, today: date) -> tuple[Days | None, str]:
    try:
        first = day_of(first_text) if first_text else None
        last = day_of(last_text) if last_text else None
    except ValueError:
        return None, gettext("Enter days as YYYY-MM-DD, such as 2026-01-31.")
    if first is None:
        return (_last(last, 30), "") if last else (None, "")
    if last is None:
        last = max(today, first)
    if first > last:
        return None, gettext("The first day comes after the last one.")
    days = Days(first, last)
    return (None, gettext("Choose ten years at the most.")) if days.too_many else (days, "")


def _period(name: str, today: date) -> Days:
    month = today.replace(day=1)
    match name:
        case "today":
            return Days(today, today)
        case "week":
            return _last(today, 7)
        case "month":
            return Days(month, today)
        case "last_month":
            return Days((month - _DAY).replace(day=1), month - _DAY)
        case _:
            return _last(today, 30)


def _last(day: date, count: int) -> Days:
    """So many days up to `day`."""
    return Days(day - min((count - 1) * _DAY, day - date.min), day)
