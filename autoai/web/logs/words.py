"""Short names for what the log filters by and shows: of periods, reasons, columns."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from ...api.run_filters import Period
from ...domain.runs import Reason

PERIODS: dict[str, LazyString] = {
    Period.TODAY: _("Today"),
    Period.YESTERDAY: _("Yesterday"),
    Period.LAST_24_HOURS: _("Last 24 hours"),
    Period.LAST_7_DAYS: _("Last 7 days"),
    Period.LAST_30_DAYS: _("Last 30 days"),
    Period.THIS_MONTH: _("This month"),
}

REASONS: dict[str, LazyString] = {
    Reason.OVERLAP: _("Still busy with the run before"),
    Reason.PAUSED: _("Task was paused"),
    Reason.DISABLED_ACCOUNT: _("Account was off"),
    Reason.BLACKOUT: _("Hours without runs"),
    Reason.BUDGET: _("No room in the budget"),
    Reason.DOWNTIME: _("AutoAI was not running"),
    Reason.PROCESS_DIED: _("AutoAI stopped halfway"),
    Reason.SHUTDOWN: _("AutoAI was shut down"),
    Reason.CANCELLED: _("Cancelled"),
    Reason.KEY_UNREADABLE: _("Key cannot be decrypted"),
    Reason.BAD_TEMPLATE: _("Template is wrong"),
    Reason.NEVER_SENT: _("Server not reached"),
    Reason.TIMEOUT: _("No answer in time"),
    Reason.DEADLINE: _("Answer took too long"),
    Reason.CONNECTION_LOST: _("Connection lost"),
    Reason.RATE_LIMITED: _("Asked to slow down"),
    Reason.REJECTED: _("Request refused"),
    Reason.MODEL_MISSING: _("Model not found"),
    Reason.AUTH: _("Key not accepted"),
    Reason.SERVER_ERROR: _("Server error"),
    Reason.REDIRECT: _("Redirect"),
    Reason.TLS: _("No secure connection"),
    Reason.DENIED_NETWORK: _("Network not allowed"),
    Reason.TOO_LARGE: _("Answer too large"),
    Reason.PROTOCOL: _("Not proper HTTP"),
    Reason.BAD_RESPONSE: _("Not a chat completion"),
    Reason.EMPTY: _("Empty answer"),
    Reason.MODEL_REFUSED: _("Model declined"),
    Reason.FILTERED: _("Held back by a filter"),
    Reason.TRUNCATED: _("Cut short"),
    Reason.TOOL_CALLS_ONLY: _("Tool call only"),
    Reason.SCHEMA_MISMATCH: _("Not the JSON asked for"),
    Reason.CHECK_FAILED: _("Check not passed"),
    Reason.INTERNAL: _("Error in AutoAI"),
}
"""Reason → a few words, for choices and cells; `web/words.py` has the sentences."""


def short_reason(name: str) -> LazyString | str:
    """A reason in a few words; one unknown here stands for itself."""
    return REASONS.get(name, name)
