"""The interface's words for statuses, reasons and kinds: what happened, and what to do about it."""

from __future__ import annotations

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from ..domain.runs import Status
from ..models import Run, Task
from ..queries.log_rows import LogRow
from ..queries.waiting import Wait, WaitsFor
from ..runtime import runtime
from . import formats

STATUSES: dict[str, tuple[LazyString, str]] = {
    "queued": (_("Queued"), "clock"),
    "running": (_("Running"), "loader-circle"),
    "success": (_("Success"), "circle-check"),
    "failed": (_("Failed"), "circle-x"),
    "cancelled": (_("Cancelled"), "ban"),
    "interrupted": (_("Interrupted"), "unplug"),
    "skipped": (_("Skipped"), "skip-forward"),
    "missed": (_("Missed"), "calendar-x"),
    "expired": (_("Expired"), "hourglass"),
    "never": (_("Never run"), "circle-dashed"),
    "paused": (_("Paused"), "pause"),
    "off": (_("Switched off"), "power"),
    "flagged": (_("Will fail"), "triangle-alert"),
    "degraded": (_("Degraded"), "badge-alert"),
}
"""Status → its word and the name of its icon. The last ones are states of a task, and what stands
in the place of a success that is none to be glad of."""

SOURCES: dict[str, LazyString] = {
    "schedule": _("On schedule"),
    "catch_up": _("Caught up after a gap"),
    "manual": _("Run by hand"),
    "retry": _("Run again"),
    "event": _("Started by an event"),
    "chain": _("Started by another task"),
    "external": _("Started from outside"),
}

KINDS: dict[str, LazyString] = {
    "ok": _("Answered"),
    "never_sent": _("Not sent"),
    "maybe_billed": _("Sent, but no whole answer came back"),
    "throttled": _("Slowed down by the server"),
    "server_error": _("Server error"),
    "rejected": _("Refused"),
    "unusable_answer": _("Unusable answer"),
}
"""What one attempt came to."""

ROLES: dict[str, LazyString] = {
    "system": _("System message"),
    "user": _("Message"),
    "assistant": _("Answer"),
}

PROVIDERS: dict[str, LazyString] = {
    "openai": _("OpenAI-compatible (Chat Completions)"),
    "openai_responses": _("OpenAI Responses"),
    "anthropic": _("Anthropic Messages"),
}
"""The families of API, in the order in which they are offered."""

