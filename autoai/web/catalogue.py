"""The reader's texts, found quickly: a page asks for hundreds of them."""

from __future__ import annotations

from typing import Any

from flask import Flask, g
from flask_babel import Domain
from markupsafe import Markup


class KeptDomain(Domain):
    """Flask-Babel's, which finds the catalogue once for a request and not once for each text.

    Nothing changes a request's language before its end.
    """

    def get_translations(self) -> Any:
        kept = g._get_current_object()
        try:
            return kept.catalogue
        except AttributeError:
            kept.catalogue = super().get_translations()
            return kept.catalogue


def init_app(app: Flask) -> None:
    """Let all texts of a request, those of Python and of templates, come from here."""
    domain = KeptDomain()
    app.before_request(domain.as_default)
    env = app.jinja_env

    # As Flask-Babel's of the templates, without its detours.
    def translated(text: str, /, **values: Any) -> Markup:
        return Markup(domain.get_translations().ugettext(text)) % values  # noqa: S704 - source texts, values are escaped

    def translated_plural(one: str, many: str, num: int, /, **values: Any) -> Markup:
        text = domain.get_translations().ungettext(one, many, num)
        return Markup(text) % {"num": num, **values}  # noqa: S704

    env.globals.update(_=translated, gettext=translated, ngettext=translated_plural)
