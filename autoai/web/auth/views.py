"""Logging in and out."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from ...runtime import runtime
from ...services import users
from ..guard import sign_in, sign_out
from ..htmx import render_bounded
from ..urls import own_path
from .forms import LoginForm

auth = Blueprint("auth", __name__)


@auth.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """The door. `next` is where the person wanted to go; only paths of this site count."""
    form = LoginForm(request.form if request.method == "POST" else request.args)
    target = own_path(form.next.data) or "/"
    if request.method == "GET":
        if current_user.is_authenticated:
            return redirect(target)
        return _door(form, 200)
    token = users.log_in(
        runtime().ports, form.password.data or "", request.remote_addr or "unknown"
    )
    if token is None:
        form.password.errors = [_("Wrong password")]
        return _door(form, 401)
    sign_in(token)
    return redirect(target, 303)


@auth.post("/logout")
def logout() -> ResponseReturnValue:
    """End the session."""
    sign_out()
    return redirect("/login", 303)


def _door(form: LoginForm, status: int) -> ResponseReturnValue:
    return make_response(render_bounded("auth/login.html", form=form), status)
