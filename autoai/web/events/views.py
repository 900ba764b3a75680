"""`GET /events`: news for a page that is being looked at."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from http import HTTPStatus
from typing import Any, cast

from flask import Blueprint, Flask, Response, current_app, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ...queries.state import current_revision
from ...runtime import runtime
from ...services.users import living_sessions
from ..urls import id_of
from .hub import Hub, Stream
from .sockets import can_be_taken, take_socket

events = Blueprint("events", __name__)
_NAME = "autoai-events"
_MOST_RUNS = 8
_COME_BACK = 60
"""Seconds after which a page that found no place may ask again."""


def init_app(app: Flask) -> None:
    """Give the app its hub. It does nothing until the first stream opens."""
    here = runtime(app)
    app.extensions[_NAME] = Hub(AppSight(app), here.ports.clock)
    app.register_blueprint(events)


def hub_of(app: Flask) -> Hub:
    """The streams of this process."""
    return cast(Hub, app.extensions[_NAME])


class AppSight:
    """What streams tell of; each look has an app context of its own, so that none holds a
    connection to the database in between."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def revision(self) -> int:
        with self._app.app_context():
            return current_revision()

    def living(self, sessions: Collection[str]) -> set[str]:
        with self._app.app_context():
            return living_sessions(runtime().ports, sessions)

    def grown(self, run_id: int) -> int:
        return runtime(self._app).ports.live.size(run_id)


class StreamResponse(Response):
    """Writes its head to the connection and leaves the connection to the hub: no thread waits."""

    default_mimetype = "text/event-stream"

    def __init__(self, hub: Hub, stream: Stream) -> None:
        super().__init__()
        self._hub, self._stream = hub, stream
        self.headers["X-Accel-Buffering"] = "no"  # nginx would wait until a page is full

    def __call__(self, environ: dict[str, Any], start_response: object) -> Iterable[bytes]:
        try:
            sock = take_socket(environ)
            sock.sendall(self._head(environ))
        except OSError:
            self._hub.drop(self._stream)
            raise
        self._hub.start(self._stream, sock)
        raise StopIteration  # how gunicorn is told that the connection is none of its business

    def _head(self, environ: dict[str, Any]) -> bytes:
        headers = self.get_wsgi_headers(environ)
        del headers["Content-Length"]
        headers["Connection"] = "close"  # the body ends where the connection does
        lines = [f"HTTP/1.1 {HTTPStatus.OK.value} {HTTPStatus.OK.phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        # Not all pages at once, where all have lost their stream at once.
        pause = random.randint(1_000, 3_000)  # noqa: S311 - nothing to guess
        return ("\r\n".join(lines) + f"\r\n\r\nretry: {pause}\n\n").encode("latin-1")


@events.get("/events")
def listen() -> ResponseReturnValue:
    """A stream of events: `change` with the revision as its id, `grow`, `beat`, `over`.

    What the page has seen is in `Last-Event-ID`, or in `since` where it opens a stream anew. `run`
    names runs whose growing answers it shows. 204 means that there are no streams here, 503 that
    there is no place; the page asks by itself then.
    """
    if request.method != "GET" or not can_be_taken(request.environ):
        return "", HTTPStatus.NO_CONTENT
    hub = hub_of(current_app)
    seen = id_of(request.headers.get("Last-Event-ID") or request.args.get("since", ""))
    run_ids = [id_of(text) for text in request.args.getlist("run")[:_MOST_RUNS]]
    session = current_user.token_hash
    stream = hub.admit(session, seen, [run_id for run_id in run_ids if run_id])
    if stream is None:
        return "", HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": str(_COME_BACK)}
    return StreamResponse(hub, stream)
