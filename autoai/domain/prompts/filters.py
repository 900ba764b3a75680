"""The filters of templates. Each says, before it is carried out, how much it may make at most."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from babel.dates import format_datetime
from liquid.builtin.filters import array, math, misc, string
from liquid.filter import with_context
from liquid.undefined import is_undefined

from ..errors import Fault, TemplateError
from .values import Moment, is_plain
from .work import MAX_ITEMS, characters_of

_LARGEST = 10**30
"""A whole number beyond it is an error: multiplied again and again it would fill the memory."""
_DATE_FORMAT_LENGTH = 200
_DIRECTIVE = re.compile(r"%([-_^]?)([A-Za-z%])")
_PLAIN_DIRECTIVES = frozenset("dDeFHIjklmMnpRSTuwyYzZ")
_NAMED = {"A": "EEEE", "a": "EEE", "B": "LLLL", "b": "LLL", "h": "LLL"}
"""Directives that are words: in the task's language, by Babel's pattern."""

Filter = Callable[..., Any]
Growth = Callable[..., int]


def _same(value: Any, *_args: Any) -> int:
    return characters_of(value)


def _with_argument(value: Any, *args: Any) -> int:
    return characters_of(value) + sum(characters_of(arg) for arg in args)


def _times(factor: int) -> Growth:
    return lambda value, *_args: factor * characters_of(value)


def _replaced(value: Any, old: Any = "", new: Any = "", *_args: Any) -> int:
    text, old, new = str(value), str(old), str(new)
    return len(text) + text.count(old) * max(0, len(new) - len(old))


def _in_pieces(value: Any, separator: Any = "", *_args: Any) -> int:
    text = "" if value is None else str(value)
    separator = "" if separator is None else str(separator)
    if separator in ("", " "):
        pieces = len(text) if separator == "" else len(text.split())
    else:
        pieces = text.count(separator) + 1
    _few(pieces)
    return len(text) + 25 * pieces


def _joined(value: Any, separator: Any = " ", *_args: Any) -> int:
    items = value if isinstance(value, list | tuple) else [value]
    return characters_of(items) + len(items) * characters_of(separator)


def _both(value: Any, other: Any = (), *_args: Any) -> int:
    _few(sum(len(part) for part in (value, other) if isinstance(part, list | tuple)))
    return characters_of(value) + characters_of(other)


def _few(items: int) -> None:
    if items > MAX_ITEMS:
        raise TemplateError(Fault.TOO_LONG)


@with_context
def date(value: Any, form: Any = "", *, context: Any) -> str:
    """An instant → text, by strftime's directives; names of days and months in the task's language."""
    instant = _instant(value, context)
    form = str(form)
    if instant is None or len(form) > _DATE_FORMAT_LENGTH:
        raise TemplateError(Fault.FAILED, name="date")
    language = context.language

    def one(found: re.Match[str]) -> str:
        flag, letter = found.groups()
        if letter == "%":
            return "%"
        if letter in _NAMED:
            return str(format_datetime(instant, _NAMED[letter], locale=language))
        if letter not in _PLAIN_DIRECTIVES:
            raise TemplateError(Fault.FAILED, name=f"date: %{letter}")
        text = instant.strftime(f"%{letter}")
        return (text.lstrip("0") or "0") if flag == "-" else text.upper() if flag == "^" else text

    return _DIRECTIVE.sub(one, form)


def _instant(value: Any, context: Any) -> datetime | None:
    if isinstance(value, Moment):
        return value
    if value in ("now", "today"):
        now = context.resolve("now", default=None)
        return now if isinstance(now, Moment) else None
    try:
        return Moment.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _json(value: Any) -> str:
    return json.dumps(str(value) if isinstance(value, Moment) else value, ensure_ascii=False)


def _join(value: Any, separator: Any = " ") -> str:
    items = value if isinstance(value, list | tuple) else [value]
    return _text(separator).join(_text(item) for item in items)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


FILTERS: dict[str, tuple[Filter, Growth]] = {
    "append": (string.append, _with_argument),
    "prepend": (string.prepend, _with_argument),
    "capitalize": (string.capitalize, _times(3)),
    "upcase": (string.upcase, _times(3)),
    "downcase": (string.downcase, _times(3)),
    "strip": (string.strip, _same),
    "lstrip": (string.lstrip, _same),
    "rstrip": (string.rstrip, _same),
    "squish": (string.squish, _same),
    "strip_newlines": (lambda value: re.sub(r"\r?\n", "", _text(value)), _same),
    "newline_to_br": (lambda value: re.sub(r"\r?\n", "<br />\n", _text(value)), _times(7)),
    "escape": (lambda value: html.escape(_text(value)), _times(6)),
    "url_encode": (lambda value: quote_plus(_text(value)), _times(12)),
    "json": (_json, _times(12)),
    "replace": (string.replace, _replaced),
    "replace_first": (string.replace_first, _with_argument),
    "remove": (string.remove, _same),
    "remove_first": (string.remove_first, _same),
    "truncate": (string.truncate, _with_argument),
    "truncatewords": (string.truncatewords, lambda *args: 2 * _with_argument(*args)),
    "slice": (string.slice_, _same),
    "split": (string.split, _in_pieces),
    "join": (_join, _joined),
    "concat": (array.concat, _both),
    "first": (lambda value: value[0] if value else None, lambda *_args: 0),
    "last": (lambda value: value[-1] if value else None, lambda *_args: 0),
    "reverse": (lambda value: list(reversed(value)), _same),
    "sort": (lambda value: sorted(value), _same),
    "sort_natural": (lambda value: sorted(value, key=lambda item: _text(item).lower()), _same),
    "uniq": (lambda value: list(dict.fromkeys(value)), _same),
    "compact": (lambda value: [item for item in value if item is not None], _same),
    "size": (misc.size, lambda *_args: 0),
    "default": (misc.default, lambda *_args: 0),
    "date": (date, lambda *_args: 10 * _DATE_FORMAT_LENGTH),
    "abs": (math.abs_, _same),
    "at_least": (math.at_least, _same),
    "at_most": (math.at_most, _same),
    "ceil": (math.ceil, _same),
    "divided_by": (math.divided_by, _same),
    "floor": (math.floor, _same),
    "minus": (math.minus, _same),
    "modulo": (math.modulo, _same),
    "plus": (math.plus, _same),
    "round": (math.round_, _same),
    "times": (math.times, _same),
}


def bounded(name: str, function: Filter, growth: Growth) -> Filter:
    """`function` as the engine calls it: what goes in and out is looked at and paid for."""

    @with_context
    def carry_out(value: Any, *args: Any, context: Any, **options: Any) -> Any:
        allowed = [item for item in (value, *args, *options.values()) if not is_undefined(item)]
        for item in allowed:
            _look_at(item, context)
        if is_undefined(value) and name != "default":
            str(value)  # raises: it is not a name that there could be
        context.work.step()
        # Four bytes for each character: it may be any.
        context.work.make(4 * growth(value, *args))
        if getattr(function, "with_context", False):
            options["context"] = context
        made = function(value, *args, **options)
        _look_at(made, context)
        return made

    return carry_out


def _look_at(value: Any, context: Any) -> None:
    """Only plain values go through filters, and secrets through none."""
    if isinstance(value, str):
        if context.marks.is_in(value):
            raise TemplateError(Fault.ALTERED)
    elif isinstance(value, list | tuple):
        _few(len(value))
        for item in value:
            _look_at(item, context)
    elif isinstance(value, int):
        if abs(value) > _LARGEST:
            raise TemplateError(Fault.TOO_LONG)
    elif not is_plain(value):
        raise TemplateError(Fault.NOT_A_TEXT, name=getattr(value, "name", ""))


def names_of(filters: Sequence[str] = tuple(FILTERS)) -> list[str]:
    """The filters that there are, in alphabetical order."""
    return sorted(filters)
