"""Addresses: where a form may send the person next, and ids that fit the database."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import IntegerConverter


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


class IdConverter(IntegerConverter):
    """A row's id in an address. What no column can hold does not match: not found, no error.

    By its digits alone: a converter that objects later makes Werkzeug answer 405 where the same
    address has other methods.
    """

    regex = r"\d{1,18}"


def init_app(app: Flask) -> None:
    """Take the place of Werkzeug's own `int` in all addresses, the API's included."""
    app.url_map.converters["int"] = IdConverter
