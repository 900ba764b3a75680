"""The form's fields that say when. They have the API's names."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _
from wtforms import FieldList, Form, FormField, RadioField, SelectMultipleField, StringField
from wtforms.widgets import CheckboxInput, DateTimeLocalInput, ListWidget, TimeInput

from ...domain.schedules import WEEKDAYS, ScheduleType
from ...models import Task
from ..forms import ServiceForm, whole_number

SCHEDULE_FIELDS = (
    "schedule_type",
    "interval_minutes",
    "interval_seconds",
    "fixed_time",
    "weekdays",
    "cron",
    "once_at",
    "timezone",
    "starts_at",
    "ends_at",
    "jitter_seconds",
    "blackouts",
)
MORE_WHEN = ("starts_at", "ends_at", "jitter_seconds", "blackouts")
_INSTANTS = ("once_at", "starts_at", "ends_at")
_EMPTY_ROWS = 2
"""So that windows can be added without JavaScript."""
_BETWEEN = re.compile(r"[\s,;，、；]+")
_SHORT_HOUR = re.compile(r"\d:\d\d", re.ASCII)


def local_text(instant: datetime | None, zone: ZoneInfo) -> str:
    """As a field for date and time takes it, on the clocks of `zone`."""
    if instant is None:
        return ""
    here = instant.astimezone(zone)
    return f"{here:%Y-%m-%dT%H:%M:%S}" if here.second else f"{here:%Y-%m-%dT%H:%M}"


class BlackoutForm(Form):
    """One window. `from` is set below: it is no name that Python lets a class body use."""

    to = StringField(_("To"), widget=TimeInput())
    weekdays = StringField(_("Days"))

    def row(self) -> dict[str, Any]:
        """The window as the API takes it; empty where nothing was entered."""
        begin, end = self["from"].data or "", self.to.data or ""
        days = (self.weekdays.data or "").split(",")
        row: dict[str, Any] = {"from": begin, "to": end} if begin or end else {}
        return {**row, "weekdays": days} if row and days != [""] else row


setattr(BlackoutForm, "from", StringField(_("From"), widget=TimeInput()))


class ScheduleFields(ServiceForm):
    """When. What is valid is decided by the service."""

    schedule_type = RadioField(
        _("Schedule"),
        choices=[kind.value for kind in ScheduleType],  # their words stand in the template
        validate_choice=False,
    )
    interval_minutes = StringField(_("Minutes between runs"))
    interval_seconds = StringField(_("… or seconds"))
    fixed_time = StringField(_("Times of day"))
    weekdays = SelectMultipleField(
        _("Days of the week"),
        choices=list(WEEKDAYS),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validate_choice=False,
    )
    cron = StringField(_("Cron expression"))
    once_at = StringField(_("Day and time"), widget=DateTimeLocalInput())
    timezone = StringField(_("Time zone"))
    starts_at = StringField(_("Not before"), widget=DateTimeLocalInput())
    ends_at = StringField(_("Not after"), widget=DateTimeLocalInput())
    jitter_seconds = StringField(_("Spread over seconds"))
    blackouts = FieldList(FormField(BlackoutForm), _("Never between"))

    def offer_windows(self) -> None:
        """Room for more windows."""
        self.offer_rows("blackouts", _EMPTY_ROWS)

    def schedule_values(self, task: Task | None = None) -> dict[str, Any]:
        """The fields of the chosen kind of schedule; those of the other kinds do not count.

        `task` is the one being edited: an instant that was left as it was shown stays the same to
        the microsecond, also in an hour that the clocks show twice.
        """
        kind = self.schedule_type.data
        values: dict[str, Any] = {
            "schedule_type": kind,
            "timezone": (self.timezone.data or "").strip() or None,
            "starts_at": self._instant("starts_at", task),
            "ends_at": self._instant("ends_at", task),
            "jitter_seconds": whole_number(self.jitter_seconds.data),
            "blackouts": [row for entry in self.blackouts if (row := entry.form.row())],
        }
        if kind == ScheduleType.INTERVAL:
            for name in ("interval_minutes", "interval_seconds"):
                values[name] = whole_number(self[name].data)
        elif kind == ScheduleType.FIXED_TIME:
            values["fixed_time"] = _times(self.fixed_time.data)
            values["weekdays"] = self.weekdays.data or []
        elif kind == ScheduleType.CRON:
            values["cron"] = self.cron.data
        elif kind == ScheduleType.ONCE:
            values["once_at"] = self._instant("once_at", task)
        return values

    def is_typed(self, name: str) -> bool:
        """Does a field hold something that can be judged? An empty one is not finished yet."""
        if name == "blackouts":
            rows = [row for entry in self.blackouts if (row := entry.form.row())]
            return all(row["from"] and row["to"] for row in rows)
        return name in self._fields and bool(self[name].data)

    def _instant(self, name: str, task: Task | None) -> str | datetime | None:
        text = (self[name].data or "").strip()
        if task is not None and text and self.timezone.data == task.timezone:
            stored: datetime | None = getattr(task, name)
            if local_text(stored, task.zone) == text:
                return stored
        return text or None


def shown_schedule(values: dict[str, Any], task: Task) -> dict[str, Any]:
    """`values` (a stored task's fields) as the form shows them."""
    seconds, times = values["interval_seconds"], values["fixed_time"]
    whole = bool(seconds) and seconds % 60 == 0
    return {
        **values,
        "interval_minutes": seconds // 60 if whole else None,
        "interval_seconds": None if whole else seconds,
        "fixed_time": ", ".join(times) if isinstance(times, list) else times,
        "jitter_seconds": values["jitter_seconds"] or None,
        "blackouts": [
            {**row, "weekdays": ",".join(row.get("weekdays") or ())}
            for row in values["blackouts"] or ()
        ],
        **{name: local_text(getattr(task, name), task.zone) for name in _INSTANTS},
    }


def _times(text: str | None) -> list[str] | None:
    """ "9:00, 17:30" → its times; an hour may come without its zero."""
    parts = [part for part in _BETWEEN.split((text or "").replace("：", ":")) if part]
    return [f"0{part}" if _SHORT_HOUR.fullmatch(part) else part for part in parts] or None
