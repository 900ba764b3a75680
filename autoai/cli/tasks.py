"""Tasks as a file, so that a server can be set up without clicking."""

from __future__ import annotations

import json
import os
from typing import Any, TextIO

import click
from flask.cli import AppGroup

from ..domain.errors import Invalid
from ..runtime import runtime
from ..services.task_files import export_tasks, import_tasks
from .common import on_database

tasks = AppGroup("tasks", help="Tasks as a JSON file.")


@tasks.command("export")
@on_database
def export() -> None:
    """Print all tasks as JSON. Keys are left out: `api_key_env` names the variable to take them from."""
    click.echo(json.dumps(export_tasks(), ensure_ascii=False, indent=2))


@tasks.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@on_database
def import_file(file: TextIO) -> None:
    """Create or update the tasks of FILE by name ("-" reads stdin); again, it changes nothing.

    A task's `api_key_env` names the environment variable that holds its key. All tasks are imported
    or, where one of them is bad, none.
    """
    try:
        document: Any = json.load(file)
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{file.name} is not JSON: {error}") from error
    try:
        result = import_tasks(runtime().ports, document, os.environ)
    except Invalid as error:
        lines = [f"{where}: {' '.join(texts)}" for where, texts in error.errors.items()]
        raise click.ClickException("Nothing was imported.\n" + "\n".join(lines)) from error
    click.echo(f"{result.created} created, {result.updated} updated, {result.unchanged} unchanged.")
