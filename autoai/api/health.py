"""/healthz: is the process alive and ticking? /readyz: can it do its work? Neither tells a secret."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from ..queries.state import readiness
from ..runtime import runtime

health = Blueprint("health", __name__)


@health.get("/healthz")
def healthz() -> ResponseReturnValue:
    scheduler = runtime().scheduler
    trouble = scheduler.trouble
    return jsonify(
        status="unhealthy" if trouble else "ok",
        scheduler=str(scheduler.role),
        tick_age_seconds=round(scheduler.tick_age, 1),
        trouble=trouble,
    ), 503 if trouble else 200


@health.get("/readyz")
def readyz() -> ResponseReturnValue:
    found = readiness(runtime().ports.keyring.readable)
    return jsonify(
        status="ready" if found.ready else "not ready",
        database=found.database,
        migrations=found.migrations,
        keys=found.keys,
    ), 200 if found.ready else 503
