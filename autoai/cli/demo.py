"""Example data."""

from __future__ import annotations

import click

from ..domain.endpoints import ECHO_PATH
from ..runtime import runtime
from ..services.demo_data import fill_demo
from .common import on_database


@click.command("demo")
@click.option("--endpoint", help="What the tasks ask; if not given, the built-in echo.")
@click.option("--force", is_flag=True, help="Also where there are tasks already.")
@on_database
def demo(endpoint: str | None, force: bool) -> None:
    """Fill an empty instance with example tasks and a month of invented runs.

    The tasks ask the endpoint when they are due next; with DEMO=1 the built-in echo answers them.
    """
    rt = runtime()
    own = f"http://127.0.0.1:{rt.settings.port}{ECHO_PATH}"
    runs = fill_demo(rt.ports, endpoint or own, force=force)
    click.echo(f"Done: {runs} example runs.")
