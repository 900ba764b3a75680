"""The form of a template of one's own."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import FieldList, FormField, StringField, TextAreaField

from ...models import PromptTemplate
from ...services.own_templates import template_values
from ..forms import ServiceForm, newlines
from ..tasks.answer_fields import MessageForm
from ..tasks.prompt_fields import VariableForm


class TemplateForm(ServiceForm):
    """Fields have the API's names."""

    name = StringField(_("Name"))
    description = StringField(_("What it is good for"))
    system_message = TextAreaField(_("System message"))
    messages = FieldList(FormField(MessageForm), _("Earlier messages"))
    message_content = TextAreaField(_("Message"))
    variables = FieldList(FormField(VariableForm), _("Variables"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_rows("variables", 1)

    def values(self) -> dict[str, Any]:
        """All fields as the service takes them."""
        return {
            "name": self.name.data,
            "description": self.description.data,
            "system_message": newlines(self.system_message.data),
            "messages": [row for entry in self.messages if (row := entry.form.row())],
            "message_content": newlines(self.message_content.data),
            "variables": self._variables(),
        }

    def _variables(self) -> Any:
        """By name. One that is there twice leaves a list, for the service to object to."""
        rows = [row for entry in self.variables if (row := entry.form.row())]
        names = [row["name"] for row in rows]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is None:
            return {row["name"]: row["value"] for row in rows}
        self.own_words["variables"] = gettext("“%(name)s” is there twice.", name=twice)
        return rows


def edit_form(template: PromptTemplate) -> TemplateForm:
    """A form filled with a stored template."""
    values = template_values(template)
    rows = [{"name": name, "value": text} for name, text in values["variables"].items()]
    return TemplateForm(data={**values, "messages": values["messages"] or [], "variables": rows})
