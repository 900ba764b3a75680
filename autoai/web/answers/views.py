"""Which ways of looking at an answer there are, and which one is shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from markupsafe import Markup

from . import json_tree, markdown

SHOWN = 50_000
"""Characters of a text that is longer than that; the rest is one click away."""
WHOLE = 4_000_000
"""What a page takes at most; beyond it there is the file."""
_TOLERANCE = 1.2
_CHUNK = 8_000
"""A browser's time to lay out a block of mixed directions grows with the square of its length: a
megabyte in one takes a minute, in pieces it takes half a second."""


class View(StrEnum):
    """How an answer is shown."""

    MARKDOWN = "markdown"
    JSON = "json"
    RAW = "raw"


@dataclass(frozen=True)
class Text:
    """A text as it came, or its beginning. Lengths are in characters."""

    text: str
    length: int
    """Of all of it."""

    @property
    def left_out(self) -> int:
        """How much is not here."""
        return self.length - len(self.text)

    @property
    def chunks(self) -> list[str]:
        """A long text in pieces, which end with a line where they can; a short one whole."""
        if len(self.text) <= SHOWN * _TOLERANCE:
            return [self.text]
        found, at = [], 0
        while at < len(self.text):
            end = at + _CHUNK
            if end < len(self.text):
                end = self.text.rfind("\n", at, end) + 1 or end
            found.append(self.text[at:end])
            at = end
        return found

    @property
    def fits(self) -> bool:
        """Can a page show all of it?"""
        return self.length <= WHOLE


@dataclass(frozen=True)
class Answer:
    """An answer in the view that was asked for, or in the one that fits best."""

    view: View
    views: tuple[View, ...]
    """The ones that there are for this text, the best first."""
    raw: Text
    html: Markup | None = None
    tree: json_tree.Node | None = None


def cut(text: str, whole: bool = False) -> Text:
    """The beginning of a long text; with `whole`, as much as a page takes."""
    most = WHOLE if whole else SHOWN
    return Text(text[:most] if len(text) > most * _TOLERANCE else text, len(text))


def as_shown(text: str, wanted: str = "", whole: bool = False) -> Answer:
    """`text` as `wanted` (the name of a view), where that fits it. It takes below a second."""
    tree = json_tree.tree_of(text)
    views = [View.JSON] if tree else []
    if len(text) <= markdown.LONGEST:
        like_markdown = tree is None and markdown.looks_like(text)
        views += [View.MARKDOWN, View.RAW] if like_markdown else [View.RAW, View.MARKDOWN]
    else:
        views.append(View.RAW)
    view = View(wanted) if wanted in views else views[0]
    if view is View.MARKDOWN:
        try:
            # The one place where text becomes markup: nh3 has been over it.
            html = Markup(markdown.to_html(text))  # noqa: S704
            return Answer(view, tuple(views), cut(""), html=html)
        except markdown.TooMuch:
            views.remove(View.MARKDOWN)
            view = View.RAW
    if view is View.JSON:
        return Answer(view, tuple(views), cut(""), tree=tree)
    return Answer(view, tuple(views), cut(text, whole))
