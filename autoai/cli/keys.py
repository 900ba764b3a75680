"""The keys that encrypt stored API keys."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from ..runtime import runtime
from ..services.instance import reencrypt_keys
from .common import on_database

keys = AppGroup("keys", help="The keys that encrypt stored API keys.")


@keys.command("rotate")
@on_database
def rotate() -> None:
    """Encrypt every stored secret with the first ENCRYPTION_KEY.

    Put a new key before the old one (ENCRYPTION_KEY=new,old), restart, run this, and then take the
    old one away.
    """
    count = reencrypt_keys(runtime().ports)
    click.echo(f"{count} secrets are encrypted with the first ENCRYPTION_KEY now.")
