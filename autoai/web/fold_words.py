"""What is set in a part of a form that is folded away, in a few words of the reader's language.

Pure functions of the form's values, as the service takes them but not checked yet: what cannot be
read is left out, the form says beside the field what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from ..domain.changes import Watch
from ..domain.policies import CatchUp, Overlap
from . import formats

Values = Mapping[str, Any]
USUAL_WINDOW, USUAL_FAILURES, USUAL_ATTEMPTS = 3600, 5, 3


@dataclass(frozen=True)
class Fold:
    """The summary of a part, and whether it stands open."""

    said: str = ""
    """Where nothing is set, what could be."""
    changed: bool = False
    """Is it otherwise than in most?"""
    open: bool = False


def prompt_fold(values: Values, *, open: bool = False) -> Fold:
    """Variables, secrets, conversation."""
    variables, secrets = len(values["variables"]), len(values.get("secrets") or ())
    turns = _number(values, "conversation_turns")
    return _set(
        open,
        _("names, variables, secrets, conversation"),
        variables and ngettext("%(num)s variable", "%(num)s variables", variables),
        secrets and ngettext("%(num)s secret", "%(num)s secrets", secrets),
        turns and ngettext("%(num)s earlier run is sent", "%(num)s earlier runs are sent", turns),
    )


def when_fold(values: Values, *, open: bool = False) -> Fold:
    """Start, end, spreading, quiet hours."""
    begin, end = _day(values["starts_at"]), _day(values["ends_at"])
    jitter, windows = _number(values, "jitter_seconds"), len(values["blackouts"])
    return _set(
        open,
        _("start and end, spreading, quiet hours"),
        begin and _("from %(day)s", day=formats.day_of_year(begin)),
        end and _("until %(day)s", day=formats.day_of_year(end)),
        jitter and _("spread over %(time)s", time=_seconds(jitter)),
        windows and ngettext("%(num)s quiet window", "%(num)s quiet windows", windows),
    )


def answer_fold(values: Values, *, open: bool = False) -> Fold:
    """Earlier messages, parameters, format."""
    messages, stops = len(values["messages"]), len(values["stop"])
    temperature, most = values["temperature"], _number(values, "max_tokens")
    seed, body = values["seed"], values["extra_body"]
    return _set(
        open,
        _("earlier messages, temperature, format …"),
        messages and ngettext("%(num)s earlier message", "%(num)s earlier messages", messages),
        isinstance(temperature, float)
        and isfinite(temperature)
        and _("temperature %(value)s", value=formats.number(temperature)),
        most and ngettext("at most %(num)s token", "at most %(num)s tokens", most),
        {"json": "JSON", "json_schema": _("JSON schema")}.get(values["response_format"]),
        isinstance(seed, int) and _("seed %(value)s", value=seed),
        stops and ngettext("%(num)s stop text", "%(num)s stop texts", stops),
        isinstance(body, dict)
        and body
        and ngettext("%(num)s more field", "%(num)s more fields", len(body)),
        values["stream"] is False and _("in one piece"),
    )


def checks_fold(values: Values, *, open: bool = False) -> Fold:
    """Checks, levels, the watch for changes."""
    checks, levels = len(values["checks"]), len(values["verdict_rules"])
    watched = {Watch.TEXT: _("text is compared"), Watch.JSON: _("JSON is compared")}
    return _set(
        open,
        _("checks, and a watch for changes"),
        checks and ngettext("%(num)s check", "%(num)s checks", checks),
        levels and ngettext("%(num)s own level", "%(num)s own levels", levels),
        watched.get(values["change_watch"]),
    )


def policies_fold(values: Values, *, open: bool = False) -> Fold:
    """Catching up, overlaps, freshness, priority, pausing."""
    catch_up, overlap = values["catch_up"] or CatchUp.LATEST, values["overlap"] or Overlap.SKIP
    window, fresh = (
        _number(values, name) for name in ("catch_up_window_seconds", "expires_after_seconds")
    )
    failures = values.get("pause_after_failures", USUAL_FAILURES)
    usual = [
        {
            CatchUp.LATEST: _("catches up once"),
            CatchUp.ALL: _("catches up everything"),
            CatchUp.NONE: _("never catches up"),
        }.get(catch_up),
        {
            Overlap.SKIP: _("skips overlaps"),
            Overlap.QUEUE: _("one waits"),
            Overlap.ALLOW: _("allows overlaps"),
        }.get(overlap),
    ]
    more = [
        catch_up == CatchUp.LATEST
        and window not in (None, USUAL_WINDOW)
        and _("up to %(time)s late", time=_seconds(window or 0)),
        fresh and _("expires after %(time)s", time=_seconds(fresh)),
        {"high": _("high priority"), "low": _("low priority")}.get(values["priority"]),
        _pause(failures),
        values["rerun_interrupted"] and _("repeats what was cut off"),
    ]
    other = catch_up != CatchUp.LATEST or overlap != Overlap.SKIP or any(more)
    return Fold(_joined([*usual, *more]), other, open)


def attempts_fold(values: Values, usual_timeout: int, *, open: bool = False) -> Fold:
    """Time-out and retries; `usual_timeout` in seconds."""
    timeout, attempts = _number(values, "timeout_seconds"), _number(values, "max_attempts")
    statuses = [str(code) for code in values["retry_statuses"] if isinstance(code, int)]
    retries = []
    if attempts != 1:
        retries = [
            _("network errors are retried")
            if values["retry_network"]
            else _("network errors are not retried"),
            statuses and _("also retries %(statuses)s", statuses=formats.listed(statuses)),
        ]
    said = [
        timeout and _("%(time)s each", time=_seconds(timeout)),
        attempts and ngettext("%(num)s attempt", "%(num)s attempts", attempts),
        *retries,
    ]
    usual = timeout in (None, usual_timeout) and attempts in (None, USUAL_ATTEMPTS)
    return Fold(_joined(said), not (usual and values["retry_network"] and not statuses), open)


def budgets_fold(values: Values, hint: str, *, open: bool = False) -> Fold:
    """What may be spent; `hint` says by whom."""
    day, month = (_dollars(values[f"cost_budget_{period}"]) for period in ("day", "month"))
    tokens_day, tokens_month = (
        _number(values, f"token_budget_{period}") for period in ("day", "month")
    )
    return _set(
        open,
        hint,
        day is not None and _("%(cost)s a day", cost=formats.money(day)),
        month is not None and _("%(cost)s a month", cost=formats.money(month)),
        tokens_day is not None and _("%(num)s tokens a day", num=formats.number(tokens_day)),
        tokens_month is not None and _("%(num)s tokens a month", num=formats.number(tokens_month)),
    )


def connection_fold(values: Values, *, open: bool = False) -> Fold:
    """An account's headers, proxy, prices."""
    headers, prices = len(values["extra_headers"]), len(values["prices"])
    return _set(
        open,
        _("most need none of them"),
        headers and ngettext("%(num)s header", "%(num)s headers", headers),
        values["proxy"] and _("a proxy"),
        prices and ngettext("%(num)s price", "%(num)s prices", prices),
    )


