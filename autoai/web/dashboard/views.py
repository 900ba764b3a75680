"""The dashboard: how things stand, what needs a person, what goes on, and what comes next."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from ...queries.active import active_runs
from ...queries.attention import attention
from ...queries.dashboard import dashboard_figures, hours_chart
from ...queries.run_log import last_days
from ...queries.state import current_revision
from ...queries.upcoming import upcoming
from ...runtime import runtime
from ..htmx import nothing_new, render, unchanged
from ..status_bars import KINDS
from ..templating import stamp_of
from .chart import days_bars, hours_bars
from .timeline import timeline

dashboard = Blueprint("dashboard", __name__)
_DAYS = 30


@dashboard.get("/")
def index() -> ResponseReturnValue:
    """The page, or what of it changes by itself."""
    here = runtime()
    now, zone = here.ports.clock.now(), here.settings.zone
    stamp = f"{stamp_of(current_revision(), now, zone)}-{now:%H%M}"
    if unchanged(stamp):
        return nothing_new()
    coming = upcoming(now)
    return render(
        "dashboard/index.html",
        "dashboard/_overview.html",
        stamp=stamp,
        moment=now,
        today=now.astimezone(zone).date(),
        figures=dashboard_figures(now, zone),
        needs=attention(now, zone, keys_readable=here.ports.keyring.readable),
        hours=hours_bars(hours_chart(now, zone), zone),
        days=days_bars(last_days(None, now, zone, _DAYS)),
        kinds=KINDS,
        active=active_runs(),
        coming=coming,
        line=timeline(coming.moments, now),
    )
