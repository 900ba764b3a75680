"""What one app has besides Flask: its settings, its ports, its providers, its scheduler. The outermost ring asks
here; nothing below it may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from .providers.base import Provider
from .scheduling.service import SchedulerService
from .services.ports import Ports
from .settings import Settings

_NAME = "autoai"


@dataclass(frozen=True)
class Runtime:
    """Made once by `create_app`."""

    settings: Settings
    ports: Ports
    providers: Mapping[str, Provider]
    scheduler: SchedulerService

    def attach(self, app: Flask) -> None:
        """Belong to `app`."""
        app.extensions[_NAME] = self


def runtime(app: Flask | None = None) -> Runtime:
    """The runtime of `app`, or of the current one."""
    return cast(Runtime, (app or current_app).extensions[_NAME])
