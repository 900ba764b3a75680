"""Language, time zone, appearance and keys: what a person has chosen, and the switches that remember it."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ..runtime import runtime
from .htmx import render
from .urls import own_path

LOCALES = {"en": "English", "zh_Hans": "简体中文", "zh_Hant": "繁體中文"}
THEMES = ("auto", "light", "dark", "contrast")
SHORTCUTS = ("on", "off")
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
    """The zone that was chosen, else the one that the browser told, else the instance's."""
    told = known_zone(request.cookies.get("timezone"))
    return chosen_zone() or told or runtime().settings.zone


def chosen_zone() -> ZoneInfo | None:
    """The zone that the person has chosen; None: as the browser has it."""
    return known_zone(request.cookies.get("zone"))


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
    """light, dark, contrast (more of it), or auto: as the system has it."""
    chosen = request.cookies.get("theme", "auto")
    return chosen if chosen in THEMES else "auto"


def shortcuts_on() -> bool:
    """Do single keys do something? They can be switched off (WCAG 2.1.4)."""
    return request.cookies.get("shortcuts") != "off"


def is_mac() -> bool:
    """Are there ⌘ keys where others have Ctrl?"""
    return "Mac" in request.user_agent.string


@preferences.post("/locale")
def locale() -> Response:
    """Remember a language."""
    return _remember("locale", tuple(LOCALES))


@preferences.post("/theme")
def theme() -> Response:
    """Remember light, dark, more contrast, or automatic."""
    return _remember("theme", THEMES)


@preferences.get("/shortcuts")
def shortcuts() -> ResponseReturnValue:
    """Which keys do what, and the switch for them."""
    return render("palette/shortcuts.html", "palette/_shortcuts.html", next=_next(""))


@preferences.post("/shortcuts")
def switch_shortcuts() -> Response:
    """Remember whether single keys do something."""
    return _remember("shortcuts", SHORTCUTS)


@preferences.get("/zone")
def zones() -> ResponseReturnValue:
    """All time zones to choose from."""
    return _zone_page("", 200)


@preferences.post("/zone")
def zone() -> ResponseReturnValue:
    """Remember a time zone; the empty one means: as the browser has it."""
    wanted = request.form.get("zone", "").strip()
    if not wanted:
        response = redirect(_next(), 303)
        response.delete_cookie("zone")
        return response
    if known_zone(wanted) is None:
        return _zone_page(wanted, 422)
    return _remember("zone", (wanted,))


def _zone_page(wanted: str, status: int) -> ResponseReturnValue:
    error = _("There is no time zone of this name. Choose one of the list, such as Asia/Shanghai.")
    values = {"wanted": wanted, "error": error if wanted else "", "next": _next("")}
    return render(
        "settings/zone.html", "settings/zone.html", status, zones=sorted(all_zones()), **values
    )


def _next(default: str = "/") -> str:
    return own_path(request.values.get("next")) or default


def _remember(name: str, allowed: tuple[str, ...]) -> Response:
    response = redirect(_next(), 303)
    value = request.form.get(name)
    if value in allowed:
        response.set_cookie(
            name, value, max_age=A_YEAR, samesite="Lax", secure=request.is_secure, httponly=True
        )
    return response
