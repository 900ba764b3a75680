"""Hostile templates: each is an error at once, and takes next to no memory."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from autoai.domain.errors import TemplateError
from autoai.domain.prompts import (
    LastRun,
    PromptContext,
    check_template,
    known_names,
    render_messages,
)

MEGABYTE = 1_000_000
_A = "a" * 1_000
_GROW = " | replace: 'a', 'aaaaaaaaaa'"

HOSTILE = {
    "for over a thousand million": "{% for i in (1..1000000000) %}x{% endfor %}",
    "the same, backwards": "{% for i in (1..1000000000) reversed %}x{% endfor %}",
    "the same, a few of them": "{% for i in (1..1000000000) limit: 3 %}x{% endfor %}",
    "a range without end": "{% for i in (1..99999999999999999999999999) %}x{% endfor %}",
    "a range in a name": "{% assign r = (1..1000000000) %}{{ r | join: ',' }}",
    "a range in a condition": "{% if (1..1000000000) contains 'x' %}y{% endif %}",
    "a range as an argument": "{{ 'a' | append: (1..1000000000) }}",
    "loops in loops": "{% for i in (1..9000) %}" * 6 + "x" + "{% endfor %}" * 6,
    "loops beside loops": "{% for i in (1..9000) %}{{ i }}{% endfor %}" * 400,
    "loops beside loops in a loop": (
        "{% for i in (1..100) %}" + "{% for j in (1..900) %}{% endfor %}" * 200 + "{% endfor %}"
    ),
    "a loop without a body over a long condition": (
        "{% for i in (1..10000) %}{% if "
        + " and ".join(["1 == 1"] * 150)
        + " %}{% endif %}{% endfor %}"
    ),
    "ten thousand levels": "{% if true %}" * 10_000 + "x" + "{% endif %}" * 10_000,
    "five hundred levels": "{% if true %}" * 499 + "x" + "{% endif %}" * 499,
    "a condition as long as a book": "{% if " + "a and " * 15_000 + "a %}x{% endif %}",
    "brackets in brackets": "{{ a" + "[a" * 900 + "]" * 900 + " }}",
    "filters that grow": "{{ 'aaaaaaaaaa'" + _GROW * 7 + " }}",
    "append to itself": "{% assign a = 'x' %}" + "{% assign a = a | append: a %}" * 60,
    "prepend to itself in a loop": (
        "{% assign a = 'xxxxxxxxxx' %}{% for i in (1..64) %}{% assign a = a | prepend: a %}{% endfor %}"
    ),
    "capture twice": (
        "{% capture a %}xxxxxxxxxx{% endcapture %}"
        + "{% capture a %}{{ a }}{{ a }}{% endcapture %}" * 60
    ),
    "capture that is thrown away": (
        "{% for i in (1..9999) %}{% capture a %}" + _A + "{% endcapture %}{% endfor %}x"
    ),
    "a long output": "{% for i in (1..9999) %}" + _A + "{% endfor %}",
    "a long output of wide signs": "{% for i in (1..9999) %}" + "🙂" * 100 + "{% endfor %}",
    "a comment in a loop": "{% for i in (1..9999) %}{% for j in (1..9999) %}{% comment %}x{% endcomment %}{% endfor %}{% endfor %}",
    "split into letters": "{% assign l = big | split: '' %}{{ l.size }}",
    "lists that double": (
        "{% assign l = 'a,b,c,d' | split: ',' %}{% for i in (1..60) %}{% assign l = l | concat: l %}{% endfor %}"
    ),
    "a list of long texts joined": (
        "{% assign l = 'a,a,a,a,a,a,a,a' | split: ',' %}"
        "{% for i in (1..10) %}{% assign l = l | concat: l %}{% endfor %}{{ l | join: big }}"
    ),
    "numbers that square": "{% assign n = 99999999 %}"
    + "{% assign n = n | times: n %}" * 60
    + "{{ n }}",
    "a number of four thousand digits": "{{ " + "9" * 1_900 + " | times: 2 }}",
    "a number from a text": "{{ '" + "9" * 1_500 + "' | plus: 1 }}",
    "escape upon escape": "{{ '" + "&" * 600 + "'" + " | escape" * 120 + " }}",
    "url upon url": "{{ '" + "&" * 600 + "'" + " | url_encode" * 120 + " }}",
    "json upon json": "{{ '\"'" + " | json" * 60 + " }}",
    "line ends": "{{ big | newline_to_br | newline_to_br | newline_to_br }}",
    "a width of a thousand million": "{{ now | date: '%1000000000d' | append: nobody }}",
    "a format that is long": "{{ now | date: '" + "%A" * 900 + "' }}",
    "a strange directive": "{{ now | date: '%Q' }}",
    "truncate with a large end": "{{ big | truncate: 900000, big | append: big }}{{ big | append: big }}{{ big | append: big }}{{ big | append: big }}",
    "braces without end": "{{" * 40_000,
    "tags without end": "{% " * 30_000,
    "blanks without end": "{{" + " " * 90_000,
    "blanks in braces": "{{" + " " * 90_000 + "}}",
    "raw without end": "{% raw %}" * 10_000,
    "doc without end": "{% doc %}" * 10_000,
    "comments without end": "{% comment %}" * 900,
    "twenty thousand names": "{{a}}" * 20_000,
    "arguments without end": "{{ 'a' | append: " + ", ".join(["'a'"] * 20_000) + " }}",
    "a class": "{{ city.__class__ }}",
    "a class's ancestors": "{{ city.__class__.__mro__[1].__subclasses__() }}",
    "a class of an instant": "{{ now.__class__.mro }}",
    "a method": "{{ now.isoformat }}",
    "globals": "{{ forloop.__init__.__globals__ }}",
    "the engine": "{{ self.env }}",
    "all secrets": "{{ secrets }}",
    "how many secrets": "{{ secrets.size }}",
    "the first secret": "{{ secrets.first }}",
    "each secret": "{% for s in secrets %}{{ s[0] }}{% endfor %}",
    "secrets joined": "{{ secrets | join: ',' }}",
    "secrets as JSON": "{{ secrets | json }}",
    "is there a secret": "{% if secrets contains 'PIN' %}y{% endif %}",
    "a secret by its letters": "{% assign s = secrets.PIN | split: '' %}{{ s | first }}",
    "all variables": "{{ variables }}",
    "include": "{% include '/etc/passwd' %}",
    "render": "{% render 'secrets' %}",
    "extends": "{% extends 'base' %}",
    "a table": "{% tablerow i in (1..1000000000) cols: 2 %}x{% endtablerow %}",
    "a name that is not there": "{{ nobody }}",
}


def context() -> PromptContext:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    return PromptContext(
        noon,
        noon,
        ZoneInfo("UTC"),
        variables={"city": "Rome", "a": "a", "big": "\n" * 20_000},
        secrets={"PIN": "0815-secret"},
        last=LastRun("An answer.", "success", noon),
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_templates(name: str) -> None:
    template = HOSTILE[name]
    here = context()
    message = [{"role": "user", "content": template}]
    began = time.perf_counter()
    with pytest.raises(TemplateError):
        render_messages(message, here)
    seconds = time.perf_counter() - began

    tracemalloc.start()
    try:
        with pytest.raises(TemplateError) as caught:
            render_messages(message, here)
        peak = tracemalloc.get_traced_memory()[1]
        checked = True
        tracemalloc.clear_traces()
        tracemalloc.reset_peak()
        try:
            check_template(template, known_names(["city", "a", "big"], ["PIN"]))
        except TemplateError:
            checked = False
        peak_of_check = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    print(
        f"{name}: {caught.value} in {seconds * 1000:.0f} ms,"
        f" {peak / MEGABYTE:.1f} MB, check {checked} {peak_of_check / MEGABYTE:.1f} MB"
    )
    assert seconds < 1
    assert peak < 10 * MEGABYTE and peak_of_check < 10 * MEGABYTE


def test_a_large_but_honest_template_is_fine() -> None:
    last = LastRun("雨" * 90_000)
    text = (
        "x" * 90_000 + "{{ last.response | strip }}" + "{% for i in (1..500) %}{{ i }},{% endfor %}"
    )
    made = render_messages(
        [{"role": "user", "content": text}],
        PromptContext(context().now, context().now, ZoneInfo("UTC"), last=last),
    )
    assert len(made.messages[0]["content"]) > 180_000


def test_all_messages_together_are_bounded() -> None:
    here = PromptContext(context().now, context().now, ZoneInfo("UTC"), last=LastRun("x" * 150_000))
    one = {"role": "user", "content": "{{ last.response }}"}
    render_messages([one, one], here)
    with pytest.raises(TemplateError):
        render_messages([one, one, one], here)
