"""What a task's owner demands of an answer: the kinds of check, and whether an answer passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from .json_paths import BadPath, values_at
from .json_text import NotJson, canonical, read_leniently, same
from .patterns import BadPattern, is_found

_SHOWN = 100


class CheckKind(StrEnum):
    """Texts count as they stand: "Yes" is not in "yes". The value of `min_length` is a number, that
    of `json_path` any JSON, and of the others a text."""

    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    REGEX = "regex"
    MIN_LENGTH = "min_length"
    JSON_PATH = "json_path"


def failure_of(check: Mapping[str, Any], text: str) -> dict[str, Any] | None:
    """Why `text` does not pass, for programs: the check, and `found` where there is more to say.
    None where it passes.

    >>> failure_of({"kind": "min_length", "value": 5}, " abc ")
    {'kind': 'min_length', 'value': 5, 'found': 3}
    """
    try:
        found = _LOOKS[CheckKind(check["kind"])](check, text)
    except (
        BadPattern,
        BadPath,
        RecursionError,
    ) as error:  # stored by an older version of the rules
        found = {"what": "unusable", "error": str(error)[:_SHOWN]}
    return None if found is None else {**check, **found}


_Found = dict[str, Any] | None


def _contains(check: Mapping[str, Any], text: str) -> _Found:
    return None if check["value"] in text else {}


def _not_contains(check: Mapping[str, Any], text: str) -> _Found:
    return {} if check["value"] in text else None


def _regex(check: Mapping[str, Any], text: str) -> _Found:
    return None if is_found(check["value"], text) else {}


def _min_length(check: Mapping[str, Any], text: str) -> _Found:
    length = len(text.strip())
    return None if length >= check["value"] else {"found": length}


def _json_path(check: Mapping[str, Any], text: str) -> _Found:
    """Something must be there, and all that is there must be the value."""
    try:
        values = values_at(check["path"], read_leniently(text))
    except NotJson as error:
        return {"what": error.what}
    if not values:
        return {"what": "nothing_there"}
    wrong = next((value for value in values if not same(value, check["value"])), _NONE)
    if wrong is _NONE:
        return None
    shown = canonical(wrong)
    return {"what": "another_value", "found": shown[:_SHOWN] + ("…" if shown[_SHOWN:] else "")}


_NONE = object()
_LOOKS: dict[CheckKind, Callable[[Mapping[str, Any], str], _Found]] = {
    CheckKind.CONTAINS: _contains,
    CheckKind.NOT_CONTAINS: _not_contains,
    CheckKind.REGEX: _regex,
    CheckKind.MIN_LENGTH: _min_length,
    CheckKind.JSON_PATH: _json_path,
}
