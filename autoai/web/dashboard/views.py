"""The dashboard: how things stand, what needs a person, what goes on, and what comes next."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from ...queries.state import current_revision
from ...runtime import runtime
from ..htmx import nothing_new, render, unchanged, wants_part
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
    return render(
        "dashboard/index.html",
        "dashboard/_overview.html",
        revision=revision,
        exact=wants_part(),
        seen=seen,
        hours_bars=hours_bars,
        days_bars=days_bars,
    )
