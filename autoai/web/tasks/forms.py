"""The task form. It parses types; what is valid is decided by the service, for the API alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    Form,
    PasswordField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.widgets import CheckboxInput, ListWidget, TimeInput

from ...domain.retries import RETRYABLE_STATUSES
from ...domain.schedules import ScheduleType
from ...models import Task
from ...services.tasks import task_fields

_INTERVAL = ("interval_minutes", "interval_seconds")
_NUMBERS = ("timeout_seconds", "max_attempts")
_ADVANCED = ("timeout_seconds", "max_attempts", "retry_network", "retry_statuses")


def whole_number(text: Any) -> Any:
    """An int; None for nothing; what is neither stays as it is, for the service to object to."""
    text = str(text or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    return text or None


class TaskForm(Form):
    """Fields have the API's names."""

    form_errors: list[str]

    name = StringField(_("Name"))
    system_message = TextAreaField(_("System message"))
    message_content = TextAreaField(_("Message"))
    api_endpoint = StringField(_("API endpoint"))
    model = StringField(_("Model"))
    api_key = PasswordField(_("API key"))
    schedule_type = RadioField(
        _("Schedule"),
        choices=[kind.value for kind in ScheduleType],  # their words stand in the template
        validate_choice=False,
    )
    interval_minutes = StringField(_("Minutes between runs"))
    interval_seconds = StringField(_("… or seconds"))
    fixed_time = StringField(_("Time of day"), widget=TimeInput())
    timezone = StringField(_("Time zone"))
    timeout_seconds = StringField(_("Time-out in seconds"))
    max_attempts = StringField(_("Attempts"))
    retry_network = BooleanField(_("Try again after network errors"))
    retry_statuses = SelectMultipleField(
        _("Try again after these answers"),
        choices=[str(code) for code in RETRYABLE_STATUSES],
        coerce=whole_number,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validate_choice=False,
    )
    enabled = BooleanField(_("Enabled"))

    def schedule_values(self) -> dict[str, Any]:
        """The fields of the chosen kind of schedule; those of the other kind do not count."""
        kind = self.schedule_type.data
        values: dict[str, Any] = {"schedule_type": kind, "timezone": _text(self.timezone.data)}
        if kind == ScheduleType.INTERVAL:
            values.update({name: whole_number(self[name].data) for name in _INTERVAL})
        elif kind == ScheduleType.FIXED_TIME:
            values["fixed_time"] = self.fixed_time.data
        return values

    def values(self) -> dict[str, Any]:
        """All fields as the service takes them."""
        return {
            **self.schedule_values(),
            "name": self.name.data,
            "api_endpoint": self.api_endpoint.data,
            "api_key": self.api_key.data,
            "model": self.model.data,
            "system_message": self.system_message.data,
            "message_content": _newlines(self.message_content.data),
            **{name: whole_number(self[name].data) for name in _NUMBERS},
            "retry_network": self.retry_network.data,
            "retry_statuses": self.retry_statuses.data or [],
            "enabled": self.enabled.data,
        }

    def show_errors(self, errors: Mapping[str, Sequence[str]]) -> None:
        """Put the service's messages beside their fields; what has no field goes on top."""
        for name, texts in errors.items():
            if name in self._fields:
                self[name].errors = [*self[name].errors, *texts]
            else:
                self.form_errors += list(texts)

    @property
    def advanced_open(self) -> bool:
        """Is something wrong among the fields that are folded away?"""
        return any(self[name].errors for name in _ADVANCED)


def new_form(timezone: str, timeout: int) -> TaskForm:
    """An empty form with what most tasks have."""
    return TaskForm(
        data={
            "schedule_type": ScheduleType.INTERVAL.value,
            "interval_minutes": 60,
            "fixed_time": "09:00",
            "timezone": timezone,
            "timeout_seconds": timeout,
            "max_attempts": 3,
            "retry_network": True,
            "enabled": True,
        }
    )


def edit_form(task: Task) -> TaskForm:
    """A form filled with a stored task. The key stays where it is."""
    values = task_fields(task)
    seconds = values["interval_seconds"]
    if seconds and seconds % 60 == 0:
        values.update(interval_minutes=seconds // 60, interval_seconds=None)
    return TaskForm(data=values)


def _text(value: str | None) -> str | None:
    return (value or "").strip() or None


def _newlines(value: str | None) -> str:
    """Browsers send CR LF; a message has the line ends that the person saw."""
    return (value or "").replace("\r\n", "\n")
