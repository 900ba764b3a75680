"""What a verdict found, in the reader's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from ..domain.checks import CheckKind
from ..domain.runs import Reason
from .formats import listed, number
from .words import REASONS

LEVELS: dict[str, LazyString] = {
    "ok": _("Fine"),
    "degraded": _("Degraded"),
    "failed": _("Failure"),
}
"""What a rule that fires makes of the run."""

JUDGED: dict[str, LazyString] = {
    Reason.MODEL_REFUSED: _("The model declines, and says so"),
    Reason.FILTERED: _("The content filter cuts the answer off"),
    Reason.TRUNCATED: _("The answer is cut short"),
    Reason.SCHEMA_MISMATCH: _("It is not the JSON that was asked for"),
    Reason.CHECK_FAILED: _("It does not pass a check"),
}
"""What a task may call better or worse."""

CHECKS: dict[str, LazyString] = {
    CheckKind.CONTAINS: _("contains"),
    CheckKind.NOT_CONTAINS: _("does not contain"),
    CheckKind.REGEX: _("matches the pattern"),
    CheckKind.MIN_LENGTH: _("has at least so many characters"),
    CheckKind.JSON_PATH: _("has, as JSON, this value at a path"),
}
"""The kinds of check, after "The answer …"."""

_NOT_JSON: dict[str, LazyString] = {
    "no_json": _("It is no JSON."),
    "too_deep": _("Its JSON is nested too deeply to be looked at."),
    "duplicate_key": _(
        "A name stands twice in the same JSON object, so what it says is uncertain."
    ),
    "fenced": _(
        "The JSON stands in a Markdown code block, which a program that reads it stumbles over."
    ),
    "not_checked": _(
        "It could not be held against the schema, or not in the time that there is for it."
    ),
}
_KINDS: dict[str, LazyString] = {
    "array": _("a list"),
    "string": _("a text"),
    "boolean": _("true or false"),
    "null": _("null"),
    "number": _("a number"),
}


def finding_words(finding: Mapping[str, Any]) -> str:
    """One finding as a sentence; see `domain.verdicts.Finding.as_dict`."""
    reason, detail = finding.get("reason"), finding.get("detail") or {}
    if reason == Reason.CHECK_FAILED:
        return gettext(
            "Check %(number)s: %(what)s", number=finding.get("check"), what=_check(detail)
        )
    if reason == Reason.SCHEMA_MISMATCH:
        return _misfit(detail)
    return str(REASONS[reason][0]) if reason in REASONS else str(reason)


def _check(detail: Mapping[str, Any]) -> str:
    value, found = detail.get("value"), detail.get("found")
    if detail.get("what") == "unusable":
        return gettext("it cannot be used any more; look at it in the task.")
    match detail.get("kind"):
        case CheckKind.CONTAINS:
            return gettext("“%(value)s” is not in the answer.", value=value)
        case CheckKind.NOT_CONTAINS:
            return gettext("“%(value)s” is in the answer.", value=value)
        case CheckKind.REGEX:
            return gettext("nothing in the answer matches %(value)s.", value=value)
        case CheckKind.MIN_LENGTH:
            return gettext(
                "the answer has %(found)s characters, and not at least %(value)s.",
                found=number(found or 0),
                value=number(value or 0),
            )
    path, wanted = detail.get("path"), _json(value)
    if detail.get("what") == "another_value":
        return gettext(
            "at %(path)s stands %(found)s, and not %(value)s.", path=path, found=found, value=wanted
        )
    if detail.get("what") == "nothing_there":
        return gettext("there is nothing at %(path)s.", path=path)
    return gettext("%(path)s cannot be looked up: the answer is no JSON.", path=path)


def _misfit(detail: Mapping[str, Any]) -> str:
    what = detail.get("what")
    if what in _NOT_JSON:
        return str(_NOT_JSON[what])
    if what == "no_object":
        kind = _KINDS.get(str(detail.get("found")), detail.get("found"))
        return gettext("The JSON is %(kind)s and no object.", kind=kind)
    path, rule, wanted = detail.get("path"), detail.get("rule"), detail.get("wanted")
    if rule == "required" and isinstance(wanted, list):
        return gettext("Missing at %(path)s: %(names)s.", path=path, names=listed(wanted))
    if rule == "additionalProperties":
        return gettext("%(path)s is not in the schema.", path=path)
    if wanted is None:
        return gettext("%(path)s does not fit the schema's “%(rule)s”.", path=path, rule=rule)
    return gettext(
        "%(path)s does not fit the schema's “%(rule)s”: %(wanted)s.",
        path=path,
        rule=rule,
        wanted=_json(wanted),
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
