"""What a person types at the door."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import Form, HiddenField, PasswordField


class LoginForm(Form):
    """The password alone: there is one user."""

    password = PasswordField(_("Password"))
    next = HiddenField()
