"""Answers as the providers really send them, read by the adapters, and what each deserves."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from autoai.domain.runs import Reason
from autoai.domain.verdicts import CHOOSABLE, RULES, Demands, Judgement, Level, has_text, judge
from autoai.providers.base import Completion
from autoai.providers.registry import make_providers
from autoai.providers.transport import Transport
from tests.fakes import START

OK = ("success", "ok", None)
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer", "minimum": 0}},
    "required": ["city"],
    "additionalProperties": False,
}


def failed(reason: str) -> tuple[str, None, str]:
    return ("failed", None, reason)


def degraded(reason: str) -> tuple[str, str, str]:
    return ("success", "degraded", reason)


def chat(content: Any, finish: str | None = "stop", **message: Any) -> tuple[str, dict[str, Any]]:
    """Chat Completions."""
    said = {"role": "assistant", "content": content, "refusal": None, **message}
    choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": finish}
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m-1"}
    return "openai", {**head, "choices": [choice], "usage": usage}


def responses(*output: Any, status: str = "completed", **more: Any) -> tuple[str, dict[str, Any]]:
    """The Responses API."""
    head = {"id": "resp_1", "object": "response", "status": status, "error": None, "model": "m-1"}
    return "openai_responses", {**head, "incomplete_details": None, "output": [*output], **more}


def said(*parts: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": status}
    return {**item, "content": list(parts)}


def output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def claude(*content: Any, stop: str | None = "end_turn", **more: Any) -> tuple[str, dict[str, Any]]:
    """Anthropic Messages."""
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1"}
    usage = {"input_tokens": 9, "output_tokens": 4}
    ending = {"stop_reason": stop, "stop_sequence": None}
    return "anthropic", {**head, "content": [*content], **ending, "usage": usage, **more}


def block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Bern"}'},
}
TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bern"}}
THINKING = {"type": "thinking", "thinking": "Let me see …", "signature": "EqQB"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}

ANSWERS = [
    # Chat Completions
    ("chat, text", chat("Bern."), OK),
    ("chat, no finish reason", chat("Bern.", None), OK),
    ("chat, a finish reason of its own", chat("Bern.", "eos"), OK),
    ("chat, parts", chat([{"type": "text", "text": "Be"}, {"type": "text", "text": "rn"}]), OK),
    ("chat, content null", chat(None), failed("empty")),
    ("chat, content missing", ("openai", {"choices": [{"message": {}}]}), failed("empty")),
    ("chat, content empty", chat(""), failed("empty")),
    ("chat, no parts", chat([]), failed("empty")),
    ("chat, white space only", chat(" \n\t\u00a0\u3000 "), failed("empty")),
    ("chat, zero width only", chat("\u200b\u200c\u200d\u2060\ufeff\u00ad"), failed("empty")),
    ("chat, blank letters only", chat("\u2800\u3164\u115f\ufe0f"), failed("empty")),
    ("chat, one emoji of several signs", chat("👩\u200d💻"), OK),
    ("chat, reasoning only", chat("", reasoning_content="Let me see …"), failed("empty")),
    (
        "chat, a part that only thinks",
        chat([{"type": "thinking", "thinking": [{"type": "text", "text": "Let me see …"}]}]),
        failed("empty"),
    ),
    ("chat, a part of reasoning", chat([{"type": "reasoning", "text": "Hm"}]), failed("empty")),
    ("chat, cut short", chat("Bern is", "length"), degraded("truncated")),
    ("chat, all of it thought", chat("", "length"), failed("empty")),
    ("chat, Mistral's length", chat("Bern is", "model_length"), degraded("truncated")),
    (
        "chat, DeepSeek out of machines",
        chat("Bern is", "insufficient_system_resource"),
        degraded("truncated"),
    ),
    ("chat, OpenRouter's error", chat("Bern is", "error"), degraded("truncated")),
    ("chat, filtered", chat(None, "content_filter"), failed("filtered")),
    ("chat, filtered halfway", chat("First, take", "content_filter"), degraded("filtered")),
    ("chat, refusal", chat(None, refusal="I cannot help with that."), failed("model_refused")),
    (
        "chat, refusal as a part",
        chat([{"type": "refusal", "refusal": "I cannot help with that."}]),
        failed("model_refused"),
    ),
    ("chat, tool calls", chat(None, "tool_calls", tool_calls=[CALL]), failed("tool_calls_only")),
    ("chat, no tool calls", chat("Bern.", tool_calls=[]), OK),
    (
        "chat, function call",
        chat(None, "function_call", function_call=CALL["function"]),
        failed("tool_calls_only"),
    ),
    ("chat, text and tool calls", chat("Look.", "tool_calls", tool_calls=[CALL]), OK),
    # Responses
    ("responses, text", responses(REASONING, said(output_text("Bern."))), OK),
    ("responses, nothing", responses(), failed("empty")),
    ("responses, reasoning only", responses(REASONING), failed("empty")),
    ("responses, white space", responses(said(output_text(" \n"))), failed("empty")),
    (
        "responses, cut short",
        responses(
            said(output_text("Bern is"), status="incomplete"),
            status="incomplete",
            incomplete_details={"reason": "max_output_tokens"},
        ),
        degraded("truncated"),
    ),
    (
        "responses, cut short while it thought",
        responses(
            REASONING, status="incomplete", incomplete_details={"reason": "max_output_tokens"}
        ),
        failed("empty"),
    ),
    (
        "responses, filtered",
        responses(status="incomplete", incomplete_details={"reason": "content_filter"}),
        failed("filtered"),
    ),
    (
        "responses, refusal",
        responses(said({"type": "refusal", "refusal": "I cannot help with that."})),
        failed("model_refused"),
    ),
    (
        "responses, a function to call",
        responses({"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}),
        failed("tool_calls_only"),
    ),
    (
        "responses, a search of its own",
        responses({"type": "web_search_call", "status": "completed"}, said(output_text("Bern."))),
        OK,
    ),
    # Anthropic
    ("claude, text", claude(block("Bern.")), OK),
    ("claude, thought and text", claude(THINKING, block("Bern.")), OK),
    ("claude, thought only", claude(THINKING), failed("empty")),
    (
        "claude, thought that is not shown",
        claude({"type": "redacted_thinking", "data": "EmwKAhgB"}),
        failed("empty"),
    ),
    ("claude, nothing", claude(), failed("empty")),
    ("claude, stop sequence", claude(block("Bern"), stop="stop_sequence", stop_sequence="."), OK),
    ("claude, cut short", claude(block("Bern is"), stop="max_tokens"), degraded("truncated")),
    (
        "claude, window full",
        claude(block("Bern is"), stop="model_context_window_exceeded"),
        degraded("truncated"),
    ),
    ("claude, paused", claude(block("I look"), stop="pause_turn"), degraded("truncated")),
    ("claude, refusal", claude(stop="refusal"), failed("model_refused")),
    ("claude, refusal in words", claude(block("No."), stop="refusal"), failed("model_refused")),
    ("claude, tool use", claude(TOOL_USE, stop="tool_use"), failed("tool_calls_only")),
    (
        "claude, thought and tool use",
        claude(THINKING, TOOL_USE, stop="tool_use"),
        failed("tool_calls_only"),
    ),
]

MISMATCH = degraded("schema_mismatch")
JSON = Demands("json")
SCHEMA = Demands("json_schema", CITY)

TEXTS = [
    ("an object", '{"city": "Bern"}', JSON, OK, None),
    ("white space around it", ' \n{"city": "Bern"}\n', JSON, OK, None),
    ("prose behind it", '{"city": "Bern"} Anything else?', JSON, MISMATCH, "no_json"),
    ("prose before it", 'Here it is: {"city": "Bern"}', JSON, MISMATCH, "no_json"),
    ("a list", '["Bern"]', JSON, MISMATCH, "no_object"),
    ("null", "null", JSON, MISMATCH, "no_object"),
    ("in a code block", '```json\n{"city": "Bern"}\n```', JSON, MISMATCH, "fenced"),
    ("in two of them", "```json\n{}\n```\n```json\n{}\n```", JSON, MISMATCH, "no_json"),
    ("code that is no JSON", "```python\nprint()\n```", JSON, MISMATCH, "no_json"),
    ("NaN", '{"people": NaN}', JSON, MISMATCH, "no_json"),
    ("Infinity", '{"people": -Infinity}', JSON, MISMATCH, "no_json"),
    ("a comma too many", '{"city": "Bern",}', JSON, MISMATCH, "no_json"),
    ("single quotes", "{'city': 'Bern'}", JSON, MISMATCH, "no_json"),
    ("a key twice", '{"city": "Bern", "city": "Biel"}', JSON, MISMATCH, "duplicate_key"),
    ("cut off", '{"city": "Be', JSON, MISMATCH, "no_json"),
    ("a bomb of brackets", "[" * 500_000, JSON, MISMATCH, "too_deep"),
    ("a bomb that is closed", '{"a":' * 5_000 + "1" + "}" * 5_000, JSON, MISMATCH, "too_deep"),
    ("a number without end", '{"a": ' + "9" * 100_000 + "}", JSON, OK, None),
    ("half a character", '{"city": "\\ud800"}', JSON, OK, None),
    ("fits", '{"city": "Bern", "people": 3.0}', SCHEMA, OK, None),
    ("a field missing", '{"people": 3}', SCHEMA, MISMATCH, "does_not_fit"),
    ("a field too many", '{"city": "Bern", "x": 1}', SCHEMA, MISMATCH, "does_not_fit"),
    ("true is no number", '{"city": "Bern", "people": true}', SCHEMA, MISMATCH, "does_not_fit"),
    ("too little", '{"city": "Bern", "people": -1}', SCHEMA, MISMATCH, "does_not_fit"),
    ("any text will do", "Bern", Demands(), OK, None),
]


@pytest.fixture(scope="module")
def providers() -> Any:
    transport = Transport(1, 10**6)
    yield make_providers(transport, lambda: START)
    transport.close()


def read(providers: Any, answer: tuple[str, dict[str, Any]]) -> Completion:
    name, body = answer
    found: Completion = providers[name]._family.whole(json.loads(json.dumps(body)), 200)
    return found


def ending(found: Judgement) -> tuple[str, str | None, str | None]:
    return (found.status, found.verdict, found.reason)


@pytest.mark.parametrize(
    ("answer", "expected"), [a[1:] for a in ANSWERS], ids=[a[0] for a in ANSWERS]
)
def test_answers(providers: Any, answer: Any, expected: Any) -> None:
    got = read(providers, answer)
    assert ending(judge(got.text, got.finish_reason, got.refused, got.tool_calls)) == expected


@pytest.mark.parametrize(
    ("text", "demands", "expected", "what"), [t[1:] for t in TEXTS], ids=[t[0] for t in TEXTS]
)
def test_json_that_was_asked_for(
    providers: Any, text: str, demands: Demands, expected: Any, what: str | None
) -> None:
    got = read(providers, chat(text))
    found = judge(got.text, got.finish_reason, got.refused, got.tool_calls, demands)
    assert ending(found) == expected
    assert [finding.detail["what"] for finding in found.findings] == ([what] if what else [])


CHECKS = [
    ({"kind": "contains", "value": "Bern"}, "In Bern.", True),
    ({"kind": "contains", "value": "bern"}, "In Bern.", False),
    ({"kind": "contains", "value": "B.rn"}, "In Bern.", False),
    ({"kind": "not_contains", "value": "sorry"}, "In Bern.", True),
    ({"kind": "not_contains", "value": "sorry"}, "I am sorry.", False),
    ({"kind": "regex", "value": r"^\d{4}$"}, "2026", True),
    ({"kind": "regex", "value": r"(?m)^\d{4}$"}, "In\n2026\n", True),
    ({"kind": "regex", "value": r"^\d{4}$"}, "In 2026", False),
    ({"kind": "min_length", "value": 5}, "  Bern  ", False),
    ({"kind": "min_length", "value": 4}, "  Bern  ", True),
    ({"kind": "json_path", "path": "$.ok", "value": True}, '{"ok": true}', True),
    ({"kind": "json_path", "path": "$.ok", "value": True}, '{"ok": 1}', False),
    ({"kind": "json_path", "path": "$.ok", "value": 1}, '{"ok": true}', False),
    ({"kind": "json_path", "path": "$.n", "value": 1}, '{"n": 1.0}', True),
    ({"kind": "json_path", "path": "$.n", "value": None}, '{"n": null}', True),
    ({"kind": "json_path", "path": "$.n", "value": None}, "{}", False),
    ({"kind": "json_path", "path": "$.n", "value": 1}, "n is 1", False),
    ({"kind": "json_path", "path": "$.n", "value": 1}, '```json\n{"n": 1}\n```', True),
    ({"kind": "json_path", "path": "$.a", "value": {"x": [1]}}, '{"a": {"x": [1.0]}}', True),
    ({"kind": "json_path", "path": "$[*].ok", "value": True}, '[{"ok": true}, {"ok": true}]', True),
    (
        {"kind": "json_path", "path": "$[*].ok", "value": True},
        '[{"ok": true}, {"ok": false}]',
        False,
    ),
    ({"kind": "json_path", "path": "$[?@.id == 2].ok", "value": 1}, '[{"id": 2, "ok": 1}]', True),
    ({"kind": "json_path", "path": "$..a", "value": 1}, '{"a":' * 90 + "1" + "}" * 90, False),
    ({"kind": "json_path", "path": "$..a", "value": 1}, "[" * 100_000, False),
]


@pytest.mark.parametrize(("check", "text", "passes"), CHECKS)
def test_checks(check: dict[str, Any], text: str, passes: bool) -> None:
    found = judge(text, "stop", False, False, Demands(checks=[check]))
    assert ending(found) == (OK if passes else degraded("check_failed"))
    assert [finding.check for finding in found.findings] == ([] if passes else [1])


def test_every_rule_that_fires_is_told() -> None:
    checks = [
        {"kind": "contains", "value": "Biel"},
        {"kind": "min_length", "value": 3},
        {"kind": "min_length", "value": 50},
    ]
    levels = {"check_failed": "failed", "truncated": "ok"}
    found = judge("Bern", "length", False, False, Demands("json", checks=checks, levels=levels))
    assert ending(found) == failed("check_failed")
    assert [finding.as_dict() for finding in found.findings] == [
        {"reason": "truncated", "level": "ok"},
        {"reason": "schema_mismatch", "level": "degraded", "detail": {"what": "no_json"}},
        {
            "reason": "check_failed",
            "level": "failed",
            "check": 1,
            "detail": {"kind": "contains", "value": "Biel"},
        },
        {
            "reason": "check_failed",
            "level": "failed",
            "check": 3,
            "detail": {"kind": "min_length", "value": 50, "found": 4},
        },
    ]


FIRES: dict[Reason, tuple[Any, ...]] = {
    Reason.MODEL_REFUSED: ("No.", "stop", True, False),
    Reason.FILTERED: ("First,", "content_filter", False, False),
    Reason.TRUNCATED: ("First,", "length", False, False),
    Reason.SCHEMA_MISMATCH: ("Bern", "stop", False, False),
    Reason.CHECK_FAILED: ("{}", "stop", False, False),
    Reason.EMPTY: (" ", "stop", False, False),
    Reason.TOOL_CALLS_ONLY: ("", "tool_calls", False, True),
}


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("reason", RULES)
def test_a_task_is_harder_or_softer_within_the_table(reason: Reason, level: Level) -> None:
    checks = [{"kind": "contains", "value": "x"}] if reason is Reason.CHECK_FAILED else []
    format_ = "json" if reason is Reason.SCHEMA_MISMATCH else "text"
    found = judge(*FIRES[reason], Demands(format_, checks=checks, levels={reason: level}))
    counts = level if level in RULES[reason].choices else RULES[reason].level
    verdict = None if counts is Level.FAILED else str(counts)
    status = "failed" if counts is Level.FAILED else "success"
    assert ending(found) == (status, verdict, None if counts is Level.OK else reason)


@pytest.mark.parametrize("reason", [Reason.MODEL_REFUSED, Reason.FILTERED])
def test_nothing_without_text_is_a_success(reason: Reason) -> None:
    levels = {name: str(RULES[name].choices[0]) for name in CHOOSABLE}
    finish = "content_filter" if reason is Reason.FILTERED else "stop"
    refused = reason is Reason.MODEL_REFUSED
    assert ending(judge("\u200b", finish, refused, False, Demands(levels=levels))) == failed(reason)


RECURSIVE = {
    "anyOf": [
        {"properties": {"a": {"$ref": "#"}}, "required": ["x"]},
        {"properties": {"a": {"$ref": "#"}}, "required": ["y"]},
        {"type": "null"},
    ]
}


@pytest.mark.parametrize(
    ("text", "demands", "what"),
    [
        ('{"a":' * 90 + '"x"' + "}" * 90, Demands("json_schema", RECURSIVE), "not_checked"),
        ("{}", Demands("json_schema", {"type": "objekt"}), "not_checked"),
        ("{}", Demands("json_schema", {"required": 5}), "not_checked"),
        ("{}", Demands("json_schema", {"$ref": "http://127.0.0.1:1/"}), "not_checked"),
        ('"a"', Demands("json_schema", {"pattern": "(?=a)"}), "not_checked"),
        (
            '"' + "a" * 500_000 + '!"',
            Demands("json_schema", {"type": "string", "pattern": "^(a+)+$"}),
            "does_not_fit",
        ),
        (
            '"' + "a" * 500_000 + '!"',
            Demands(checks=[{"kind": "regex", "value": "^.(a|aa)+$"}]),
            None,
        ),
        (
            json.dumps([{"a": n} for n in range(5_000)] * 2),
            Demands("json_schema", {"uniqueItems": True}),
            "does_not_fit",
        ),
    ],
)
def test_nothing_takes_for_ever(text: str, demands: Demands, what: str | None) -> None:
    start = time.thread_time()
    (finding,) = judge(text, "stop", False, False, demands).findings
    assert finding.detail.get("what") == what
    assert time.thread_time() - start < 4


def test_what_is_told_can_be_stored() -> None:
    check = {"kind": "json_path", "path": "$.a", "value": 1}
    (finding,) = judge(
        '{"a": "\\ud800\\u0000"}', "stop", False, False, Demands(checks=[check])
    ).findings
    text = json.dumps(finding.as_dict(), ensure_ascii=False)
    assert text.encode("utf-8")
    assert "\x00" not in text


def test_text_that_can_be_seen() -> None:
    assert has_text("a")
    assert has_text("\u200b.")
    assert not has_text("\u200e\u202a\n")
    assert not has_text("")
