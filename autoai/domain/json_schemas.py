"""Does a value fit a JSON schema? Nothing is fetched, and no schema or value takes for ever.

Patterns are RE2's. A schema that refers to itself can multiply the work with every level of the
value, so the time is bounded as well. `format` says something and demands nothing, as in the
standard's own default.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import SchemaError, UnknownType
from jsonschema.protocols import Validator
from jsonschema.validators import extend, validator_for
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable

from .json_text import canonical, storable
from .patterns import BadPattern, check_pattern, is_found

SECONDS = 2.0
"""Of a thread's own time, for one value."""
_SECONDS_TO_TRY = 0.3
_SHORT = 200
_DATA = frozenset({"const", "enum", "default", "examples"})
"""Keywords whose value is data and no schema."""
_TRIED: tuple[Any, ...] = ({}, [], "", 0, None)

_TROUBLE = (
    RecursionError,
    Unresolvable,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    UnknownType,
    ValueError,
)
"""What a schema can raise that was stored before it was looked at as closely as now."""

_deadline: ContextVar[float] = ContextVar("deadline")
_Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


class BadSchema(ValueError):
    """A schema that cannot be used; in the library's words, and where in the schema.

    `reference`: it points to what is not in it. Raises `BadPattern` too.
    """

    def __init__(self, text: str, where: str = "", reference: bool = False) -> None:
        super().__init__(text)
        self.where = where
        self.reference = reference


class Unchecked(Exception):
    """Nobody can say whether it fits: it would take too long, or the schema is none after all."""


@dataclass(frozen=True)
class Misfit:
    """The first thing that does not fit: where, and the schema's keyword that says so."""

    path: str
    rule: str
    wanted: Any
    """What the keyword says; for `required`, the names that are missing. None where that is long."""


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises `BadSchema` or `BadPattern` where `schema` cannot be used."""
    try:
        kind = validator_for(schema, default=Draft202012Validator)
        kind.check_schema(schema)
        keywords = list(_keywords(schema))
        if {"unevaluatedProperties", "patternProperties"} <= {name for name, _ in keywords}:
            # The library would use patterns of its own there, which can run away.
            raise BadSchema("unevaluatedProperties together with patternProperties")
        for name, value in keywords:
            if name in ("$ref", "$dynamicRef", "$recursiveRef"):
                _check_reference(schema, value)
            elif name == "pattern":
                check_pattern(value)
            elif name == "patternProperties":
                for pattern in value:
                    check_pattern(pattern)
        for value in _TRIED:  # what goes round in circles shows at once
            first_misfit(schema, value, _SECONDS_TO_TRY)
    except (BadSchema, BadPattern):
        raise
    except SchemaError as error:
        raise BadSchema(error.message[:_SHORT], _path(error.absolute_path)) from error
    except Unresolvable as error:
        raise BadSchema(str(error)[:_SHORT], reference=True) from error
    except Unchecked as error:
        raise BadSchema("it refers to itself without end") from error
    except (
        _TROUBLE
    ) as error:  # the library reads `$schema`, `$id` and references before it checks them
        raise BadSchema(str(error)[:_SHORT]) from error


def first_misfit(schema: Mapping[str, Any], value: Any, seconds: float = SECONDS) -> Misfit | None:
    """What does not fit; None where all does. Raises `Unchecked` where that cannot be said."""
    token = _deadline.set(time.thread_time() + seconds)
    try:
        error = next(iter(_validator(schema).iter_errors(value)), None)
    except _TROUBLE as problem:
        raise Unchecked(type(problem).__name__) from problem
    finally:
        _deadline.reset(token)
    if error is None:
        return None
    rule = str(error.validator or "false")
    wanted = error.validator_value
    if rule == "required" and isinstance(error.instance, dict):
        wanted = [name for name in wanted if name not in error.instance]
    if len(repr(wanted)) > _SHORT:
        wanted = None
    return Misfit(_path(error.absolute_path)[:_SHORT], rule, wanted)


def _path(parts: Any) -> str:
    return storable("$" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts))


def _keywords(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every keyword of a valid schema and of those in it. `properties` holds names, not keywords."""
    waiting = [(schema, False)]
    while waiting:
        value, are_names = waiting.pop()
        if isinstance(value, list):
            waiting += [(item, False) for item in value]
        elif isinstance(value, dict):
            for name, inner in value.items():
                if are_names:
                    waiting.append((inner, False))
                elif name not in _DATA:
                    yield name, inner
                    waiting.append((inner, name in _NAMES))


_NAMES = frozenset(
    {
        "properties",
        "patternProperties",
        "$defs",
        "definitions",
        "dependentSchemas",
        "dependencies",
        "dependentRequired",
    }
)


def _check_reference(schema: Mapping[str, Any], reference: Any) -> None:
    _validator(schema)._resolver.lookup(str(reference))


def _validator(schema: Mapping[str, Any]) -> Any:
    kind = _bounded(validator_for(schema, default=Draft202012Validator))
    return kind(schema, registry=REGISTRY)


@lru_cache(maxsize=16)
def _bounded(kind: type[Validator]) -> Any:
    own = {name: rule for name, rule in _OWN.items() if name in kind.VALIDATORS}
    rules = {**kind.VALIDATORS, **own}
    return extend(kind, {name: _timed(rule) for name, rule in rules.items()})


def _timed(rule: _Keyword) -> _Keyword:
    def timed(validator: Any, wanted: Any, value: Any, schema: Any) -> Any:
        if time.thread_time() > _deadline.get():
            raise Unchecked("time")
        return rule(validator, wanted, value, schema) or ()

    return timed


def _pattern(validator: Any, wanted: Any, value: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not is_found(wanted, value):
        yield ValidationError("does not match")


def _pattern_properties(
    validator: Any, wanted: Any, value: Any, _schema: Any
) -> Iterator[ValidationError]:
    if isinstance(value, dict):
        for pattern, inner in wanted.items():
            for name, item in value.items():
                if is_found(pattern, name):
                    yield from validator.descend(item, inner, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, wanted: Any, value: Any, schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    patterns = schema.get("patternProperties", {})
    for name in value.keys() - schema.get("properties", {}).keys():
        if not any(is_found(pattern, name) for pattern in patterns):
            if wanted is False:
                yield ValidationError("is one too many", path=[name])
            elif wanted is not True:
                yield from validator.descend(value[name], wanted, path=name)


def _unique_items(
    _validator: Any, wanted: Any, value: Any, _schema: Any
) -> Iterator[ValidationError]:
    # The library compares each with each where they are objects.
    if wanted and isinstance(value, list) and len({canonical(v) for v in value}) < len(value):
        yield ValidationError("has the same twice")


_OWN: dict[str, _Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
