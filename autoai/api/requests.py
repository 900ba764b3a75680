"""Reading what a program sent: JSON bodies and query strings, checked before anything else happens."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from flask import request
from flask_babel import gettext as _
from pydantic import BaseModel, ValidationError

from ..domain.errors import Invalid
from ..models import LARGEST_ID
from ..queries.run_filter import RunFilter
from ..queries.run_pages import Cursor
from ..queries.usage import Days, day_of
from .run_filters import NAMES, ask

_DEFAULT_DAYS = timedelta(days=29)
DEFAULT_LIMIT, LARGEST_LIMIT = 50, 200
_Schema = TypeVar("_Schema", bound=BaseModel)


def read_body(schema: type[_Schema], ignored: frozenset[str] = frozenset()) -> _Schema:
    """The JSON body as `schema`; fields in `ignored` may be there and are dropped."""
    try:
        data = json.loads(request.get_data(cache=False).decode("utf-8") or "{}")
    except (ValueError, RecursionError) as error:
        raise Invalid({"body": [_("The body is not valid JSON.")]}) from error
    if not isinstance(data, dict):
        raise Invalid({"body": [_("The body must be a JSON object.")]})
    try:
        return schema.model_validate({k: v for k, v in data.items() if k not in ignored})
    except ValidationError as error:
        raise Invalid(_explain(error)) from error
    except RecursionError as error:
        raise Invalid({"body": [_("The body is nested too deeply.")]}) from error


def read_page() -> tuple[int, int | None]:
    """`limit` and `cursor` of a list."""
    limit = _whole_number("limit", 1, LARGEST_LIMIT)
    return limit or DEFAULT_LIMIT, _whole_number("cursor", 1, LARGEST_ID)


def read_place() -> tuple[int, Cursor | None]:
    """`limit` and `cursor` of the log."""
    limit = _whole_number("limit", 1, LARGEST_LIMIT) or DEFAULT_LIMIT
    text = request.args.get("cursor", "").strip()
    cursor = Cursor.parse(text)
    if text and cursor is None:
        raise Invalid({"cursor": [_("Take it from next_cursor of the page before.")]})
    return limit, cursor


def read_id(name: str) -> int | None:
    """An id in the query string."""
    return _whole_number(name, 1, LARGEST_ID)


def read_run_filter(
    now: datetime, zone: ZoneInfo, task_id: int | None, also: Collection[str]
) -> RunFilter:
    """The log's filter, see `run_filters`. A parameter that is neither of it nor in `also` is
    refused: a misspelt one would restrict nothing."""
    unknown = set(request.args) - {*NAMES, *also}
    asked = ask(request.args, now, zone, task_id)
    errors = {**asked.errors, **{name: [_("There is no such field.")] for name in sorted(unknown)}}
    if errors:
        raise Invalid(errors)
    return asked.wanted


def read_days(today: date) -> Days:
    """`from` and `to`, whole days, both inclusive; by default the thirty days up to `today`."""
    last = _day("to") or max(today, _day("from") or today)
    first = _day("from") or last - min(_DEFAULT_DAYS, last - date.min)
    if first > last:
        raise Invalid({"from": [_("The first day comes after the last one.")]})
    days = Days(first, last)
    if days.too_many:
        raise Invalid({"from": [_("Choose ten years at the most.")]})
    return days


def read_number(name: str, value: int | None, least: int, most: int, default: int) -> int:
    """A number of the body within its bounds."""
    if value is None:
        return default
    if not least <= value <= most:
        raise Invalid({name: [_not_a_number(least, most)]})
    return value


def read_instant(name: str, text: str | None, zone: ZoneInfo) -> datetime | None:
    """An instant of the body, in UTC; one without an offset is on the clocks of `zone`."""
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
        instant = instant if instant.tzinfo else instant.replace(tzinfo=zone)
        return instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid({name: [_not_an_instant()]}) from error


def _not_a_number(least: int, most: int) -> str:
    return _("A whole number from %(least)s to %(most)s.", least=least, most=most)


def _not_an_instant() -> str:
    example = "2026-01-31, 2026-01-31T09:00:00Z"
    return _("A date or a time such as %(example)s.", example=example)


def read_count(name: str, least: int, most: int) -> int | None:
    """A whole number in the query string; None where it is not given."""
    return _whole_number(name, least, most)


def _whole_number(name: str, least: int, most: int) -> int | None:
    text = request.args.get(name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 19 or not least <= int(text) <= most:
        raise Invalid({name: [_not_a_number(least, most)]})
    return int(text)


def _day(name: str) -> date | None:
    text = request.args.get(name, "").strip()
    if not text:
        return None
    try:
        return day_of(text)
    except ValueError as error:
        raise Invalid({name: [_("Enter days as YYYY-MM-DD, such as 2026-01-31.")]}) from error


def _explain(error: ValidationError) -> dict[str, list[str]]:
    """Pydantic's findings in the reader's language, by field."""
    found: dict[str, list[str]] = {}
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        field = str(item["loc"][0]) if item["loc"] else "body"
        found.setdefault(field, []).append(_sentence(item["type"]))
    return found


def _sentence(kind: str) -> Any:
    sentences = {
        "extra_forbidden": _("There is no such field."),
        "string_type": _("This must be text."),
        "int_type": _("This must be a whole number."),
        "bool_type": _("Either true or false."),
        "list_type": _("This must be a list."),
    }
    return sentences.get(kind, _("This value has the wrong type."))
