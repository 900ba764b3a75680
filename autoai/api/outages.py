"""/api/outages: what was missed while nothing looked, and what is to be done about it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from ..models import Outage
from ..queries.outages import get_outage, missed_by_task, open_outages
from ..runtime import runtime
from ..services import outages as service
from .errors import register_errors
from .requests import read_body
from .schemas import DecisionIn, instant

outages = Blueprint("api_outages", __name__)
register_errors(outages)


@outages.get("/outages")
def index() -> ResponseReturnValue:
    return jsonify(items=[_out(outage) for outage in open_outages()], next_cursor=None)


@outages.get("/outages/<int:outage_id>")
def read(outage_id: int) -> ResponseReturnValue:
    return jsonify(_out(get_outage(outage_id)))


@outages.post("/outages/<int:outage_id>")
def decide(outage_id: int) -> ResponseReturnValue:
    body = read_body(DecisionIn)
    runs = service.decide(runtime().ports, outage_id, body.task_id, body.choice)
    return jsonify(runs=runs), 202


@outages.post("/outages/<int:outage_id>/dismiss")
def dismiss(outage_id: int) -> ResponseReturnValue:
    service.dismiss(outage_id)
    return "", 204


def _out(outage: Outage) -> dict[str, Any]:
    return {
        "id": outage.id,
        "began_at": instant(outage.began_at),
        "ended_at": instant(outage.ended_at),
        "dismissed": outage.dismissed,
        "tasks": [
            {
                "task_id": row.task.id,
                "task_name": row.task.name,
                "missed": row.missed,
                "latest": instant(row.latest),
                "caught_up": row.caught_up,
                "choice": row.decision.choice if row.decision else None,
                "runs": row.decision.runs if row.decision else None,
            }
            for row in missed_by_task(outage)
        ],
    }
