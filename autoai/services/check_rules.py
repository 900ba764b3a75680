"""What makes a task's demands on its answers valid: checks, levels, the watch for changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from ..domain.changes import Watch
from ..domain.checks import CheckKind
from ..domain.json_paths import BadPath, check_path
from ..domain.json_schemas import BadSchema, check_schema
from ..domain.json_text import is_deeper
from ..domain.patterns import BadPattern, check_pattern
from ..domain.verdicts import CHOOSABLE, RULES
from .checker import Checker

MAX_CHECKS, VALUE_LENGTH = 20, 2_000
MAX_LENGTH = 1_000_000
MAX_PATHS, PATH_LENGTH = 20, 300
JSON_DEPTH = 20
_TEXTS = (CheckKind.CONTAINS, CheckKind.NOT_CONTAINS, CheckKind.REGEX)


def check_demands(check: Checker) -> dict[str, Any]:
    """The columns of a task that say what its answers must be like."""
    return {
        "checks": _checks(check),
        "verdict_rules": _levels(check),
        "change_watch": check.choice("change_watch", Watch, Watch.OFF),
        "change_fields": _paths(check),
    }


def schema_problem(schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a JSON schema, in the reader's language; None where it can be used."""
    try:
        check_schema(schema)
    except BadPattern as error:
        return _("It holds a pattern that cannot be used: %(problem)s", problem=_no_pattern(error))
    except BadSchema as error:
        if error.reference:
            return _("It refers to %(place)s, which is not in it. Nothing is fetched.", place=error)
        return _("This is not a JSON schema that can be used: %(problem)s.", problem=error)
    return None


def _checks(check: Checker) -> list[dict[str, Any]] | None:
    value = check.values.get("checks")
    if value is None or value == []:
        return None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        check.complain("checks", _("This must be a list."))
        return None
    if len(value) > MAX_CHECKS:
        check.complain("checks", _("At most %(count)s checks.", count=MAX_CHECKS))
        return None
    for number, item in enumerate(value, 1):
        problem = _problem(item)
        if problem is not None:
            check.complain(
                "checks", _("Check %(number)s: %(problem)s", number=number, problem=problem)
            )
    return [dict(item) for item in value]


def _problem(item: dict[str, Any]) -> str | None:
    """What is wrong with one check."""
    kind, value = item.get("kind"), item.get("value")
    if kind not in list(CheckKind):
        return _("Choose one of: %(choices)s.", choices=", ".join(CheckKind))
    needed = {"kind", "value", "path"} if kind == CheckKind.JSON_PATH else {"kind", "value"}
    if item.keys() != needed:
        return _(
            "It needs these fields and no others: %(fields)s.", fields=", ".join(sorted(needed))
        )
    if kind == CheckKind.MIN_LENGTH:
        good = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_LENGTH
        return (
            None
            if good
            else _("A whole number from %(least)s to %(most)s.", least=1, most=MAX_LENGTH)
        )
    if kind == CheckKind.JSON_PATH:
        return _path_problem(item["path"]) or _json_problem(value)
    if not isinstance(value, str) or not value:
        return _("It needs a text.")
    return _text_problem(value, VALUE_LENGTH) or (
        _pattern_problem(value) if kind == CheckKind.REGEX else None
    )


def _text_problem(text: str, longest: int) -> str | None:
    probe = Checker({"text": text})
    probe.text("text", longest, required=False)
    return next(iter(probe.errors.get("text", [])), None)


def _pattern_problem(pattern: str) -> str | None:
    try:
        check_pattern(pattern)
    except BadPattern as error:
        return _no_pattern(error)
    return None


def _no_pattern(error: BadPattern) -> str:
    if error.known:
        return _(
            "Look-ahead, look-behind, back references and possessive repetition are not known here,"
            " so that no pattern can run for ever (%(problem)s).",
            problem=error,
        )
    return _("This pattern cannot be read: %(problem)s.", problem=error)


def _json_problem(value: Any) -> str | None:
    if is_deeper(value, JSON_DEPTH):
        return _("At most %(count)s levels deep.", count=JSON_DEPTH)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        return _("This holds a number or a character that JSON does not have.")
    if "\\u0000" in text:
        return _("This text holds characters that cannot be stored.")
    return _text_problem(text, VALUE_LENGTH)


def _path_problem(path: Any) -> str | None:
    if not isinstance(path, str) or not path.strip():
        return _("It needs a path, such as %(example)s.", example="$.price")
    problem = _text_problem(path, PATH_LENGTH)
    if problem is not None:
        return problem
    try:
        check_path(path)
    except BadPath as error:
        if error.costly:
            return _(
                "The path %(path)s could take for ever: use “..” once at most, and compare with"
                " fixed values in filters.",
                path=path,
            )
        return _(
            "“%(path)s” is not a JSONPath (%(problem)s). It looks like %(example)s.",
            path=path,
            problem=error,
            example="$.items[0].price",
        )
    return None


def _levels(check: Checker) -> dict[str, str] | None:
    value = check.values.get("verdict_rules")
    if value is None or value == {}:
        return None
    if not isinstance(value, dict):
        check.complain("verdict_rules", _("This must be a JSON object."))
        return None
    for reason, level in value.items():
        if reason not in CHOOSABLE:
            names = ", ".join(CHOOSABLE)
            check.complain("verdict_rules", _("Choose one of: %(choices)s.", choices=names))
        elif level not in RULES[reason].choices:
            check.complain(
                "verdict_rules",
                _(
                    "%(reason)s can be one of: %(choices)s.",
                    reason=reason,
                    choices=", ".join(RULES[reason].choices),
                ),
            )
    return dict(value)


def _paths(check: Checker) -> list[str] | None:
    value = check.values.get("change_fields")
    if value is None or value == []:
        return None
    if not isinstance(value, list):
        check.complain("change_fields", _("This must be a list."))
        return None
    if len(value) > MAX_PATHS:
        check.complain("change_fields", _("At most %(count)s paths.", count=MAX_PATHS))
        return None
    for path in value:
        problem = _path_problem(path)
        if problem is not None:
            check.complain("change_fields", problem)
            return None
    return list(dict.fromkeys(value))
