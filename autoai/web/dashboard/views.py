"""The dashboard: how things stand, what needs a person, what goes on, and what comes next."""

from __future__ import annotations

from flask import Blueprint, current_app, session
from flask.typing import ResponseReturnValue

from ...queries.state import current_revision
from ...runtime import runtime
from ..fragments import fragments_of
from ..htmx import nothing_new, render_bounded, respond, unchanged, wants_part
from ..i18n import chosen_zone, is_mac, select_theme, shortcuts_on
from ..pace import in_turn
from ..templating import stamp_of
from .chart import days_bars, hours_bars
from .overview import Overview

dashboard = Blueprint("dashboard", __name__)


@dashboard.get("/")
@in_turn
def index() -> ResponseReturnValue:
    """The page, or what of it changes by itself."""
    here = runtime()
    now, zone = here.ports.clock.now(), here.settings.zone
    revision = current_revision()
    stamp = f"{stamp_of(revision, now, zone)}-{now:%H%M}"
    if unchanged(stamp):
        return nothing_new()
    seen = Overview(stamp, now, zone, keys_readable=here.ports.keyring.readable)
    part = wants_part()

    def written() -> str:
        template = "dashboard/_overview.html" if part else "dashboard/index.html"
        return render_bounded(template, seen=seen, hours_bars=hours_bars, days_bars=days_bars)

    if "_flashes" in session:  # a message for this person
        return respond(written())
    looks = (select_theme(), chosen_zone(), shortcuts_on(), is_mac())
    pieces = fragments_of(current_app)
    return respond(pieces.recently("dashboard", revision, part, part, looks, caller=written))
