"""How an answer is shown: what Markdown becomes, what JSON does, and that nothing takes for ever."""

from __future__ import annotations

import json
import re
import time
from html.parser import HTMLParser

import pytest

from autoai.web.answers import markdown
from autoai.web.answers.json_tree import LONGEST, Node, tree_of
from autoai.web.answers.markdown import TooMuch, looks_like, to_html
from autoai.web.answers.views import SHOWN, View, as_shown

from ..hostile import GROUPS, TEXTS

_SECONDS = 8.0
"""Below one where nobody else uses the machine; a text that is not bounded takes minutes."""


def test_markdown_looks_like_something() -> None:
    html = to_html(
        "# Head\n\nA **bold** word, `code`, [a link](https://x.example/a?b=1&c).\n\n"
        "- one\n- two\n\n> said\n\n| a | b |\n|--:|:-:|\n| 1 | 2 |\n\n```py\na < b\n```\n\n7. seven\n"
    )
    assert "<h3>Head</h3>" in html, "below the headings of the page"
    assert "<strong>bold</strong>" in html and "<code>code</code>" in html
    assert 'href="https://x.example/a?b=1&amp;c"' in html and 'target="_blank"' in html
    assert 'rel="noopener noreferrer nofollow"' in html
    assert "<li>one</li>" in html and "<blockquote>" in html and '<ol start="7">' in html
    assert '<div class="scroll" tabindex="0"><table>' in html
    assert '<th class="right">a</th>' in html and '<td class="center">2</td>' in html
    assert '<pre tabindex="0"><code>a &lt; b\n</code></pre>' in html


def test_headings_go_down_step_by_step() -> None:
    html = to_html("### a\n\n##### b\n\n# c\n\n## d\n\nd\n=\n\n> ###### e\n\n## f")
    found = re.findall(r"<(h\d)>(\w)</(h\d)>", html)
    assert all(start == end for start, _name, end in found)
    levels = [(name, start) for start, name, _end in found]
    assert levels == [
        *(("a", "h3"), ("b", "h4"), ("c", "h3"), ("d", "h4")),
        *(("d", "h3"), ("e", "h4"), ("f", "h4")),
    ]


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:image/png;base64,AAAA",
        "vbscript:x",
        "file:///etc/passwd",
        "/logs/1",
        "//evil.example/",
        "logs",
        "#top",
        "ftp://x.example/",
        "java&#x0a;script:alert(1)",
        "&#106;avascript:alert(1)",
    ],
)
def test_links_lead_to_the_web_and_nowhere_else(address: str) -> None:
    for text in (f"[word]({address})", f"[word](<{address}>)", f"[word][r]\n\n[r]: {address}"):
        assert "href" not in to_html(text), text
    assert "href" not in to_html(f"<{address}>")


@pytest.mark.parametrize(
    "address", ["https://x.example/", "HTTP://X.example/", "mailto:a@x.example"]
)
def test_links_that_are_kept(address: str) -> None:
    assert f'href="{address}"' in to_html(f"[word]({address})")


def test_pictures_are_words() -> None:
    html = to_html('![a "chart"](https://x.example/x.png) [![b](//y/z.svg)](https://x.example/)')
    assert "<img" not in html and "x.png" not in html and "z.svg" not in html
    assert '<span class="picture">a "chart"</span>' in html
    assert 'class="picture">b</span></a>' in html


def test_markup_in_it_is_text() -> None:
    html = to_html(
        '<div onclick="x()">a</div>\n\nb <img src=x onerror=y()> <!-- c -->\n\n<style>*{}'
    )
    assert "&lt;div" in html and "<div" not in html and "<img" not in html and "<style" not in html
    assert "&lt;!-- c" in html


def test_what_looks_like_markdown() -> None:
    for text in (
        "# A",
        "a\n- b",
        "1. a",
        "> a",
        "**a**",
        "`a`",
        "[a](https://b.example)",
        "```\na",
    ):
        assert looks_like(text), text
    for text in (
        "a",
        "a * b * c",
        "5 - 3",
        "#hash",
        "1.5 is",
        "<b>a</b>",
        "a\n\nb",
        "-1",
        "",
        "a > b",
    ):
        assert not looks_like(text), text


HEAVY = {
    "brackets": "[" * 64_000,
    "pictures": "![" * 32_000,
    "links": "[a](" * 16_000,
    "nested": "[" * 32_000 + "]" * 32_000,
    "emphasis": "*a **b _c " * 6_400,
    "stars": "*_" * 32_000,
    "quotes": ">" * 64_000,
    "lists": "> - " * 16_000,
    "items": "1. a\n" * 12_800,
    "cells": "|" + "a|" * 1_000 + "\n|" + "-|" * 1_000 + "\n" + "|x\n" * 19_000,
    "references": "[a]: /b\n" * 8_000,
    "backticks": "".join("`" * n + " " for n in range(1, 350)),
    "entities": "&amp" * 16_000,
    "a word": "x" * 64_000,
    "blank": " \n" * 32_000,
}


@pytest.mark.parametrize("name", HEAVY)
def test_no_text_takes_for_ever(name: str) -> None:
    started = time.thread_time()
    answer = as_shown(HEAVY[name], "markdown")
    assert time.thread_time() - started < _SECONDS
    assert (answer.view is View.MARKDOWN) == (answer.html is not None)


