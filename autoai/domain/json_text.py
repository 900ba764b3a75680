"""JSON in an answer: read strictly, compared by value, written in one way only.

What a model writes may be hostile: everything here is bounded, and nothing raises but `NotJson`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

MAX_DEPTH = 100
_MOST_DIGITS = 400
"""A longer whole number is read as a float: Python's own take time that grows with its square."""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_FENCE = re.compile(r"\s*```[^\n`]*\n(?P<inside>.*?)\n?[ \t]*```\s*", re.DOTALL)


class NotJson(ValueError):
    """A text is no JSON. `what` says why, in one word for programs."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def read_json(text: str, unique_keys: bool = False) -> Any:
    """What `text` says as JSON (RFC 8259) and nothing else. Raises `NotJson`.

    `what` is `no_json`, `too_deep`, or, where `unique_keys` is asked for, `duplicate_key`.
    """
    try:
        value = json.loads(
            text,
            parse_int=_whole,
            parse_constant=_refuse,
            object_pairs_hook=_unique if unique_keys else None,
        )
    except NotJson:
        raise
    except ValueError as error:
        raise NotJson("no_json") from error
    except RecursionError as error:
        raise NotJson("too_deep") from error
    if is_deeper(value, MAX_DEPTH):
        raise NotJson("too_deep")
    return value


def inside_fence(text: str) -> str | None:
    """What stands in the one Markdown code block that `text` consists of; None where it does not."""
    found = _FENCE.fullmatch(text)
    return found["inside"] if found and "```" not in found["inside"] else None


def read_leniently(text: str) -> Any:
    """The same, also out of a Markdown code block around it: for who looks at what is said."""
    inside = inside_fence(text)
    return read_json(text if inside is None else inside)


def is_deeper(value: Any, most: int) -> bool:
    """Are there more than `most` levels of objects and lists?"""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        items: Iterable[Any] = (v.values() if isinstance(v, dict) else v for v in level)
        level = [v for item in items for v in item if isinstance(v, dict | list)]
        if not level:
            return False
    return bool(level)


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: 1 is 1.0, true is not 1, the order of keys does not count."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(v, right[k]) for k, v in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def canonical(value: Any, indent: int | None = None) -> str:
    """The one way to write `value`: keys in order, numbers by their value. It can be stored."""
    text = json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, indent=indent)
    return storable(text)


def storable(text: str) -> str:
    """Without NUL and halves of characters, which escapes in JSON can bring in."""
    return _UNSTORABLE.sub("\ufffd", text)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _refuse(_name: str) -> Any:
    raise NotJson("no_json")  # NaN and Infinity: Python's own idea


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotJson("duplicate_key")
    return found
