"""Commands: what a person does from the shell. `flask --app wsgi …`."""

from __future__ import annotations

from flask import Flask

from .demo import demo
from .keys import keys
from .statistics import rebuild_search, rebuild_stats
from .tasks import tasks
from .token import token


def init_app(app: Flask) -> None:
    """Hang the commands on the app."""
    for command in (demo, keys, rebuild_search, rebuild_stats, tasks, token):
        app.cli.add_command(command)