def test_what_is_too_much_is_shown_as_it_came() -> None:
    with pytest.raises(TooMuch):
        to_html(HEAVY["pictures"])
    with pytest.raises(TooMuch):
        to_html("a" * (markdown.LONGEST + 1))
    answer = as_shown(HEAVY["pictures"], "markdown")
    assert answer.view is View.RAW and answer.views == (View.RAW,)
    assert answer.raw.length == 64_000


def names(node: Node) -> list[str | None]:
    return [child.name for child in node.children]


def test_json_is_a_tree_that_says_what_the_text_says() -> None:
    tree = tree_of(
        '{"b": 1.0, "a": [true, null, "x\\u0000\\ud800y"], "a": 1e999, "c": {}, "d": ""}'
    )
    assert tree and tree.kind == "object" and tree.size == 5
    assert names(tree) == ["b", "a", "a", "c", "d"], "in its order, and what stands twice, twice"
    one, several, huge, empty, nothing = tree.children
    assert (one.kind, one.text) == ("number", "1.0") and huge.text == "1e999"
    assert [child.text for child in several.children] == ["true", "null", "x\ufffd\ufffdy"]
    assert (empty.kind, empty.size) == ("object", 0) and nothing.kind == "string"
    assert tree.open and several.open, "a small one is open"
    assert tree_of("```json\n[1]\n```") is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        '"a"',
        "null",
        "[NaN]",
        "{",
        "[1,]",
        "{'a': 1}",
        "[" * 90_000,
        "[" * 31 + "]" * 31 + "x",
    ],
)
def test_what_is_no_object_and_no_list_is_no_tree(text: str) -> None:
    assert tree_of(text) is None


def test_a_tree_is_bounded() -> None:
    wide = tree_of(json.dumps(list(range(5_000))))
    assert wide and len(wide.children) == 2_000 and wide.left_out == 3_000
    assert tree_of("[" * 29 + "]" * 29) is not None
    assert tree_of("[" * 40 + "1" + "]" * 40) is None
    assert tree_of("[" * 99_000 + "]" * 99_000) is None
    assert tree_of("[" + "[]," * 60_000 + "1]") is not None
    assert tree_of(json.dumps(["x" * LONGEST])) is None
    large = tree_of(json.dumps([{"a": [[n]]} for n in range(100)]))
    assert large and large.open and large.children[0].open
    assert not large.children[0].children[0].open, "of a large one, two levels"


def test_the_view_that_fits_best() -> None:
    assert as_shown('{"a": 1}').view is View.JSON
    assert as_shown("# A").view is View.MARKDOWN
    assert as_shown("Plain words.").view is View.RAW
    assert as_shown("[1] is a footnote").view is View.RAW
    assert as_shown("Plain words.", "markdown").view is View.MARKDOWN
    assert as_shown('{"a": 1}', "raw").raw.text == '{"a": 1}'
    assert as_shown("Plain words.", "json").view is View.RAW, "there is no such view of it"
    assert as_shown("# A", "nonsense").view is View.MARKDOWN


def test_a_long_text_is_cut_until_somebody_wants_the_whole() -> None:
    text = "y" * 1_000_000
    answer = as_shown(text)
    assert answer.views == (View.RAW,)
    assert len(answer.raw.text) == SHOWN and answer.raw.left_out == 1_000_000 - SHOWN
    assert as_shown(text, whole=True).raw.text == text
    chunks = as_shown(text, whole=True).raw.chunks
    assert "".join(chunks) == text and max(map(len, chunks)) <= 8_000
    lines = as_shown("a line\n" * 99_000, whole=True).raw.chunks
    assert len(lines) > 9 and all(chunk.endswith("\n") for chunk in lines)
    assert answer.raw.chunks == [answer.raw.text], "a short one stays whole"
    vast = as_shown("z" * 5_000_000, whole=True).raw
    assert vast.left_out and not vast.fits, "there is the file"


class Markup(HTMLParser):
    """What a browser would make of some HTML: elements and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


HARMLESS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "pre", "code"),
    *("em", "strong", "s", "a", "span", "div", "table", "thead", "tbody", "tr", "th", "td"),
}
QUIET = {"href", "target", "rel", "class", "tabindex", "start"}


@pytest.mark.parametrize("group", GROUPS)
def test_no_hostile_text_becomes_more_than_text(group: str) -> None:
    for text in GROUPS[group]:
        html = as_shown(text, "markdown").html
        for tag, attributes in Markup(html or "").found:
            assert tag in HARMLESS and set(attributes) <= QUIET, (text, html)
            assert (
                str(attributes.get("href", "https:"))
                .lower()
                .startswith(("https:", "http:", "mailto:"))
            ), (text, html)
            if "href" in attributes:
                assert attributes["rel"] == "noopener noreferrer nofollow", (text, html)
                assert attributes["target"] == "_blank", (text, html)
        as_shown(text, "json"), as_shown(text, "raw")


def test_hostile_texts_are_many_and_of_all_kinds() -> None:
    assert len(set(TEXTS)) == len(TEXTS) >= 200
    shown = [as_shown(text).view for text in TEXTS]
    assert {view: shown.count(view) > 5 for view in View} == dict.fromkeys(View, True)
