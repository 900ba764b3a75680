"""What may be demanded of an answer, what is refused, and how it reaches the run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from autoai.domain.errors import Invalid
from autoai.services.check_rules import MAX_CHECKS
from autoai.services.ports import Ports
from autoai.services.task_fields import task_fields
from autoai.services.task_files import Imported, export_tasks, import_tasks
from autoai.services.tasks import duplicate_task, get_task, update_task
from tests.factories import make_task, run_now
from tests.ticks import settle

CHECKS: list[dict[str, Any]] = [
    {"kind": "contains", "value": "Bern"},
    {"kind": "not_contains", "value": "sorry"},
    {"kind": "regex", "value": r"^\d{4}"},
    {"kind": "min_length", "value": 20},
    {"kind": "json_path", "path": "$.items[0].price", "value": 9.5},
    {"kind": "json_path", "path": "$.gone", "value": None},
    {"kind": "json_path", "path": "$.tags", "value": ["a", {"b": False}]},
]
ALL: dict[str, Any] = {
    "checks": CHECKS,
    "verdict_rules": {"truncated": "failed", "model_refused": "degraded"},
    "change_watch": "json",
    "change_fields": ["$.price", "$.items[*].name"],
}


def test_they_come_out_as_they_went_in(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports, **ALL)
    fields = task_fields(get_task(task.id))
    assert {name: fields[name] for name in ALL} == ALL
    copy = task_fields(duplicate_task(ports, task.id))
    assert {name: copy[name] for name in ALL} == ALL
    out = json.loads(json.dumps(export_tasks()))
    assert import_tasks(ports, {"version": 1, "tasks": out["tasks"][:1]}, {}) == Imported(
        unchanged=1
    )


def test_they_reach_the_order(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports, schedule_type="manual", response_format="json", **ALL)
    run_now(ports, task.id)
    (order,) = settle(in_app).orders
    assert (order.demands.response_format, order.demands.checks) == ("json", CHECKS)
    assert order.demands.levels == ALL["verdict_rules"]
    assert order.watch == ("json", ("$.price", "$.items[*].name"))


def test_nothing_is_demanded_by_default(in_app: Flask, ports: Ports) -> None:
    fields = task_fields(make_task(ports))
    assert [fields[name] for name in ALL] == [None, None, "off", None]
    fields = task_fields(make_task(ports, checks=[], verdict_rules={}, change_fields=[]))
    assert [fields[name] for name in ALL] == [None, None, "off", None]


def test_to_switch_the_watch_off_drops_nothing(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports, **ALL)
    update_task(ports, task.id, {"change_watch": "off"}, partial=True)
    assert task_fields(get_task(task.id))["change_fields"] == ALL["change_fields"]


def nested(levels: int) -> Any:
    return [nested(levels - 1)] if levels else 1


@pytest.mark.parametrize(
    "check",
    [
        {},
        {"kind": "contains"},
        {"kind": "sounds_like", "value": "a"},
        {"kind": ["contains"], "value": "a"},
        {"kind": "contains", "value": ""},
        {"kind": "contains", "value": 5},
        {"kind": "contains", "value": "a" * 2_001},
        {"kind": "contains", "value": "a\x00"},
        {"kind": "contains", "value": "\ud800"},
        {"kind": "contains", "value": "a", "path": "$.a"},
        {"kind": "contains", "value": "a", "flags": "i"},
        {"kind": "min_length", "value": 0},
        {"kind": "min_length", "value": 10**20},
        {"kind": "min_length", "value": True},
        {"kind": "min_length", "value": "5"},
        {"kind": "regex", "value": "(a"},
        {"kind": "regex", "value": "(?=a)b"},
        {"kind": "regex", "value": r"(a)\1"},
        {"kind": "regex", "value": "(.{1000}){1000}"},
        {"kind": "json_path", "value": 1},
        {"kind": "json_path", "path": "price", "value": 1},
        {"kind": "json_path", "path": "", "value": 1},
        {"kind": "json_path", "path": "$." + "a" * 300, "value": 1},
        {"kind": "json_path", "path": "$..a..b", "value": 1},
        {"kind": "json_path", "path": "$[?search(@.a, 'b')]", "value": 1},
        {"kind": "json_path", "path": "$[?@..a]", "value": 1},
        {"kind": "json_path", "path": "$.a", "value": float("nan")},
        {"kind": "json_path", "path": "$.a", "value": nested(21)},
        {"kind": "json_path", "path": "$.a", "value": "a" * 2_001},
        {"kind": "json_path", "path": "$.a", "value": "\x00"},
    ],
)
def test_checks_that_are_refused(in_app: Flask, ports: Ports, check: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        make_task(ports, checks=[{"kind": "contains", "value": "a"}, check])
    assert list(caught.value.errors) == ["checks"]
    assert caught.value.errors["checks"][0].startswith("Check 2: ")


def test_a_pattern_says_why_it_is_not_taken(in_app: Flask, ports: Ports) -> None:
    with pytest.raises(Invalid, match="Look-ahead"):
        make_task(ports, checks=[{"kind": "regex", "value": "(?!a)b"}])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("checks", {"kind": "contains"}),
        ("checks", ["contains"]),
        ("checks", [{"kind": "contains", "value": "a"}] * (MAX_CHECKS + 1)),
        ("verdict_rules", ["truncated"]),
        ("verdict_rules", {"truncated": "fine"}),
        ("verdict_rules", {"truncated": ["ok"]}),
        ("verdict_rules", {"empty": "ok"}),
        ("verdict_rules", {"tool_calls_only": "degraded"}),
        ("verdict_rules", {"model_refused": "ok"}),
        ("verdict_rules", {"timeout": "ok"}),
        ("change_watch", "always"),
        ("change_fields", "$.a"),
        ("change_fields", ["a"]),
        ("change_fields", [5]),
        ("change_fields", ["$.a"] * 21),
    ],
)
def test_what_is_refused(in_app: Flask, ports: Ports, field: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        make_task(ports, **{field: value})
    assert list(caught.value.errors) == [field]


def doubling(levels: int) -> dict[str, Any]:
    """A schema of a few lines that means 2**levels."""
    defs = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": {**defs, f"a{levels}": {}}, "$ref": "#/$defs/a0"}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "objekt"}, "not a JSON schema"),
        ({"properties": []}, "not a JSON schema"),
        ({"$ref": "http://127.0.0.1:1/schema.json"}, "Nothing is fetched"),
        ({"$ref": "file:///etc/passwd"}, "Nothing is fetched"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, "Nothing is fetched"),
        ({"properties": {"a": {"pattern": "(?=a)b"}}}, "pattern"),
        ({"patternProperties": {"(a": {}}}, "regex"),
        ({"$ref": "#"}, "not a JSON schema"),
        ({"$schema": 5}, "not a JSON schema"),
        ({"$schema": []}, "not a JSON schema"),
        ({"$schema": "http://["}, "not a JSON schema"),
        ({"$id": "http://[", "$ref": "x"}, "not a JSON schema"),
        ({"$ref": "#/allOf/x", "allOf": [{}]}, "not a JSON schema"),
        (doubling(40), "not a JSON schema"),
        ({"patternProperties": {"a": {}}, "unevaluatedProperties": False}, "not a JSON schema"),
    ],
)
def test_schemas_that_are_refused(
    in_app: Flask, ports: Ports, schema: dict[str, Any], words: str
) -> None:
    with pytest.raises(Invalid) as caught:
        make_task(ports, response_format="json_schema", response_schema=schema)
    assert list(caught.value.errors) == ["response_schema"]
    assert words in caught.value.errors["response_schema"][0]


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"pattern": {"type": "string"}, "$ref": {"const": "(?=a)"}}},
        {"$defs": {"n": {"items": {"$ref": "#/$defs/n"}}}, "$ref": "#/$defs/n"},
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": True}},
        {"examples": [{"pattern": "(?=a)b", "$ref": "http://127.0.0.1:1/"}]},
    ],
)
def test_schemas_that_are_taken(in_app: Flask, ports: Ports, schema: dict[str, Any]) -> None:
    task = make_task(ports, response_format="json_schema", response_schema=schema)
    assert get_task(task.id).response_schema == schema
