"""Markdown that somebody else wrote → HTML that does nothing but look like something.

Twice over: the parser knows no HTML, and what it makes goes through nh3 with a short list of what
may pass. No images: to load one would tell a stranger that, and when, somebody reads this.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

LONGEST = 64_000
"""Characters: more than models write in one answer. Honest text of that length takes 0.3 s."""
_MOST_STEPS = 60_000
_MOST_TOKENS = 30_000
"""Of blocks: a table of one line with a thousand columns makes two hundred thousand."""
_SCHEMES = ("http://", "https://", "mailto:")
_ABOVE = 2
"""Levels of headings that are the page's own; those of an answer stand below them."""

_SIGNS = re.compile(
    r"""^[ ]{0,3}(?: \#{1,6}[ ]\S            # a heading
                  | [-*+][ ]+\S              # an item
                  | \d{1,3}[.)][ ]+\S
                  | >[ ]?\S                  # a quotation
                  | (?:```|~~~)              # a block of code
                  | \|?[ ]*:?-{3,}:?[ ]*\|   # the line below a table's head
                  | (?:-{3,}|\*{3,}|_{3,})[ ]*$ )
      | \*\*[^\s*][^*\n]{0,200}\*\*          # bold
      | `[^`\n]{1,200}`
      | \[[^\]\n]{1,200}\]\((?:https?://|mailto:)
    """,
    re.MULTILINE | re.VERBOSE,
)
_LOOKED_AT = 20_000


class TooMuch(ValueError):
    """A text that takes longer to be set than a page may take."""


def looks_like(text: str) -> bool:
    """Does `text` use Markdown's signs? A guess, from its beginning."""
    return _SIGNS.search(text[:_LOOKED_AT]) is not None


def to_html(text: str) -> str:
    """`text` as safe HTML. Raises `TooMuch`."""
    if len(text) > LONGEST:
        raise TooMuch
    try:
        made = _PARSER.render(text, {"steps": 0})
    except RecursionError as error:
        raise TooMuch from error
    return nh3.clean(
        made,
        tags=_TAGS,
        clean_content_tags=set(),
        attributes={"*": set(), "a": {"href"}, "ol": {"start"}},
        attribute_filter=_attribute,
        tag_attribute_values={"div": {"tabindex": {"0"}}, "pre": {"tabindex": {"0"}}},
        allowed_classes={"div": {"scroll"}, "th": _ALIGNED, "td": _ALIGNED, "span": {"picture"}},
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


_ALIGNED = {"left", "center", "right"}
_TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li"),
    *("pre", "code", "em", "strong", "s", "a", "span", "div"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


def _attribute(tag: str, name: str, value: str) -> str | None:
    if tag == "a" and name == "href":
        # Not to pages of AutoAI itself either: an answer is no place to lead a person from.
        return value if value.lower().startswith(_SCHEMES) else None
    if tag == "ol" and name == "start":
        return value if value.isascii() and value.isdigit() and len(value) <= 9 else None
    return value


def _after_blocks(state: StateCore) -> None:
    if len(state.tokens) > _MOST_TOKENS:
        raise TooMuch
    # No level is skipped on the way down, whatever the answer begins with.
    above: list[str] = []
    for token in state.tokens:
        if token.type == "heading_open":
            while above and above[-1] >= token.tag:
                above.pop()
            above.append(token.tag)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(_ABOVE + len(above), 6)}"


def _count_step(state: StateInline, _silent: bool) -> bool:
    state.env["steps"] += 1
    if state.env["steps"] > _MOST_STEPS:
        raise TooMuch
    return False


Env = MutableMapping[str, Any]


class _Renderer(RendererHTML):
    """No images, and what is wide scrolls by itself."""

    def table_open(self, *_: Any) -> str:
        return '<div class="scroll" tabindex="0"><table>\n'

    def table_close(self, *_: Any) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: Env) -> str:
        return f"<th{_aligned(tokens[at])}>"

    def td_open(self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: Env) -> str:
        return f"<td{_aligned(tokens[at])}>"

    def fence(self, *args: Any) -> str:
        return self._in_reach(super().fence(*args))

    def code_block(self, *args: Any) -> str:
        return self._in_reach(super().code_block(*args))

    def image(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: Env) -> str:
        """What it is said to show."""
        alt = self.renderInlineAsText(tokens[at].children, options, env)
        return f'<span class="picture">{escapeHtml(alt)}</span>'

    @staticmethod
    def _in_reach(html: str) -> str:
        return html.replace("<pre>", '<pre tabindex="0">', 1)


def _aligned(token: Token) -> str:
    side = str(token.attrs.get("style", "")).removeprefix("text-align:")
    return f' class="{side}"' if side in _ALIGNED else ""


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    parser.core.ruler.after("block", "after_blocks", _after_blocks)
    parser.inline.ruler.before("text", "count_step", _count_step)
    return parser


_PARSER = _make_parser()
"""It keeps nothing of a text; several threads may use it."""
