"""The fields of a key, in the forms of a task and an account. They have the API's names."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, PasswordField

from .forms import ServiceForm


class KeyFields(ServiceForm):
    """A key for an endpoint. What is stored is never shown; an empty field keeps it."""

    api_key = PasswordField(_("API key"))
    remove_api_key = BooleanField(_("Remove the stored key"))
    keep_api_key = BooleanField(_("Send what is stored to the new host"))

    def key_values(self) -> dict[str, Any]:
        """As the service takes them."""
        names = ("api_key", "remove_api_key", "keep_api_key")
        return {name: self[name].data for name in names}
