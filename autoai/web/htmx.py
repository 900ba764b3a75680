"""The one place that knows whether htmx asks, and for what: a whole page or a part of one."""

from __future__ import annotations

from flask import Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from .pace import paced

_VARY = ("HX-Request", "HX-Request-Type", "HX-History-Restore-Request")


def is_htmx() -> bool:
    """Did htmx send this request?"""
    return request.headers.get("HX-Request") == "true"


def wants_part() -> bool:
    """Is a part enough? A restored history entry, or a swap of the whole body, needs the page."""
    return (
        is_htmx()
        and request.headers.get("HX-History-Restore-Request") != "true"
        and request.headers.get("HX-Request-Type") != "full"
    )


def render(page: str, part: str, status: int = 200, /, **context: object) -> Response:
    """`page`, or only `part` of it where htmx wants that: two templates, one context."""
    return respond(render_bounded(part if wants_part() else page, **context), status)


def respond(html: str, status: int = 200) -> Response:
    """A page or a part of it, whichever htmx wanted, that is written already."""
    response = make_response(html, status)
    response.vary.update(_VARY)
    return response


def render_bounded(template: str, /, **context: object) -> str:
    """A template's text; only so many are written at the same time."""
    with paced():
        return render_template(template, **context)


def unchanged(stamp: str) -> bool:
    """Has the part that asks been written at `stamp` already? Then 204 is the answer."""
    return wants_part() and request.args.get("seen") == stamp


def nothing_new() -> Response:
    """Leave the part as it is."""
    response = make_response("", 204)
    response.vary.update(_VARY)
    return response


def done(message: str, refresh: str, category: str = "success") -> Response:
    """After a change: a message at the top, and the part with the id `refresh` asks again at once."""
    response = make_response(render_bounded("shared/_said.html", category=category, text=message))
    response.headers["HX-Trigger"] = f'{{"refresh": {{"target": "#{refresh}"}}}}'
    return response


def hx_redirect(location: str) -> AnyResponse:
    """Send the person to `location`, as a whole page also where htmx asked."""
    if not is_htmx():
        return redirect(location, 303)
    response = make_response("")
    response.headers["HX-Redirect"] = location
    return response
