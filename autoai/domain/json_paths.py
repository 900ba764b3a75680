"""JSONPath (RFC 9535), as far as its cost is bounded by the size of what is looked through.

Left out is what can take a power of that: several `..` in one path, and filters that compare with
anything but a literal or look further than one value. `match` and `search` would bring in regular
expressions that can run away, and are not known here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathQuery
from jsonpath_rfc9535.exceptions import JSONPathError
from jsonpath_rfc9535.filter_expressions import (
    ComparisonExpression,
    Expression,
    FilterExpression,
    FilterExpressionLiteral,
    FilterQuery,
    FunctionExtension,
    LogicalExpression,
    PrefixExpression,
)
from jsonpath_rfc9535.segments import JSONPathRecursiveDescentSegment
from jsonpath_rfc9535.selectors import FilterSelector

from .json_text import MAX_DEPTH

_MOST_SEGMENTS = 50


class BadPath(ValueError):
    """No path, or one that is not allowed here. `costly`: it is JSONPath, but could take for ever."""

    def __init__(self, text: str, costly: bool = False) -> None:
        super().__init__(text)
        self.costly = costly


class _Environment(JSONPathEnvironment):
    max_recursion_depth = MAX_DEPTH + 2

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions = {"length": self.function_extensions["length"]}


_ENVIRONMENT = _Environment()


def check_path(path: str) -> None:
    """Raises `BadPath` where `path` cannot be used."""
    _compiled(path)


def values_at(path: str, value: Any) -> list[Any]:
    """What stands at `path` in a JSON value: none, one or several. Raises `BadPath`."""
    try:
        return [node.value for node in _compiled(path).finditer(value)]
    except JSONPathError as error:
        raise BadPath(str(error)) from error


@lru_cache(maxsize=512)
def _compiled(path: str) -> JSONPathQuery:
    try:
        query = _ENVIRONMENT.compile(path)
    except (JSONPathError, ValueError, RecursionError) as error:
        raise BadPath(str(error)) from error
    descents = sum(isinstance(s, JSONPathRecursiveDescentSegment) for s in query.segments)
    selectors = [selector for segment in query.segments for selector in segment.selectors]
    if descents > 1 or len(selectors) > max(len(query.segments), _MOST_SEGMENTS):
        raise BadPath("several descents", costly=True)
    # Several selectors side by side can find the same value twice, and so on for each that follows.
    if sum(len(segment.selectors) > 1 for segment in query.segments) > 1:
        raise BadPath("several unions", costly=True)
    for selector in selectors:
        if isinstance(selector, FilterSelector):
            _check_filter(selector.expression)
    return query


def _check_filter(expression: Expression) -> None:
    match expression:
        case FilterExpression():
            _check_filter(expression.expression)
        case PrefixExpression():
            _check_filter(expression.right)
        case LogicalExpression():
            _check_filter(expression.left)
            _check_filter(expression.right)
        case ComparisonExpression():
            sides = (expression.left, expression.right)
            if not any(isinstance(side, FilterExpressionLiteral) for side in sides):
                raise BadPath("compares two values", costly=True)
            for side in sides:
                _check_filter(side)
        case FunctionExtension():
            for argument in expression.args:
                _check_filter(argument)
        case FilterQuery():
            if not expression.query.singular_query():
                raise BadPath("looks at more than one value in a filter", costly=True)
