"""Domain errors and HTTP errors → `{"detail": …}` for everything under /api."""

from __future__ import annotations

import logging

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from ..domain.errors import Conflict, DomainError, Invalid, KeyUnreadable, NotFound, TooMany

log = logging.getLogger(__name__)


def is_api_request() -> bool:
    """Does the client expect JSON?"""
    return request.path.startswith("/api/")


def register_errors(blueprint: Blueprint) -> None:
    """Map the domain's errors of one blueprint."""
    blueprint.register_error_handler(DomainError, domain_error)


def domain_error(error: DomainError) -> ResponseReturnValue:
    """One mapping for the whole API."""
    if isinstance(error, Invalid):
        return jsonify(detail=_("Some fields are not valid."), errors=error.errors), 422
    if isinstance(error, NotFound):
        return jsonify(detail=str(error)), 404
    if isinstance(error, TooMany):
        return jsonify(detail=str(error)), 429, {"Retry-After": str(error.retry_after)}
    if isinstance(error, Conflict | KeyUnreadable):
        return jsonify(detail=str(error)), 409
    raise error


def http_error(error: HTTPException) -> ResponseReturnValue:
    """What Flask itself refuses: an unknown path, a wrong method, a body that is too large."""
    if isinstance(error, CSRFError):
        return jsonify(detail=_("The CSRF token is missing or wrong (header X-CSRFToken).")), 403
    response = jsonify(detail=error.description or error.name)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response, error.code or 500


def crash(error: Exception) -> ResponseReturnValue:
    """A fault of our own: logged whole, told in a word."""
    log.error("a request failed: %s %s", request.method, request.path, exc_info=error)
    return jsonify(detail=_("AutoAI itself had an error; its log has the details.")), 500
