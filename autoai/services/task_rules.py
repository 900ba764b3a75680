"""What makes a task valid. Decided here once, for the form, the API and the import alike.

Input is a mapping of field names to parsed values; the answer has the columns of `Task`. Messages
are in the reader's language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext as _

from ..domain.errors import Invalid
from ..domain.retries import RETRYABLE_STATUSES
from ..domain.schedules import FIXED_TIME, MAX_INTERVAL_SECONDS, ScheduleType, time_zones

NAME_LENGTH = 200
ENDPOINT_LENGTH = 2_000
KEY_LENGTH = 1_000
MODEL_LENGTH = 200
TEXT_LENGTH = 100_000
MAX_TIMEOUT = 3_600
MAX_ATTEMPTS = 10

INTERVAL_UNITS = {"interval_seconds": 1, "interval_minutes": 60, "interval_hours": 3_600}
SCHEDULE_FIELDS = frozenset({"schedule_type", "fixed_time", "timezone", *INTERVAL_UNITS})

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class _Checker:
    """Collects complaints while it hands out clean values."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self.errors: dict[str, list[str]] = {}

    def complain(self, field: str, message: str) -> None:
        self.errors.setdefault(field, []).append(message)

    def text(self, field: str, longest: int, required: bool = True) -> str:
        value = self.values.get(field)
        text = "" if value is None else str(value)
        if required and not text.strip():
            self.complain(field, _("This field is needed."))
        elif len(text) > longest:
            self.complain(field, _("At most %(count)s characters.", count=longest))
        elif _UNSTORABLE.search(text):
            self.complain(field, _("This text holds characters that cannot be stored."))
        return text

    def line(self, field: str, longest: int) -> str:
        text = self.text(field, longest).strip()
        if field not in self.errors and _CONTROL.search(text):
            self.complain(field, _("Use one line without control characters."))
        return text

    def number(self, field: str, least: int, most: int, default: int) -> int:
        value = self.values.get(field)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.complain(
                field,
                _("A whole number from %(least)s to %(most)s.", least=least, most=most),
            )
            return default
        return value

    def flag(self, field: str, default: bool) -> bool:
        value = self.values.get(field)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.complain(field, _("Either true or false."))
        return bool(value)

    def done(self) -> None:
        if self.errors:
            raise Invalid(self.errors)


def check_task(
    values: Mapping[str, Any], default_timezone: str, default_timeout: int
) -> dict[str, Any]:
    """A whole task's fields → its columns (without the key). Raises `Invalid` with all errors."""
    check = _Checker(values)
    columns: dict[str, Any] = {
        "name": check.line("name", NAME_LENGTH),
        "api_endpoint": check.line("api_endpoint", ENDPOINT_LENGTH),
        "model": check.line("model", MODEL_LENGTH),
        "system_message": check.text("system_message", TEXT_LENGTH, required=False) or None,
        "message_content": check.text("message_content", TEXT_LENGTH),
        "timeout_seconds": check.number("timeout_seconds", 1, MAX_TIMEOUT, default_timeout),
        "max_attempts": check.number("max_attempts", 1, MAX_ATTEMPTS, 3),
        "retry_network": check.flag("retry_network", True),
        "retry_statuses": _statuses(check),
        "enabled": check.flag("enabled", True),
    }
    if "api_endpoint" not in check.errors:
        _check_endpoint(check, columns["api_endpoint"])
    columns.update(_collect(check, lambda: check_schedule(values, default_timezone)) or {})
    check.done()
    return columns


def check_schedule(values: Mapping[str, Any], default_timezone: str) -> dict[str, Any]:
    """The schedule's fields alone: what the form's preview needs while the rest is still empty."""
    check = _Checker(values)
    columns: dict[str, Any] = {
        "schedule_type": values.get("schedule_type"),
        "interval_seconds": None,
        "fixed_time": None,
        "timezone": values.get("timezone") or default_timezone,
    }
    if not isinstance(columns["timezone"], str) or columns["timezone"] not in time_zones():
        check.complain("timezone", _("Not a known time zone. Try one such as Europe/Berlin."))
    if columns["schedule_type"] == ScheduleType.INTERVAL:
        columns["interval_seconds"] = _interval(check)
    elif columns["schedule_type"] == ScheduleType.FIXED_TIME:
        columns["fixed_time"] = _fixed_time(check)
    else:
        check.complain(
            "schedule_type",
            _("Choose one of: %(choices)s.", choices=", ".join(ScheduleType)),
        )
    check.done()
    return columns


def check_key(key: str) -> str:
    """A key as it was entered → stripped, and fit for an HTTP header. Raises `Invalid`."""
    key = key.strip()
    check = _Checker({"api_key": key})
    if len(key) > KEY_LENGTH:
        check.complain("api_key", _("At most %(count)s characters.", count=KEY_LENGTH))
    elif not key.isascii() or not key.isprintable() or " " in key:
        # Anything else would break the header, and the exception would show the key.
        check.complain("api_key", _("A key has only visible ASCII characters, without blanks."))
    check.done()
    return key


def _collect(check: _Checker, call: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return call()
    except Invalid as error:
        for field, messages in error.errors.items():
            check.errors.setdefault(field, []).extend(messages)
        return None


def _check_endpoint(check: _Checker, endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        usable, parts = False, None
    if not usable or parts is None or " " in endpoint:
        check.complain(
            "api_endpoint",
            _(
                "Enter a URL that begins with http:// or https://, such as %(example)s.",
                example="https://api.openai.com/v1",
            ),
        )
    elif parts.username is not None or parts.password is not None:
        check.complain("api_endpoint", _("Put the key into the field for it, not into the URL."))


def _interval(check: _Checker) -> int | None:
    given = {
        field: check.values[field]
        for field in INTERVAL_UNITS
        if check.values.get(field) is not None
    }
    if not given:
        check.complain("interval_minutes", _("Say how often: minutes or seconds."))
        return None
    seconds = set()
    for field in given:
        most = MAX_INTERVAL_SECONDS // INTERVAL_UNITS[field]
        seconds.add(check.number(field, 1, most, 1) * INTERVAL_UNITS[field])
    if len(seconds) > 1 and not check.errors:
        for field in given:
            check.complain(field, _("These say different things: give only one of them."))
    return seconds.pop()


def _fixed_time(check: _Checker) -> str | None:
    value = check.values.get("fixed_time")
    if isinstance(value, str) and FIXED_TIME.fullmatch(value.strip()):
        return value.strip()
    check.complain("fixed_time", _("Enter a time of day as HH:MM, such as 09:00."))
    return None


def _statuses(check: _Checker) -> list[int]:
    value = check.values.get("retry_statuses") or []
    if not isinstance(value, list) or any(
        type(item) is not int or item not in RETRYABLE_STATUSES for item in value
    ):
        check.complain(
            "retry_statuses",
            _(
                "Only these can be repeated: %(statuses)s.",
                statuses=", ".join(map(str, RETRYABLE_STATUSES)),
            ),
        )
        return []
    return sorted(set(value))
