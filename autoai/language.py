"""The reader's language, as the domain's descriptions want it: Flask-Babel's, for this request."""

from __future__ import annotations

import flask_babel


class ReaderWords:
    """See `domain.schedules.Words`."""

    @property
    def locale(self) -> str:
        """en, zh_Hans or zh_Hant."""
        return str(flask_babel.get_locale() or "en")

    def gettext(self, message: str, **variables: object) -> str:
        return str(flask_babel.gettext(message, **variables))

    def ngettext(self, singular: str, plural: str, num: int, **variables: object) -> str:
        return str(flask_babel.ngettext(singular, plural, num, **variables))
