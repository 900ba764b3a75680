"""AutoAI: cron for prompts, with a ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from .services.ports import Clock
    from .settings import Settings


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> Flask:
    """See `factory.create_app`.

    Imported only now: gunicorn's master reads `autoai.settings` alone. It stays small, and a HUP
    loads the code that lies in the folder then.
    """
    from . import factory

    return factory.create_app(settings, clock)
