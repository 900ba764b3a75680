"""How the instance itself is doing."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from ...queries.state import newest_revision, readiness
from ...runtime import runtime
from ..htmx import render

settings = Blueprint("settings", __name__)


@settings.get("/health")
def health() -> ResponseReturnValue:
    """Schedule, keys, database: what works, and what to do about what does not."""
    here = runtime()
    return render(
        "settings/health.html",
        "settings/_health.html",
        role=str(here.scheduler.role),
        trouble=here.scheduler.trouble,
        tick_age_ms=round(here.scheduler.tick_age * 1000),
        state_of=readiness(here.ports.keyring.readable),
        revision=newest_revision(),
        slots=here.settings.max_concurrent_runs,
        instance_zone=here.settings.timezone,
    )
