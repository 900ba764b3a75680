"""What happens when a process starts to serve, and when it stops.

Importing the app starts nothing. gunicorn calls `serve` in its worker (gunicorn.conf.py), and
`flask run` gets it through `serve_under_flask_run`.
"""

from __future__ import annotations

import atexit
import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from alembic import command
from alembic.util import CommandError
from flask import Flask
from flask.helpers import get_debug_flag
from sqlalchemy.exc import DatabaseError
from werkzeug.serving import is_running_from_reloader

from .domain.costs import load_prices
from .extensions import db, migrate
from .logging_setup import configure_logging
from .runtime import runtime
from .scheduling.lock import held
from .services.demo import ensure_demo
from .services.instance import prepare_instance
from .settings import StartError

_COLLECT_AFTER = 20_000
"""New objects that make the collector look at the young ones; 700 by default."""


@contextmanager
def starting() -> Iterator[None]:
    """What a person can mend about files and database ends the start with a line, not a traceback."""
    try:
        yield
    except OSError as error:
        raise StartError(f"AutoAI cannot start: {error}; check the path and its owner") from error
    except DatabaseError as error:
        raise StartError(
            f"AutoAI cannot start: the database does not work ({error.orig}); check DATABASE_URL,"
            " the file's owner and the disk, or bring back a backup"
        ) from error
    except CommandError as error:
        raise StartError(
            f"AutoAI cannot start: the database's schema is not one of this version's ({error});"
            " was it made by a newer version?"
        ) from error


def prepare(app: Flask, *, password_wins: bool = True) -> None:
    """Bring the database up to date, under a lock that other starting processes wait for.

    ADMIN_PASSWORD wins when a server starts; a command, run from who knows which shell, does not
    change the password of a running one.
    """
    settings = runtime(app).settings
    with app.app_context(), held(_beside(settings.database_path, ".migrate.lock")):
        # Not flask_migrate.upgrade(): that turns an error into the end of the process.
        command.upgrade(migrate.get_config(), "head")
        prepare_instance(
            runtime(app).ports,
            settings.admin_password.get_secret_value(),
            password_wins=password_wins,
        )
        db.session.remove()


def serve(app: Flask, host: str, port: int | None) -> None:
    """Prepare, then run or stand by for the schedule. `host` and `port` are where the app listens;
    without a port (a Unix socket) there is no demo."""
    rt = runtime(app)
    with starting():
        configure_logging(rt.settings, rt.ports.redactor, sys.stdout, to_file=True)
        _allow_open_files(rt.settings.max_concurrent_runs)
        prepare(app)
        with app.app_context():
            ensure_demo(rt.ports, _own_url(host, port) if rt.settings.demo and port else None)
            db.session.remove()
    load_prices()
    _spare_the_collector()
    rt.scheduler.start()


def stop(app: Flask) -> None:
    """Drain and let another process take over."""
    runtime(app).scheduler.stop()


def serve_under_flask_run(app: Flask) -> None:
    """In `flask run`: serve once. The reloader's parent only watches files, so not there."""
    context = click.get_current_context(silent=True)
    if context is None or context.info_name != "run" or "reload" not in context.params:
        return
    reload = context.params["reload"]
    reload = get_debug_flag() if reload is None else reload
    if reload and not is_running_from_reloader():
        click.echo("The reloader's parent leaves the schedule to its child.", err=True)
        return
    serve(app, context.params["host"], context.params["port"])
    atexit.register(stop, app)


def _allow_open_files(slots: int) -> None:
    """Raise the soft limit, 1,024 by default, to what calls, pages and database may need together.

    A call has one socket, two during a TLS handshake; gunicorn keeps up to 1,000 connections, and
    some hundreds of event streams are beside them.
    """
    wanted = 2 * slots + 2_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _spare_the_collector() -> None:
    """Python's cycle collector walks over all that lives, however old. What a start has made stays
    for good: a burst of runs spent a fifth of its time in going over it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)


def _own_url(host: str, port: int) -> str:
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not listened on
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
