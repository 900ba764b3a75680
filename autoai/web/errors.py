"""Errors as pages, or as a message where htmx asked. Programs get the API's JSON instead."""

from __future__ import annotations

import logging

from flask import Flask, make_response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from ..api import errors as api
from ..domain.errors import Conflict, DomainError, Invalid, KeyUnreadable, NotFound, TooMany
from .formats import sentences
from .htmx import render_bounded, wants_part

log = logging.getLogger(__name__)
_PAGES = frozenset({400, 403, 404, 409, 413, 429, 500})


def init_app(app: Flask) -> None:
    """Answer for everything that a view does not catch itself."""
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _crash)


def problem(
    status: int, text: str | None = None, retry_after: int | None = None
) -> ResponseReturnValue:
    """The page of an error. `text` says more than the page's own words, `retry_after` in seconds."""
    page = f"errors/{status if status in _PAGES else 400 if status < 500 else 500}.html"
    if wants_part():
        text = text or _("That did not work. Load the page again and see how things stand.")
        body = render_bounded("shared/_said.html", category="error", text=text)
    else:
        body = render_bounded(page, text=text, retry_after=retry_after)
    response = make_response(body, status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _domain_error(error: DomainError) -> ResponseReturnValue:
    if api.is_api_request():
        return api.domain_error(error)
    if isinstance(error, NotFound):
        return problem(404)
    if isinstance(error, TooMany):
        return problem(429, retry_after=error.retry_after)
    if isinstance(error, Conflict | KeyUnreadable):
        return problem(409, str(error))
    if isinstance(error, Invalid):
        return problem(400, sentences(text for texts in error.errors.values() for text in texts))
    return _crash(error)


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error.get_response()
    if api.is_api_request():
        return api.http_error(error)
    response = make_response(problem(403 if isinstance(error, CSRFError) else error.code))
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _crash(error: Exception) -> ResponseReturnValue:
    if api.is_api_request():
        return api.crash(error)
    log.error("a page failed: %s %s", request.method, request.path, exc_info=error)
    return problem(500)
