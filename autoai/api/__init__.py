"""The JSON API: the same services as the pages, for programs."""

from __future__ import annotations

from flask import Flask

from ..runtime import runtime
from . import demo, health
from .accounts import accounts
from .dashboard import dashboard
from .gallery import gallery
from .logs import logs
from .outages import outages
from .prompts import prompts
from .settings import settings
from .tasks import tasks
from .usage import usage


def init_app(app: Flask) -> None:
    """Hang the API on the app. The demo's endpoint is there only while the demo is on."""
    for blueprint in (
        tasks,
        prompts,
        gallery,
        accounts,
        logs,
        outages,
        dashboard,
        settings,
        usage,
    ):
        app.register_blueprint(blueprint, url_prefix="/api")
    app.register_blueprint(health.health)
    if runtime(app).settings.demo:
        app.register_blueprint(demo.demo)
