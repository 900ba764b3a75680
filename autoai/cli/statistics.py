"""Totals by day."""

from __future__ import annotations

import click

from ..runtime import runtime
from ..services.statistics import rebuild_totals
from .common import on_database


@click.command("rebuild-stats")
@on_database
def rebuild_stats() -> None:
    """Count the totals by day anew from the ledger's rows, and say whether they were right."""
    wrong = rebuild_totals(runtime().ports.zone)
    click.echo("All totals were right." if not wrong else f"{wrong} totals were wrong; mended.")
