"""What the commands share: a database that is up to date, and errors as one line."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from ..domain.errors import Conflict, Invalid, KeyUnreadable, NotFound
from ..settings import StartError


def on_database(command: Callable[..., Any]) -> Callable[..., Any]:
    """Run `command` in an app context on an up-to-date database; domain errors end it with a line."""

    @with_appcontext
    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        # startup binds the commands' app: it is above this module.
        from ..startup import prepare, starting

        app = current_app._get_current_object()  # type: ignore[attr-defined]
        try:
            with starting():
                prepare(app, password_wins=False)
            return command(*args, **kwargs)
        except Invalid as error:
            lines = [f"{field}: {' '.join(texts)}" for field, texts in error.errors.items()]
            raise click.ClickException("; ".join(lines)) from error
        except (Conflict, KeyUnreadable, NotFound, StartError) as error:
            raise click.ClickException(str(error)) from error

    return run
