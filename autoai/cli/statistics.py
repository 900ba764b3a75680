"""Totals by day, and the search index: both can be made anew from the ledger's rows."""

from __future__ import annotations

import click

from ..runtime import runtime
from ..services.search_index import rebuild_search as rebuild_index
from ..services.statistics import rebuild_totals
from .common import on_database


@click.command("rebuild-stats")
@on_database
def rebuild_stats() -> None:
    """Count the totals by day anew from the ledger's rows, and say whether they were right."""
    wrong = rebuild_totals(runtime().ports.zone)
    click.echo("All totals were right." if not wrong else f"{wrong} totals were wrong; mended.")


@click.command("rebuild-search")
@on_database
def rebuild_search() -> None:
    """Compare the search index with the texts of all runs, and say whether it was right.

    What is wrong or missing is mended. Runs are recorded meanwhile. For as long as it takes, the disk
    holds a copy of the index.
    """
    wrong = rebuild_index()
    click.echo(
        "The search index was right."
        if not wrong
        else f"{wrong} runs were indexed wrongly; mended."
    )
