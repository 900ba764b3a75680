"""Who may come in: every route needs a login unless it is listed here.

The login is looked at first, the CSRF token second: a program without credentials is told 401, not
that a token of a session which it does not have is missing. Bearer tokens need no CSRF token, for
no browser sends them by itself.
"""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Flask, g, jsonify, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user, login_user, logout_user
from werkzeug.exceptions import Unauthorized

from ..extensions import csrf, login_manager
from ..runtime import runtime
from ..services import users
from .htmx import hx_redirect, is_htmx

PUBLIC = frozenset({"static", "auth.login", "preferences.locale", "preferences.theme"})
"""Pages that need no login. Unsafe methods still need the CSRF token."""
OPEN = frozenset({"health.healthz", "health.readyz", "demo.completions", "demo.models"})
"""Endpoints for programs that need neither login nor CSRF token: they change nothing."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_API = "/api/"


class SignedIn(UserMixin):
    """What Flask-Login keeps in the cookie is the token of a session that the server holds."""

    def __init__(self, token: str, token_hash: str) -> None:
        self.token = token
        self.token_hash = token_hash

    def get_id(self) -> str:
        return self.token


def init_app(app: Flask) -> None:
    """Stand before every request."""
    login_manager.session_protection = None  # the session is on the server; a new address is fine
    login_manager.user_loader(_load_session)
    app.before_request(_gate)


def sign_in(token: str) -> None:
    """The browser has shown the right password: a new session, nothing of the old one kept."""
    kept = {key: session[key] for key in ("_flashes",) if key in session}
    session.clear()
    session.update(kept)
    session.permanent = True
    found = _load_session(token)
    if found is not None:
        login_user(found)


def sign_out() -> None:
    """End the session here and on the server."""
    if current_user.is_authenticated:
        users.log_out(current_user.token)
    logout_user()
    session.clear()


def _load_session(token: str) -> SignedIn | None:
    found = users.find_session(runtime().ports, token)
    return SignedIn(token, found) if found else None


def _gate() -> ResponseReturnValue | None:
    endpoint = request.endpoint
    if endpoint in OPEN:
        return None
    is_api = request.path.startswith(_API)
    if is_api and _offers_bearer():
        return None if _has_bearer() else _unauthorized()
    if endpoint is not None and endpoint not in PUBLIC and not current_user.is_authenticated:
        return _unauthorized() if is_api else _to_login()
    if is_api and not current_user.is_authenticated:
        return _unauthorized()
    if endpoint is not None and request.method not in _SAFE:
        csrf.protect()
    return None


def _offers_bearer() -> bool:
    """Other schemes are a proxy's matter: a browser behind one sends them along."""
    return request.headers.get("Authorization", "").partition(" ")[0].lower() == "bearer"


def _has_bearer() -> bool:
    g.api_token = users.find_token(request.headers["Authorization"].partition(" ")[2].strip())
    return g.api_token is not None


def _unauthorized() -> ResponseReturnValue:
    response = jsonify(detail="Log in, or send Authorization: Bearer with an API token.")
    response.headers["WWW-Authenticate"] = "Bearer"
    return response, Unauthorized.code


def _to_login() -> ResponseReturnValue:
    own = request.full_path.rstrip("?") if request.method in _SAFE else ""
    target = "/login" + (f"?{urlencode({'next': own})}" if own not in ("", "/") else "")
    return hx_redirect("/login") if is_htmx() else redirect(target)
