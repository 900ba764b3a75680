"""Which language and which time zone the person reads in, and the switches that remember it."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from ..runtime import runtime
from .urls import own_path

LOCALES = {"en": "English", "zh_Hans": "简体中文", "zh_Hant": "繁體中文"}
THEMES = ("auto", "light", "dark")
A_YEAR = 365 * 24 * 3600
_TRADITIONAL = {"hant", "hk", "tw", "mo"}

preferences = Blueprint("preferences", __name__)


def match_locale(tag: str) -> str | None:
    """A browser's language tag → ours, None where there is nothing fitting.

    Chinese goes by script: the regions that write traditional characters, else simplified.
    """
    language, *subtags = tag.lower().replace("_", "-").split("-")
    if language == "en":
        return "en"
    if language != "zh":
        return None
    if "hans" in subtags:
        return "zh_Hans"
    return "zh_Hant" if _TRADITIONAL & set(subtags) else "zh_Hans"


def select_locale() -> str:
    """The remembered language, else the first of the browser's that there is."""
    chosen = request.cookies.get("locale")
    if chosen in LOCALES:
        return chosen
    matches = (match_locale(tag) for tag, quality in request.accept_languages if quality > 0)
    return next((locale for locale in matches if locale), "en")


def select_timezone() -> ZoneInfo:
    """The zone that the browser told, else the instance's."""
    return known_zone(request.cookies.get("timezone")) or runtime().settings.zone


def known_zone(name: str | None) -> ZoneInfo | None:
    """The zone of an IANA name; None for anything else, whatever a cookie may hold."""
    return ZoneInfo(name) if name and name in all_zones() else None


@lru_cache(maxsize=1)
def all_zones() -> frozenset[str]:
    """Every IANA name that can be chosen."""
    return frozenset(
        name
        for name in available_timezones()
        if name == "UTC" or ("/" in name and not name.startswith(("posix/", "right/")))
    )


def select_theme() -> str:
    """light, dark, or auto: as the system has it."""
    chosen = request.cookies.get("theme", "auto")
    return chosen if chosen in THEMES else "auto"


@preferences.post("/locale")
def locale() -> Response:
    """Remember a language."""
    return _remember("locale", tuple(LOCALES))


@preferences.post("/theme")
def theme() -> Response:
    """Remember light, dark or automatic."""
    return _remember("theme", THEMES)


def _remember(name: str, allowed: tuple[str, ...]) -> Response:
    response = redirect(own_path(request.form.get("next")) or "/", 303)
    value = request.form.get(name)
    if value in allowed:
        response.set_cookie(
            name, value, max_age=A_YEAR, samesite="Lax", secure=request.is_secure, httponly=True
        )
    return response
