"""Who reads: the language and the time zone of a request, found once. A page asks for them hundreds of
times, and nothing changes them before its end."""

from __future__ import annotations

from datetime import tzinfo
from typing import NamedTuple

from flask import g
from flask_babel import get_locale, get_timezone


class Reader(NamedTuple):
    """What things are written for."""

    locale: str
    """en, zh_Hans or zh_Hant"""
    zone: tzinfo


def reader() -> Reader:
    """Of this request; without one, English and the instance's zone."""
    here = g._get_current_object()
    try:
        found: Reader = here.reader
    except AttributeError:
        found = here.reader = Reader(str(get_locale()), get_timezone())
    return found
