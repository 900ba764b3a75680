"""How a model is to answer: what makes these fields of a task valid."""

from __future__ import annotations

import json
import math
from typing import Any

from flask_babel import gettext as _

from .check_rules import schema_problem
from .checker import Checker

FORMATS = ("text", "json", "json_schema")
MAX_TEMPERATURE = 2.0
MAX_TOKENS = 1_000_000
MAX_STOP, STOP_LENGTH = 16, 200
MAX_MESSAGES = 50
MESSAGE_LENGTH = 100_000
JSON_BYTES, JSON_DEPTH = 20_000, 20
SEEDS = 2**63 - 1
ROLES = ("user", "assistant")


def check_parameters(check: Checker) -> dict[str, Any]:
    """The columns of a task that say how to answer."""
    schema = check_object(check, "response_schema")
    response_format = check.choice("response_format", FORMATS, "text")
    if response_format == "json_schema" and not schema and "response_schema" not in check.errors:
        check.complain("response_schema", _("This field is needed."))
    if response_format == "json_schema" and schema:
        problem = schema_problem(schema)
        if problem is not None:
            check.complain("response_schema", problem)
    return {
        "temperature": _temperature(check),
        "max_tokens": check.optional_number("max_tokens", 1, MAX_TOKENS),
        "response_format": response_format,
        "response_schema": schema if response_format == "json_schema" else None,
        "seed": check.optional_number("seed", -SEEDS, SEEDS),
        "stop": _stop(check),
        "extra_body": check_object(check, "extra_body"),
        "messages": check_messages(check),
        "stream": check.flag("stream", True),
    }


def check_object(check: Checker, field: str) -> dict[str, Any] | None:
    """A JSON object within bounds; None where there is none."""
    value = check.values.get(field)
    if value is None or value == {}:
        return None
    if not isinstance(value, dict):
        check.complain(field, _("This must be a JSON object."))
        return None
    if _depth(value) > JSON_DEPTH:
        check.complain(field, _("At most %(count)s levels deep.", count=JSON_DEPTH))
        return None
    try:
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8"))
    except (ValueError, UnicodeEncodeError):  # NaN, or half a character
        check.complain(field, _("This holds a number or a character that JSON does not have."))
        return None
    if size > JSON_BYTES:
        check.complain(field, _("At most %(count)s bytes.", count=JSON_BYTES))
        return None
    if "\\u0000" in json.dumps(value):
        check.complain(field, _("This text holds characters that cannot be stored."))
        return None
    return value


def _depth(value: Any) -> int:
    """Levels of nesting, counted no further than what is allowed."""
    level, deep = [value], 0
    while level and deep <= JSON_DEPTH:
        deep += 1
        items = [v.values() if isinstance(v, dict) else v for v in level]
        level = [v for item in items for v in item if isinstance(v, dict | list)]
    return deep


def _temperature(check: Checker) -> float | None:
    value = check.values.get("temperature")
    if value is None:
        return None
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not 0 <= value <= MAX_TEMPERATURE:
        check.complain(
            "temperature",
            _("A number from %(least)s to %(most)s.", least=0, most=int(MAX_TEMPERATURE)),
        )
        return None
    return float(value)


def _stop(check: Checker) -> list[str] | None:
    value = check.values.get("stop")
    if value is None or value == []:
        return None
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        check.complain("stop", _("This must be a list."))
        return None
    if len(texts) > MAX_STOP or any(not 0 < len(text) <= STOP_LENGTH for text in texts):
        check.complain(
            "stop",
            _(
                "At most %(count)s texts of 1 to %(length)s characters.",
                count=MAX_STOP,
                length=STOP_LENGTH,
            ),
        )
        return None
    for text in texts:
        check.storable("stop", text)
    return list(texts)


def check_messages(check: Checker) -> list[dict[str, str]] | None:
    """What was said before; None where nothing was."""
    value = check.values.get("messages")
    if value is None or value == []:
        return None
    good = isinstance(value, list) and all(
        isinstance(item, dict)
        and set(item) == {"role", "content"}
        and item["role"] in ROLES
        and isinstance(item["content"], str)
        and item["content"].strip()
        for item in value
    )
    if not good:
        check.complain(
            "messages",
            _("Each message needs a role (%(roles)s) and a text.", roles=", ".join(ROLES)),
        )
        return None
    if len(value) > MAX_MESSAGES:
        check.complain("messages", _("At most %(count)s messages.", count=MAX_MESSAGES))
    if sum(len(item["content"]) for item in value) > MESSAGE_LENGTH:
        check.complain("messages", _("At most %(count)s characters.", count=MESSAGE_LENGTH))
    for item in value:
        check.storable("messages", item["content"])
    return [{"role": item["role"], "content": item["content"]} for item in value]
