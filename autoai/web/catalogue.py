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


_DOMAIN = KeptDomain()


# As Flask-Babel's, without its detours: for what is written hundreds of times on a page, and for the
# templates, whose texts are markup.


def gettext(text: str, /, **values: Any) -> str:
    """`text` in the reader's language."""
    found: str = _DOMAIN.get_translations().ugettext(text)
    return found % values if values else found


def _markup(text: str, /, **values: Any) -> Markup:
    return Markup(_DOMAIN.get_translations().ugettext(text)) % values  # noqa: S704 - source texts, values are escaped


def _plural_markup(one: str, many: str, num: int, /, **values: Any) -> Markup:
    text = _DOMAIN.get_translations().ungettext(one, many, num)
    return Markup(text) % {"num": num, **values}  # noqa: S704


def init_app(app: Flask) -> None:
    """Let all texts of a request, those of Python and of templates, come from here."""
    app.before_request(_DOMAIN.as_default)
    app.jinja_env.globals.update(_=_markup, gettext=_markup, ngettext=_plural_markup)
