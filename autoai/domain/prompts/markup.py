"""A first look at a template, before the engine's regular expressions see it.

Some of them go over an unclosed brace, or a long run of blanks, once for every character in it. So
what is between braces is found here in one pass, and has to be closed, short and of a known kind.
"""

from __future__ import annotations

import re

from ..errors import Fault, TemplateError

MAX_MARKUPS = 1_000
"""Pairs of braces in one text."""
MAX_MARKUP_LENGTH = 2_000
"""Characters between one pair of braces; ten times as much between all of them together."""
TAGS = frozenset(
    {
        "#",
        "assign",
        "break",
        "capture",
        "case",
        "comment",
        "continue",
        "else",
        "elsif",
        "endcapture",
        "endcase",
        "endcomment",
        "endfor",
        "endif",
        "endraw",
        "endunless",
        "for",
        "if",
        "raw",
        "unless",
        "when",
    }
)

_OPEN = re.compile(r"\{\{|\{%")
_NAME = re.compile(r"-?\s*(#|\w+)")
_END_OF_RAW = re.compile(r"\{%-?\s*endraw\s*-?%\}")
_MANY_BLANKS = re.compile(r"\s{100}")


def needs_rendering(text: str) -> bool:
    """Is there anything between braces in it?"""
    return "{{" in text or "{%" in text


def line_at(text: str, index: int) -> int:
    """On which line, from 1, a character is."""
    return text.count("\n", 0, max(index, 0)) + 1


def check_markup(source: str) -> None:
    """Is the template small and simple enough to be parsed? `TemplateError` where it is not."""
    count = length = position = 0
    while found := _OPEN.search(source, position):
        here = found.start()
        is_tag = source[here + 1] == "%"
        end = source.find("%}" if is_tag else "}}", found.end())
        if end < 0:
            raise TemplateError(Fault.SYNTAX, line_at(source, here))
        inside = source[found.end() : end]
        count, length = count + 1, length + len(inside)
        if (
            count > MAX_MARKUPS
            or len(inside) > MAX_MARKUP_LENGTH
            or length > 10 * MAX_MARKUP_LENGTH
            or _MANY_BLANKS.search(inside)
        ):
            raise TemplateError(Fault.TOO_MUCH_MARKUP, line_at(source, here))
        position = end + 2
        if is_tag and _tag_name(inside, source, here) == "raw":
            close = _END_OF_RAW.search(source, position)
            if close is None:
                raise TemplateError(Fault.SYNTAX, line_at(source, here), "raw")
            position = close.end()


def _tag_name(inside: str, source: str, here: int) -> str:
    found = _NAME.match(inside)
    if found is None:
        raise TemplateError(Fault.SYNTAX, line_at(source, here))
    if found[1] not in TAGS:
        raise TemplateError(Fault.UNKNOWN_TAG, line_at(source, here), found[1][:50])
    return found[1]
