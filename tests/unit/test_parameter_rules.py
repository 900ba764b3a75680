"""How a model is to answer: what is taken, what is refused, and how it reaches the order."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from autoai.domain.errors import Invalid
from autoai.services.ports import Ports
from autoai.services.task_fields import task_fields
from autoai.services.tasks import get_task, update_task
from tests.factories import make_task, run_now
from tests.ticks import settle

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
ALL: dict[str, Any] = {
    "temperature": 0.5,
    "max_tokens": 100,
    "response_format": "json_schema",
    "response_schema": SCHEMA,
    "seed": 7,
    "stop": ["END"],
    "extra_body": {"top_p": 0.9},
    "messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}],
    "stream": False,
}


def deep(levels: int) -> dict[str, Any]:
    return {"a": deep(levels - 1)} if levels > 1 else {}


def test_all_of_them_reach_the_order(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports, schedule_type="manual", system_message="Be brief.", **ALL)
    run_now(ports, task.id)
    (order,) = settle(in_app).orders
    p = order.parameters
    assert (p.temperature, p.max_tokens, p.seed, p.stop) == (0.5, 100, 7, ("END",))
    assert (p.response_format, p.response_schema) == ("json_schema", SCHEMA)
    assert (p.extra_body, order.stream) == ({"top_p": 0.9}, False)
    assert [message["role"] for message in order.messages] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


def test_they_come_out_as_they_went_in(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports, **ALL)
    assert {name: task_fields(get_task(task.id))[name] for name in ALL} == ALL
    update_task(ports, task.id, {"temperature": None, "stop": "one"}, partial=True)
    found = task_fields(get_task(task.id))
    assert (found["temperature"], found["stop"], found["seed"]) == (None, ["one"], 7)


def test_a_schema_belongs_to_its_format(in_app: Flask, ports: Ports) -> None:
    task = make_task(ports, response_format="json", response_schema=SCHEMA)
    assert get_task(task.id).response_schema is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", "0.5"),
        ("temperature", True),
        ("max_tokens", 0),
        ("max_tokens", 1_000_001),
        ("max_tokens", 1.5),
        ("response_format", "xml"),
        ("response_schema", "text"),
        ("seed", 2**63),
        ("seed", "7"),
        ("stop", [""]),
        ("stop", ["x" * 201]),
        ("stop", ["x"] * 17),
        ("stop", [1]),
        ("stop", {"a": 1}),
        ("stop", ["\x00"]),
        ("extra_body", [1]),
        ("extra_body", {"a": float("nan")}),
        ("extra_body", {"a": "\ud800"}),
        ("extra_body", {"a\x00": 1}),
        ("extra_body", {"a": "x" * 20_001}),
        ("extra_body", deep(21)),
        ("messages", "text"),
        ("messages", [{"role": "system", "content": "x"}]),
        ("messages", [{"role": "user"}]),
        ("messages", [{"role": "user", "content": " "}]),
        ("messages", [{"role": "user", "content": "x", "name": "y"}]),
        ("messages", [{"role": "user", "content": "x"}] * 51),
        ("messages", [{"role": "user", "content": "x" * 100_001}]),
        ("messages", [{"role": "user", "content": "\ud800"}]),
        ("stream", "yes"),
    ],
)
def test_refused(in_app: Flask, ports: Ports, field: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        make_task(ports, **{field: value})
    assert set(caught.value.errors) == {field}


def test_a_schema_is_needed(in_app: Flask, ports: Ports) -> None:
    with pytest.raises(Invalid) as caught:
        make_task(ports, response_format="json_schema")
    assert set(caught.value.errors) == {"response_schema"}


@pytest.mark.parametrize("value", [deep(20), {"a": "x" * 19_900}, {}])
def test_at_the_bounds(in_app: Flask, ports: Ports, value: dict[str, Any]) -> None:
    task = make_task(ports, extra_body=value)
    assert get_task(task.id).extra_body == (value or None)
