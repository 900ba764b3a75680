"""The example task: something to see on the first start. It talks to the built-in echo endpoint."""

from __future__ import annotations

from ..domain.endpoints import ECHO_PATH
from ..domain.errors import NotFound
from ..extensions import db
from ..models import InstanceState, write_transaction
from .ports import Ports
from .tasks import create_task, get_task, update_task

_EVERY_SECONDS = 30


def ensure_demo(ports: Ports, own_url: str | None) -> None:
    """Make the example once; keep its endpoint where this process listens; switch it off with DEMO.

    `own_url` is where this process is reached, None where the demo is off. An example that a person
    deleted does not come back, and one that they pointed elsewhere is left alone.
    """
    state = db.session.get(InstanceState, 1)
    if state is None:
        return
    if state.demo_task_id is not None:
        _follow(ports, state.demo_task_id, own_url)
    elif own_url is not None:
        task = create_task(ports, _example(own_url))
        with write_transaction() as session:
            session.get_one(InstanceState, 1).demo_task_id = task.id


def _follow(ports: Ports, task_id: int, own_url: str | None) -> None:
    try:
        task = get_task(task_id)
    except NotFound:
        return
    if not (task.api_endpoint or "").endswith(ECHO_PATH):
        return
    if own_url is None:
        if task.enabled:
            update_task(ports, task_id, {"enabled": False}, partial=True)
    elif task.api_endpoint != own_url + ECHO_PATH:
        update_task(ports, task_id, {"api_endpoint": own_url + ECHO_PATH}, partial=True)


def _example(own_url: str) -> dict[str, object]:
    return {
        "name": "Example: the built-in echo",
        "api_endpoint": own_url + ECHO_PATH,
        "model": "echo",
        "system_message": "This example talks to a small endpoint inside AutoAI. It needs no key.",
        "message_content": "Good day! Repeat this, so that I can see that everything works.",
        "schedule_type": "interval",
        "interval_seconds": _EVERY_SECONDS,
    }
