"""Message templates: what may stand in them, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from autoai.domain.errors import Fault, TemplateError
from autoai.domain.prompts import (
    RESERVED,
    LastRun,
    PromptContext,
    check_template,
    known_names,
    render_messages,
)
from autoai.domain.prompts.markup import needs_rendering

NOON = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)


def context(**changes: Any) -> PromptContext:
    values: dict[str, Any] = {
        "now": NOON,
        "scheduled_for": NOON.replace(second=0),
        "zone": ZoneInfo("UTC"),
        "task_name": "Morning news",
        "variables": {"city": "Rome", "n": "7"},
        "secrets": {"PIN": "0815-secret"},
    }
    return PromptContext(**{**values, **changes})


def said(text: str, **changes: Any) -> str:
    (message,) = render_messages([{"role": "user", "content": text}], context(**changes)).messages
    return message["content"]


def fault(text: str, **changes: Any) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        said(text, **changes)
    return caught.value


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Hello", "Hello"),
        ("{{ city }} = {{ variables.city }}", "Rome = Rome"),
        ("{{ task.name }}", "Morning news"),
        ("{{ now }}", "2026-03-02T12:00:30+00:00"),
        ("{{ scheduled_for }}", "2026-03-02T12:00:00+00:00"),
        ('{{ scheduled_for | date: "%H:%M" }}', "12:00"),
        ('{{ now | date: "%A, %-d %B %Y" }}', "Monday, 2 March 2026"),
        ('{{ "now" | date: "%Y-%m-%d %%" }}', "2026-03-02 %"),
        ("{{ date }}", "March 2, 2026"),
        ("[{{ last.response }}{{ last.status }}{{ last.finished_at }}]", "[]"),
        ("{% if last.response %}again{% else %}first{% endif %}", "first"),
        ('{{ last.response | default: "nothing yet" }}', "nothing yet"),
        (
            "{% for i in (1..3) %}{{ i }}{% unless forloop.last %}, {% endunless %}{% endfor %}",
            "1, 2, 3",
        ),
        (
            '{% assign parts = "a,b,c" | split: "," %}{{ parts | join: "-" }} {{ parts.size }}',
            "a-b-c 3",
        ),
        ("{% capture x %}{{ city }}!{% endcapture %}{{ x | upcase }}", "ROME!"),
        ('{% case city %}{% when "Rome" %}Ave{% else %}Hi{% endcase %}', "Ave"),
        ("{{ n | plus: 1 }} {{ 7 | times: 6 }} {{ 7 | divided_by: 2 }}", "8 42 3"),
        ('{{ city | append: "!" | prepend: ">" | replace: "o", "0" }}', ">R0me!"),
        ("{{ city | truncate: 3, '' }} {{ city | slice: 1, 2 }} {{ city.size }}", "Rom om 4"),
        ('{{ "a b" | url_encode }} {{ "<" | escape }} {{ city | json }}', 'a+b &lt; "Rome"'),
        ('{{ "b,a" | split: "," | sort | first }}{{ "b,a" | split: "," | last }}', "aa"),
        ("{% raw %}{{ city }} {% if %}{% endraw %}", "{{ city }} {% if %}"),
        ("a{% comment %} {{ nobody }} {% endcomment %}b{% # note %}c", "abc"),
        ("{{- city -}} x", "Romex"),
    ],
)
def test_what_a_template_says(text: str, wanted: str) -> None:
    assert said(text) == wanted
    check_template(text, known_names(["city", "n"], ["PIN"]))


@pytest.mark.parametrize(
    ("language", "day", "weekday"),
    [
        ("en", "March 2, 2026", "Monday"),
        ("zh_Hans", "2026年3月2日", "星期一"),
        ("zh_Hant", "2026年3月2日", "星期一"),
    ],
)
def test_days_are_written_in_the_language_of_the_task(
    language: str, day: str, weekday: str
) -> None:
    assert said('{{ date }} {{ now | date: "%A" }}', language=language) == f"{day} {weekday}"


def test_times_are_on_the_clocks_of_the_task() -> None:
    late = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
    zone = ZoneInfo("Asia/Shanghai")
    assert (
        said("{{ now }} {{ date }}", now=late, zone=zone)
        == "2026-03-03T02:00:00+08:00 March 3, 2026"
    )


def test_both_hours_of_an_autumn_night_differ_by_their_offset() -> None:
    zone = ZoneInfo("Europe/Berlin")
    hours = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    assert [said("{{ scheduled_for }}", scheduled_for=hour, zone=zone) for hour in hours] == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
    ]


def test_what_the_last_run_came_to() -> None:
    last = LastRun("It rains.", "failed", datetime(2026, 3, 1, 9, tzinfo=UTC))
    text = '{% if last.response %}{{ last.response }} {{ last.status }} {{ last.finished_at | date: "%d" }}{% endif %}'
    assert said(text, last=last) == "It rains. failed 01"


def test_secrets_are_sent_but_not_kept() -> None:
    made = render_messages(
        [
            {"role": "system", "content": "Pin {{ secrets.PIN }}."},
            {
                "role": "user",
                "content": "{% capture a %}{{ secrets.PIN }}{% endcapture %}{{ a }}{{ a }}",
            },
        ],
        context(secrets={"PIN": "0815-secret", "OTHER": "unused-value"}),
    )
    assert [m["content"] for m in made.messages] == ["Pin 0815-secret.", "0815-secret0815-secret"]
    assert [m["content"] for m in made.stored] == [
        "Pin [secret: PIN].",
        "[secret: PIN][secret: PIN]",
    ]
    assert made.secrets == ("PIN",)
    assert "0815" not in repr(made)


def test_a_secret_that_looks_like_a_template_is_sent_as_it_is() -> None:
    assert said("{{ secrets.PIN }}", secrets={"PIN": "{{ city }} \\1"}) == "{{ city }} \\1"


@pytest.mark.parametrize(
    "filter_", ["upcase", "slice: 0, 3", "size", "split: ''", "json", "append: 'x'", "default: 'x'"]
)
def test_a_secret_goes_through_no_filter(filter_: str) -> None:
    assert fault(f"{{{{ secrets.PIN | {filter_} }}}}").fault is Fault.ALTERED
    hidden = f"{{% assign a = secrets.PIN %}}{{{{ a | {filter_} }}}}"
    assert fault(hidden).fault is Fault.ALTERED
    assert fault("{{ city | append: secrets.PIN }}").fault is Fault.ALTERED


def test_an_answer_that_holds_strange_signs_is_no_secret() -> None:
    strange = "\U000f0000\U000f0001" + "0\U000fffff \ue000 [secret: PIN]"
    assert said("{{ last.response | upcase }}", last=LastRun(strange)) == strange.upper()


@pytest.mark.parametrize(
    ("text", "kind", "line", "name"),
    [
        ("a\nb {{ citty }}", Fault.UNKNOWN_NAME, 2, "citty"),
        ("{{ variables.citty }}", Fault.UNKNOWN_NAME, 1, "variables.citty"),
        ("{{ secrets.NO }}", Fault.UNKNOWN_NAME, 1, "secrets.NO"),
        ("{{ last.answer }}", Fault.UNKNOWN_NAME, 1, "last.answer"),
        ("\n\n{{ city | shout }}", Fault.UNKNOWN_FILTER, 3, "shout"),
        ("{% include 'a' %}", Fault.UNKNOWN_TAG, 1, "include"),
        ("{% if city %}", Fault.SYNTAX, 1, ""),
        ("x\n{{ city", Fault.SYNTAX, 2, ""),
        ("{{ city | }}", Fault.SYNTAX, 1, ""),
        ("{% endif %}", Fault.SYNTAX, 1, ""),
        ("{% raw %}", Fault.SYNTAX, 1, "raw"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, kind: Fault, line: int, name: str) -> None:
    found = fault(text)
    assert (found.fault, found.line) == (kind, line)
    with pytest.raises(TemplateError) as caught:
        check_template(text, known_names(["city"], ["PIN"]))
    assert (caught.value.fault, caught.value.line, caught.value.name) == (kind, line, name)


def test_a_name_in_a_branch_that_is_not_taken_is_looked_at_too() -> None:
    text = "{% if last.response %}{{ nobody }}{% endif %}ok"
    assert said(text) == "ok"
    with pytest.raises(TemplateError):
        check_template(text, known_names([], []))


def test_an_empty_message_cannot_be_sent() -> None:
    assert fault("{% if last.response %}x{% endif %} ").fault is Fault.EMPTY


def test_an_empty_system_message_is_left_out() -> None:
    made = render_messages(
        [
            {"role": "system", "content": "{{ last.response }}"},
            {"role": "user", "content": "Hi"},
        ],
        context(),
    )
    assert made.messages == made.stored == [{"role": "user", "content": "Hi"}]


def test_whose_text_is_wrong_is_said() -> None:
    with pytest.raises(TemplateError) as caught:
        render_messages([{"role": "user", "content": "{{ x }}"}], context(), ["message_content"])
    assert str(caught.value) == "message_content, line 1: there is no such name: x"


def test_only_braces_need_rendering() -> None:
    assert [needs_rendering(t) for t in ("a } %", "{", "{{ a }}", "{% a", "")] == [
        False, False, True, True, False,
    ]  # fmt: skip


def test_variables_cannot_take_the_names_that_there_are() -> None:
    assert {"now", "last", "secrets", "variables", "task", "date", "forloop", "if"} <= RESERVED
