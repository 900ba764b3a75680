"""Bearer tokens for programs."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from ..runtime import runtime
from ..services.users import create_token
from .common import on_database

token = AppGroup("token", help="Bearer tokens for the JSON API.")


@token.command("create")
@click.argument("name")
@on_database
def create(name: str) -> None:
    """Make a token called NAME. It is printed once; only its hash is kept."""
    click.echo(create_token(runtime().ports, name.strip()[:80]))
