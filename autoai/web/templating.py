"""What templates can use: words, icons, formats, addresses of static files."""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from flask import Flask, request
from flask.templating import Environment as FlaskEnvironment
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from sqlalchemy.exc import SQLAlchemyError

from ..domain.schedules import Schedule, describe, explain
from ..language import ReaderWords
from ..models import Outage
from ..queries.outages import open_outages
from ..runtime import runtime
from . import budget_words, catalogue, charts, formats, fragments, i18n, verdict_words, words
from .reader import reader
from .statics import asset

_BANNERS = 3


class Environment(FlaskEnvironment):
    """Flask's, where no template has globals of its own.

    Jinja lays them over those of all templates as a ChainMap, which is read in Python: a twelfth of
    the time of a page with twelve imports.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The globals of all templates, for each of them."""
        assert not d  # noqa: S101
        return self.globals


def zone_name() -> str:
    """The IANA name of the zone that times are written in."""
    return str(getattr(reader().zone, "key", reader().zone))


def now() -> datetime:
    """The present instant, aware."""
    return runtime().ports.clock.now()


def other_clock(zone: str) -> bool:
    """Do clocks in `zone` show another time now than the reader's?"""
    here = now()
    return here.astimezone(ZoneInfo(zone)).utcoffset() != formats.local(here).utcoffset()


def stamp_of(revision: int, now: datetime, zone: ZoneInfo) -> str:
    """What a live part was written at; it is still good while none of it has changed.

    The days count too: `zone` is the instance's, whose today the figures mean, and times are
    written without their date on the person's own today.
    """
    return f"{revision}-{now.astimezone(zone):%Y%m%d}-{formats.local(now):%Y%m%d}"


def in_words(schedule: Schedule) -> str:
    """A schedule in the reader's language."""
    return describe(schedule, ReaderWords())


def host(endpoint: str) -> str:
    """Who is asked: the endpoint's host, and its port where it names one."""
    try:
        return urlsplit(endpoint).netloc or endpoint
    except ValueError:
        return endpoint


def undecided_outages() -> list[Outage]:
    """Downtimes that a person should look at; none while the database is away."""
    try:
        return list(open_outages()[:_BANNERS])
    except SQLAlchemyError:
        return []


def _about_the_person() -> dict[str, Any]:
    locale = reader().locale
    return {
        "signed_in": _signed_in(),
        "keys_readable": runtime().ports.keyring.readable,
        "locale": locale,
        "locales": i18n.LOCALES,
        "html_lang": locale.replace("_", "-"),
        "theme": i18n.select_theme(),
        "chosen_zone": i18n.chosen_zone(),
        "instance_zone_name": runtime().settings.zone.key,
        "shortcuts_on": i18n.shortcuts_on(),
        "mac": i18n.is_mac(),
    }


def _here() -> str:
    """Where a switch of language or appearance leads back to: this page, if it can be asked for."""
    if request.method == "GET":
        return request.full_path.rstrip("?")
    rule = request.url_rule
    return request.path if rule and "GET" in (rule.methods or ()) else "/"


def _signed_in() -> bool:
    try:
        return bool(current_user.is_authenticated)
    except SQLAlchemyError:  # the page that says so must appear even when the database is away
        return False


def init_app(app: Flask) -> None:
    """Give the templates their globals and filters."""
    env = app.jinja_env
    env.trim_blocks = env.lstrip_blocks = True
    catalogue.init_app(app)
    fragments.init_app(
        app, {"csrf": generate_csrf, "here": _here, "here_quoted": lambda: quote(_here())}
    )
    app.context_processor(_about_the_person)
    env.globals.update(
        asset=asset,
        chart_piece=charts.piece,
        zone_name=zone_name,
        now=now,
        open_outages=undecided_outages,
        other_clock=other_clock,
        status_word=words.status_word,
        status_icon=words.status_icon,
    )
    env.filters.update(
        iso=lambda instant: instant.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        moment=lambda instant: formats.moment(instant, now()),
        in_words=in_words,
        host=host,
        moment_full=formats.moment_full,
        upcoming_moment=formats.upcoming_moment,
        differs_from=formats.differs_from,
        weekday_name=formats.weekday_name,
        explained=lambda change, effect: explain(change, effect, ReaderWords()),
        offset=formats.offset,
        duration=formats.duration,
        number=formats.number,
        compact=lambda value: formats.compact(value) if value >= 100_000 else formats.number(value),
        elapsed=formats.elapsed,
        day=formats.day,
        day_of_year=formats.day_of_year,
        month=formats.month,
        about=formats.about,
        money=formats.money,
        percent=formats.percent,
        listed=formats.listed,
        separators=formats.separators,
        sentences=formats.sentences,
        reason=lambda name: words.REASONS[name][0] if name in words.REASONS else name,
        advice=lambda name: words.REASONS[name][1] if name in words.REASONS else "",
        wait_words=words.wait_words,
        why=words.why,
        paused_why=words.paused_why,
        amount=budget_words.amount,
        budget_name=budget_words.budget_name,
        refusal_words=budget_words.refusal_words,
        overshoot_words=budget_words.overshoot_words,
        source=lambda name: words.SOURCES.get(name, name),
        kind=lambda name: words.KINDS.get(name, name),
        provider=lambda name: words.PROVIDERS.get(name, name),
        role=lambda name: words.ROLES.get(name, name),
        level_word=lambda name: verdict_words.LEVELS.get(name, name),
        check_word=lambda name: verdict_words.CHECKS.get(name, name),
        finding_words=verdict_words.finding_words,
    )
