"""What every answer tells the browser: where things may come from, and what may be kept."""

from __future__ import annotations

from flask import Flask, Response, request

_A_YEAR = 365 * 24 * 3600
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self';"
        " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def _finish(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        # What stands behind a login is not kept, so that logging out hides it.
        response.headers.setdefault("Cache-Control", "no-store")
    elif request.args.get("v"):
        response.headers["Cache-Control"] = f"public, max-age={_A_YEAR}, immutable"
    return response


def init_app(app: Flask) -> None:
    """Finish every answer of the app."""
    app.after_request(_finish)
