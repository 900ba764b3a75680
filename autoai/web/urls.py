"""Addresses: where a form may send the person next, and ids that fit the database."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import IntegerConverter

from ..models import LARGEST_ID


def own_path(target: str | None) -> str | None:
    """`target` if it is a path of this site, else None.

    Browsers read a backslash as a slash and drop tabs and newlines, so that `/\\host` and
    `/<tab>/host` leave the site just as `//host` does.
    """
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return None
    if any(ord(sign) < 0x21 or ord(sign) == 0x7F for sign in target) or "\\" in target:
        return None
    return target


def id_of(text: str) -> int | None:
    """A row's id in a query string; None for what is none."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return int(text) if 0 < int(text) <= LARGEST_ID else None


class IdConverter(IntegerConverter):
    """A row's id in an address. What no column can hold does not match: not found, no error.

    By its digits alone: a converter that objects later makes Werkzeug answer 405 where the same
    address has other methods.
    """

    regex = r"\d{1,18}"


def init_app(app: Flask) -> None:
    """Take the place of Werkzeug's own `int` in all addresses, the API's included."""
    app.url_map.converters["int"] = IdConverter
