"""JSON as a tree that can be folded: everything that the text says, in its order and its digits.

Numbers stay as they are written (1.0 is not 1, and 1e999 is no infinity), a name that stands twice
is shown twice. What is too much for a page is left out, and counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ...domain.json_text import NotJson, inside_fence, storable

LONGEST = 200_000
"""Characters."""
_MOST_NODES = 2_000
_MOST_DEEP = 30
_OPEN_BELOW = 60
"""A tree of so few nodes is open; of a larger one, only the first two levels."""


@dataclass
class Node:
    """A value. `kind`: object, array, string, number, or word (true, false, null)."""

    kind: str
    name: str | None = None
    """Under which it stands in its object."""
    text: str = ""
    """Of what has no children."""
    size: int = 0
    """How many children it has, shown or not."""
    children: list[Node] = field(default_factory=list)
    open: bool = False

    @property
    def left_out(self) -> int:
        """How many children are not shown."""
        return self.size - len(self.children)


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """An object's names and values, also those that stand twice."""


def tree_of(text: str) -> Node | None:
    """The object or list that `text` is, also inside a Markdown code block; None where it is none.

    None too for what is nested so deeply that a tree of it is of no use to anybody.
    """
    if len(text) > LONGEST:
        return None
    inside = inside_fence(text)
    source = (text if inside is None else inside).strip()
    if not source.startswith(("{", "[")):
        return None
    try:
        value = json.loads(
            source,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_refuse,
            object_pairs_hook=_Pairs,
        )
        return _Tree().grown(value)
    except (ValueError, RecursionError):
        return None


class _Tree:
    """Nodes, level by level from the root, until there are too many."""

    def __init__(self) -> None:
        self._left = _MOST_NODES

    def grown(self, value: Any) -> Node:
        root = _leaf(None, value)
        level = [(root, value)]
        for _ in range(_MOST_DEEP):
            level = [pair for node, inner in level for pair in self._children(node, inner)]
        if any(isinstance(inner, list) and inner for _node, inner in level):
            raise NotJson("too_deep")
        self._unfold(root)
        return root

    def _children(self, node: Node, value: Any) -> Iterator[tuple[Node, Any]]:
        for name, inner in _items(value):
            if self._left <= 0:
                return
            self._left -= 1
            child = _leaf(name, inner)
            node.children.append(child)
            yield child, inner

    def _unfold(self, root: Node) -> None:
        few = _MOST_NODES - self._left < _OPEN_BELOW
        level = [root]
        for depth in range(_MOST_DEEP):
            for node in level:
                node.open = few or depth < 2
            level = [child for node in level for child in node.children]


def _items(value: Any) -> Iterator[tuple[str | None, Any]]:
    if isinstance(value, _Pairs):
        yield from value
    elif isinstance(value, list):
        yield from ((None, inner) for inner in value)


def _leaf(name: str | None, value: Any) -> Node:
    name = None if name is None else storable(name)
    if isinstance(value, list):
        return Node("object" if isinstance(value, _Pairs) else "array", name, size=len(value))
    if isinstance(value, _Number):
        return Node("number", name, str(value))
    if isinstance(value, str):
        return Node("string", name, storable(value))
    return Node("word", name, json.dumps(value))


def _refuse(_name: str) -> Any:
    raise NotJson("no_json")  # NaN and Infinity: Python's own idea