def _set(open: bool, hint: str, *parts: Any) -> Fold:
    """Of a part in which usually nothing is set."""
    said = _joined(parts)
    return Fold(said or hint, bool(said), open)


def _joined(parts: Iterable[Any]) -> str:
    # Translators: between the parts of a short summary: "3 attempts, network errors are retried"
    return _(", ").join(str(part) for part in parts if part)


def _number(values: Values, name: str) -> int | None:
    value = values.get(name)
    return value if isinstance(value, int) else None


def _seconds(value: int) -> str:
    if value % 3600 == 0 and 0 < value < 172_800:
        return ngettext("%(num)s hour", "%(num)s hours", value // 3600)
    if value % 60 == 0 and 0 < value < 3600:
        return _("%(num)s min", num=value // 60)
    return formats.duration(min(value, 10**9) * 1000)


def _pause(failures: Any) -> str:
    if failures == USUAL_FAILURES:
        return ""
    if failures is None:
        return _("never pauses")
    if not isinstance(failures, int):
        return ""
    return ngettext("pauses after %(num)s failure", "pauses after %(num)s failures", failures)


def _day(value: Any) -> date | None:
    try:
        return datetime.fromisoformat(value).date() if isinstance(value, str) else value.date()
    except (ValueError, AttributeError):
        return None


def _dollars(value: Any) -> Decimal | None:
    try:
        amount = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        return None
    return amount if amount.is_finite() and 0 <= amount < 10**9 else None
