"""AutoAI: cron for prompts, with a ledger."""

from __future__ import annotations

import gc
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
    if settings is None:
        from .settings import check_settings

        check_settings()  # what is wrong is said before the second that the rest takes to import
    # What an import makes stays: looking through it for garbage meanwhile is an eighth of the time.
    gc.disable()
    try:
        from . import factory
    finally:
        gc.enable()

    return factory.create_app(settings, clock)
