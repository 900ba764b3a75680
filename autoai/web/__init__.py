"""The pages: blueprints, what stands around them, and how they are written for a reader."""

from __future__ import annotations

from flask import Flask

from . import errors, guard, headers, i18n, templating, urls
from .accounts.views import accounts
from .auth.views import auth
from .away.views import away
from .dashboard.views import dashboard
from .events import views as events
from .gallery.views import gallery
from .i18n import select_locale, select_timezone
from .logs.run_page import run_texts
from .logs.views import logs
from .palette.views import palette
from .prompts.views import prompts
from .settings.views import settings
from .tasks.actions import task_actions
from .tasks.listing import task_list
from .tasks.overview import task_page
from .tasks.views import tasks
from .templating import Environment
from .usage.views import usage

__all__ = ["Environment", "init_app", "select_locale", "select_timezone"]


def init_app(app: Flask) -> None:
    """Hang the pages on the app. Before any other route: the ids in all addresses are ours."""
    urls.init_app(app)
    guard.init_app(app)
    headers.init_app(app)
    templating.init_app(app)
    errors.init_app(app)
    for blueprint in (
        i18n.preferences,
        palette,
        auth,
        dashboard,
        task_list,
        task_page,
        tasks,
        task_actions,
        prompts,
        gallery,
        logs,
        run_texts,
        accounts,
        away,
        settings,
        usage,
    ):
        app.register_blueprint(blueprint)
    events.init_app(app)
