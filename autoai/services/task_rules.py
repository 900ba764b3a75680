"""What makes a task valid. Decided here once, for the form, the API and the import alike.

Input is a mapping of field names to parsed values; the answer has the columns of `Task`. Messages
are in the reader's language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import gettext as _

from ..domain.policies import CatchUp, Overlap
from ..domain.retries import RETRYABLE_STATUSES
from ..domain.runs import Priority
from ..models import Account
from ..providers.registry import PROVIDERS
from .accounts import find_account
from .budget_rules import check_bounded, check_budgets
from .check_rules import check_demands
from .checker import Checker
from .connection_rules import MODEL_LENGTH, check_endpoint
from .parameter_rules import check_parameters
from .prompt_rules import check_prompt
from .schedule_rules import check_schedule

NAME_LENGTH = 200
TEXT_LENGTH = 100_000
MAX_TIMEOUT = 3_600
MAX_ATTEMPTS = 10

MAX_TAGS, TAG_LENGTH = 20, 50
MAX_WINDOW_SECONDS = 30 * 24 * 3600
MAX_FAILURES = 1_000


def check_task(
    values: Mapping[str, Any],
    default_timezone: str,
    default_timeout: int,
    stored_secrets: Iterable[str] = (),
) -> dict[str, Any]:
    """A whole task's fields → its columns, without the key and the secrets; `tags` is a list of
    words. `stored_secrets` are the names of those that it has.

    Raises `Invalid` with all errors.
    """
    check = Checker(values)
    account = find_account(values.get("account_id"))
    columns: dict[str, Any] = {
        "name": check.line("name", NAME_LENGTH),
        **_where(check, account),
        "system_message": check.text("system_message", TEXT_LENGTH, required=False) or None,
        "message_content": check.text("message_content", TEXT_LENGTH),
        "timeout_seconds": check.number("timeout_seconds", 1, MAX_TIMEOUT, default_timeout),
        "max_attempts": check.number("max_attempts", 1, MAX_ATTEMPTS, 3),
        "retry_network": check.flag("retry_network", True),
        "retry_statuses": _statuses(check),
        "enabled": check.flag("enabled", True),
        **_policies(check),
        **check_parameters(check),
        **check_budgets(check),
        **check_demands(check),
        "tags": _tags(check),
    }
    check_bounded(check, columns, account)
    columns.update(check_prompt(check, columns, stored_secrets))
    columns.update(check.merge(lambda: check_schedule(values, default_timezone)))
    fresh = columns["expires_after_seconds"]
    if fresh is not None and columns.get("jitter_seconds", 0) >= fresh:
        check.complain(
            "expires_after_seconds",
            _("This must be longer than the jitter, which may put a run off by as much."),
        )
    check.done()
    return columns


def _where(check: Checker, account: Account | None) -> dict[str, Any]:
    """An account, or an endpoint of its own; and the model that is asked there."""
    account_id = check.values.get("account_id")
    columns: dict[str, Any] = {"account_id": account_id, "provider": "openai", "api_endpoint": None}
    if account_id is None:
        columns["api_endpoint"] = check_endpoint(check)
        columns["provider"] = check.choice("provider", PROVIDERS, "openai")
    elif account is None:
        check.complain("account_id", _("There is no such account."))
    elif check.values.get("api_endpoint") or check.values.get("api_key"):
        check.complain("account_id", _("Give either an account, or an endpoint and its key."))
    if account is not None and account.default_model and not check.values.get("model"):
        columns["model"] = None
    else:
        columns["model"] = check.line("model", MODEL_LENGTH)
    return columns


def _statuses(check: Checker) -> list[int]:
    value = check.values.get("retry_statuses") or []
    if not isinstance(value, list) or any(
        type(item) is not int or item not in RETRYABLE_STATUSES for item in value
    ):
        check.complain(
            "retry_statuses",
            _(
                "Only these can be repeated: %(statuses)s.",
                statuses=", ".join(map(str, RETRYABLE_STATUSES)),
            ),
        )
        return []
    return sorted(set(value))


def _policies(check: Checker) -> dict[str, Any]:
    priority = check.choice("priority", [p.name.lower() for p in Priority], "normal")
    failures = check.optional_number("pause_after_failures", 1, MAX_FAILURES)
    return {
        "catch_up": check.choice("catch_up", CatchUp, CatchUp.LATEST),
        "catch_up_window_seconds": check.number(
            "catch_up_window_seconds", 0, MAX_WINDOW_SECONDS, 3600
        ),
        "overlap": check.choice("overlap", Overlap, Overlap.SKIP),
        "expires_after_seconds": check.optional_number(
            "expires_after_seconds", 1, MAX_WINDOW_SECONDS
        ),
        "priority": Priority[priority.upper()],
        "pause_after_failures": failures if "pause_after_failures" in check.values else 5,
        "rerun_interrupted": check.flag("rerun_interrupted", False),
    }


def _tags(check: Checker) -> list[str]:
    value = check.values.get("tags") or []
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        check.complain("tags", _("This must be a list."))
        return []
    tags = sorted({tag.strip() for tag in value} - {""})
    if len(tags) > MAX_TAGS:
        check.complain("tags", _("At most %(count)s tags.", count=MAX_TAGS))
    for tag in tags:
        if len(tag) > TAG_LENGTH or "," in tag or not tag.isprintable():
            check.complain(
                "tags",
                _("A tag has at most %(count)s characters and no comma.", count=TAG_LENGTH),
            )
            break
    return tags
