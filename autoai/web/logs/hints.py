"""What a person can do about a run that did not simply succeed, and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_babel.speaklater import LazyString

from ...domain.runs import Reason
from ...models import Account, Run

_WHERE: dict[str, tuple[str, ...]] = {
    Reason.OVERLAP: ("when",),
    Reason.PAUSED: ("log",),
    Reason.DISABLED_ACCOUNT: ("account",),
    Reason.BLACKOUT: ("hours",),
    Reason.BUDGET: ("budgets", "own_budgets"),
    Reason.DOWNTIME: ("health",),
    Reason.PROCESS_DIED: ("health",),
    Reason.SHUTDOWN: ("health",),
    Reason.CANCELLED: (),
    "expired": ("policies",),
    Reason.KEY_UNREADABLE: ("health",),
    Reason.BAD_TEMPLATE: ("message",),
    Reason.NEVER_SENT: ("endpoint",),
    Reason.TIMEOUT: ("timeout", "message"),
    Reason.DEADLINE: ("timeout", "message"),
    Reason.CONNECTION_LOST: ("endpoint",),
    Reason.RATE_LIMITED: ("account", "attempts"),
    Reason.REJECTED: ("endpoint",),
    Reason.MODEL_MISSING: ("endpoint",),
    Reason.AUTH: ("endpoint",),
    Reason.SERVER_ERROR: ("attempts",),
    Reason.REDIRECT: ("endpoint",),
    Reason.TLS: ("endpoint", "health"),
    Reason.DENIED_NETWORK: ("endpoint",),
    Reason.TOO_LARGE: ("answer",),
    Reason.PROTOCOL: ("endpoint",),
    Reason.BAD_RESPONSE: ("endpoint",),
    Reason.EMPTY: ("message",),
    Reason.MODEL_REFUSED: ("message",),
    Reason.FILTERED: ("message",),
    Reason.TRUNCATED: ("answer", "message"),
    Reason.TOOL_CALLS_ONLY: ("message",),
    Reason.SCHEMA_MISMATCH: ("answer", "message"),
    Reason.CHECK_FAILED: ("checks", "message"),
    Reason.INTERNAL: ("health",),
}
"""Reason → the places where it is mended, the likeliest first."""

_BY_STATUS: dict[int, LazyString] = {
    400: lazy_gettext(
        "HTTP 400 says that something in the request is not as this server wants it: a parameter"
        " that the model does not know, or more text than it can take."
    ),
    402: lazy_gettext("HTTP 402 says that there is no money left at the provider."),
    403: lazy_gettext(
        "HTTP 403 says that the key is known, and may not do this: look at the key's rights, the"
        " model, and the region at the provider."
    ),
    404: lazy_gettext(
        "HTTP 404 says that there is nothing at this address, or no model of this name."
    ),
    405: lazy_gettext("HTTP 405 says that this address takes no requests of this kind."),
    413: lazy_gettext("HTTP 413 says that the request is too large: send less text."),
    422: lazy_gettext(
        "HTTP 422 says that a value in the request is not allowed: look at the parameters."
    ),
}
"""What a refusal's status says, in the words of most providers."""


@dataclass(frozen=True)
class Link:
    """A place where something can be mended."""

    href: str
    words: str


def status_hint(run: Run) -> LazyString | str:
    """What the HTTP status of a refused run says; empty where it says nothing more."""
    return _BY_STATUS.get(run.http_status or 0, "") if run.reason == Reason.REJECTED else ""


def links_for(reason: str, run: Run, account: Account | None) -> list[Link]:
    """Where `reason` is mended; `account` is the run's, where there still is one."""
    names = _WHERE.get(reason, ())
    return list(dict.fromkeys(link for name in names for link in _links(name, run, account)))


def _links(name: str, run: Run, account: Account | None) -> Iterator[Link]:
    task = f"/tasks/{run.task_id}"
    match name:
        case "account" | "endpoint" if account is not None:
            words = _("Open the account “%(name)s”", name=account.name)
            yield Link(f"/accounts/{account.id}/edit", words)
            if name == "endpoint":
                yield Link(f"{task}/edit#part-where", _("Model and endpoint of the task"))
        case "account" | "endpoint":
            yield Link(f"{task}/edit#part-where", _("Model and endpoint of the task"))
        case "message":
            yield Link(f"{task}/edit#part-what", _("Edit the message"))
        case "answer":
            yield Link(f"{task}/edit#answer", _("How the task wants its answer"))
        case "checks":
            yield Link(f"{task}/edit#more-checks", _("Checks of the task"))
        case "when":
            yield Link(f"{task}/edit#part-when", _("Schedule of the task"))
        case "hours":
            yield Link(f"{task}/edit#more-when", _("Hours in which it never runs"))
        case "policies":
            yield Link(f"{task}/edit#policies", _("What the task does when things go wrong"))
        case "timeout":
            yield Link(f"{task}/edit#timeout_seconds", _("Time-out of the task"))
        case "attempts":
            yield Link(f"{task}/edit#max_attempts", _("Attempts of the task"))
        case "own_budgets":
            yield Link(f"{task}/edit#more-budgets", _("Budgets of the task"))
        case "budgets":
            yield Link("/usage#budgets", _("How far the budgets are used"))
        case "health":
            yield Link("/health", _("Health of AutoAI"))
        case _:
            yield Link(f"{task}/logs", _("Log of the task"))
