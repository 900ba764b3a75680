"""The form's fields that say which model is asked, and where. They have the API's names."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import SelectField, StringField

from ..forms import whole_number
from ..key_fields import KeyFields
from ..words import PROVIDERS


class TargetFields(KeyFields):
    """An account, or an endpoint of its own; and the model that is asked there."""

    account_id = StringField(_("Ask through"))  # its choices stand in the template
    provider = SelectField(_("Kind of API"), choices=list(PROVIDERS), validate_choice=False)
    api_endpoint = StringField(_("API endpoint"))
    model = StringField(_("Model"))

    def target_values(self) -> dict[str, Any]:
        """The fields of what was chosen; those of the other choice do not count."""
        account_id = whole_number(self.account_id.data)
        if account_id is not None:
            return {"account_id": account_id, "model": self.model.data}
        return {
            "account_id": None,
            "provider": self.provider.data or None,
            "api_endpoint": self.api_endpoint.data,
            **self.key_values(),
            "model": self.model.data,
        }