REASONS: dict[str, tuple[LazyString, LazyString]] = {
    "overlap": (
        _("The run before it had not finished yet, so this one was left out."),
        _("If this happens often, choose a longer interval or a shorter time-out."),
    ),
    "paused": (
        _("The task was paused at that time."),
        _("Nothing to do; resume the task when it should run again."),
    ),
    "disabled_account": (
        _("The account was switched off."),
        _("Switch it on under Accounts."),
    ),
    "blackout": (
        _("This fell into the hours in which the task never runs."),
        _("Nothing to do; the hours can be changed in the task."),
    ),
    "budget": (
        _("Its budget had no room for what this could cost at most, so nothing was sent."),
        _("Raise the budget, wait for the next day or month, or run it anyway."),
    ),
    "downtime": (
        _("AutoAI was not running when this was due."),
        _("If the result is still wanted, run the task by hand."),
    ),
    "process_died": (
        _("AutoAI stopped in the middle of this run. It may have been billed."),
        _("Whether the answer came is unknown. Run the task by hand if you need it."),
    ),
    "shutdown": (
        _("AutoAI was shut down before the answer came. It may have been billed."),
        _("Run the task by hand if you need the answer."),
    ),
    "cancelled": (
        _("This run was cancelled."),
        _("What had been sent by then may have been billed. It can be run again."),
    ),
    "expired": (
        _("It could not start or finish before it was too late for it."),
        _("Allow more time in the task, or give it a higher priority."),
    ),
    "key_unreadable": (
        _("The stored API key cannot be decrypted, so nothing was sent."),
        _("Put the ENCRYPTION_KEY that it was stored with back into the settings and restart."),
    ),
    "bad_template": (
        _("The message could not be made from its template, so nothing was sent."),
        _("Mend the message in the task."),
    ),
    "never_sent": (
        _("The server could not be reached; nothing was sent."),
        _("Check the API endpoint's host name, and that this machine can reach it."),
    ),
    "timeout": (
        _("No answer came within the time-out. It may have been billed."),
        _("Set a longer time-out in the task, or ask for a shorter answer."),
    ),
    "deadline": (
        _("The answer was still coming when the time-out ended. It may have been billed."),
        _("Set a longer time-out in the task, or ask for a shorter answer."),
    ),
    "connection_lost": (
        _("The connection broke before the whole answer came. It may have been billed."),
        _("If this happens again, look at the network and at the provider's status page."),
    ),
    "rate_limited": (
        _("The provider asked to slow down, or the account's quota is used up."),
        _("Run less often, check quota and billing at the provider, or turn on retries for 429."),
    ),
    "rejected": (
        _("The provider refused the request."),
        _("The error below says why; most often the model's name or the endpoint is wrong."),
    ),
    "auth": (
        _("The provider did not accept the API key."),
        _(
            "Enter a valid API key in the task or its account, and check that it may use this model."
        ),
    ),
    "server_error": (
        _("The provider's server had an error."),
        _("Usually this passes. Retries for 500 to 504 can be turned on in the task."),
    ),
    "redirect": (
        _("The server answered with a redirect, which is not followed to keep the key safe."),
        _("Enter the address that it points to as the task's API endpoint."),
    ),
    "tls": (
        _("A secure connection could not be made; nothing was sent."),
        _("Check the server's certificate, and this machine's clock and CA bundle."),
    ),
    "denied_network": (
        _("The address lies in a network that AutoAI may not reach; nothing was sent."),
        _(
            "Check the API endpoint. Whoever runs AutoAI sets ALLOWED_NETWORKS and DENIED_NETWORKS;"
            " the metadata addresses of clouds are never reached."
        ),
    ),
    "too_large": (
        _("The answer was larger than allowed and was cut off."),
        _("Ask for a shorter answer, or raise MAX_RESPONSE_BYTES."),
    ),
    "protocol": (
        _("What came back was not proper HTTP."),
        _("Check that the API endpoint's scheme and port are right."),
    ),
    "bad_response": (
        _("The server's answer was not what a chat completion looks like."),
        _("Check the API endpoint: it may be the address of a web page instead of the API."),
    ),
    "model_missing": (
        _("The endpoint does not list this model."),
        _("Look at the model's name; the endpoint may have renamed or removed it."),
    ),
    "empty": (
        _("The model answered with nothing."),
        _("Try a clearer message or another model."),
    ),
    "model_refused": (
        _("The model declined to answer."),
        _("Word the message differently, or use another model."),
    ),
    "filtered": (
        _("The provider's content filter held the answer back."),
        _("Word the message differently, or use another model."),
    ),
    "truncated": (
        _("The answer was cut short: at a limit of its length, or because the provider broke off."),
        _("Ask for a shorter answer."),
    ),
    "schema_mismatch": (
        _("The answer is not the JSON that was asked for."),
        _("Say in the message what the JSON should look like, or allow more tokens."),
    ),
    "check_failed": (
        _("The answer did not pass a check of the task."),
        _("Look at which one below, and mend the message or the check."),
    ),
    "tool_calls_only": (
        _("The model asked to call a tool instead of answering with text."),
        _("Word the message so that it can be answered with text alone."),
    ),
    "internal": (
        _("AutoAI itself had an error."),
        _("The server's log has the details under this run's number."),
    ),
}
"""Reason → what happened, and what to do about it."""


def paused_why(task: Task) -> str:
    """Why a task paused itself."""
    reason = REASONS[task.paused_reason][0] if task.paused_reason in REASONS else task.paused_reason
    return ngettext(
        "Paused itself after %(num)s failure: %(reason)s",
        "Paused itself after %(num)s failures: %(reason)s",
        task.failures_in_a_row,
        reason=reason,
    )


def wait_words(wait: Wait) -> str:
    """What a queued run waits for."""
    until = ""
    if wait.until is not None:
        until = formats.moment(wait.until, runtime().ports.clock.now())
    match wait.what:
        case WaitsFor.TIME:
            return gettext("Waits until %(time)s.", time=until)
        case WaitsFor.NEXT_ATTEMPT:
            return gettext("Waits until %(time)s for its next attempt.", time=until)
        case WaitsFor.RUN_BEFORE:
            return gettext("Waits for run %(id)s of the same task to end.", id=wait.run_id)
        case WaitsFor.ACCOUNT_OFF:
            return gettext("Waits until its account is switched on.")
        case WaitsFor.CALLS:
            return gettext("Waits for another call to the same account or endpoint to end.")
        case WaitsFor.REQUESTS:
            return gettext("Waits for its account's limit of requests per minute.")
        case WaitsFor.TOKENS:
            return gettext("Waits for its account's limit of tokens per minute.")
        case WaitsFor.THROTTLED:
            return gettext("Waits until %(time)s: the provider asked for patience.", time=until)
        case WaitsFor.SLOT:
            return gettext("Waits for a free slot.")
        case _:
            return gettext("Starts in a moment.")


def why(run: Run | LogRow) -> list[str]:
    """The names of the sentences that say why a run did not simply succeed."""
    names = ["expired"] if run.status == Status.EXPIRED else []
    return [*names, run.reason] if run.reason else names


def status_word(status: str) -> LazyString | str:
    """The word of a status; a status unknown here stands for itself."""
    return STATUSES[status][0] if status in STATUSES else status


def status_icon(status: str) -> str:
    """The name of a status's icon."""
    return STATUSES[status][1] if status in STATUSES else "info"
